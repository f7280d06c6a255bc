package state

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// Memory given to Open as the folder keeps everything in memory.
const Memory = ":memory:"

const (
	databaseFile = "lapwing.db"
	lockFile     = "lock"
	readers      = 4 // connections for reading
)

// DB is the open database. Stores on top of it share its connections.
type DB struct {
	dir   string // Memory, or the folder
	log   *slog.Logger
	write *sql.DB // one connection; its transactions take the write lock at BEGIN
	read  *sql.DB // refuses to write; in memory the same as write, so nobody may hold two connections at once
	id    [16]byte

	mu     sync.Mutex
	lock   *os.File // held by the server, nil otherwise
	checks *CheckStore
}

// Open opens the database in dir and brings its schema up to date. It creates
// the folder (mode 0700) and the database (mode 0600) when they are missing.
// With dir Memory nothing touches the disk and Close forgets everything.
//
// The caller closes what it opened.
func Open(ctx context.Context, dir string, log *slog.Logger) (*DB, error) {
	db := &DB{dir: dir, log: log.With("part", "state")}
	source, err := db.prepareFolder()
	if err != nil {
		return nil, err
	}
	if db.write, err = openPool(source, writerQuery(dir), 1); err != nil {
		return nil, db.explain("open the database", err)
	}
	if dir == Memory {
		db.read = db.write // the one connection is the database
	} else if db.read, err = openPool(source, readerQuery(), readers); err != nil {
		db.closePools()
		return nil, db.explain("open the database", err)
	}
	if err := db.setUp(ctx); err != nil {
		db.closePools()
		return nil, err
	}
	return db, nil
}

// prepareFolder creates what is missing and returns the database's name for SQLite.
func (db *DB) prepareFolder() (source string, err error) {
	if db.dir == Memory {
		return memorySource, nil
	}
	if db.dir, err = filepath.Abs(db.dir); err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(db.dir, 0o700); err != nil {
		return "", fmt.Errorf("create the data folder: %w", err)
	}
	path := filepath.Join(db.dir, databaseFile)
	// SQLite would create the file with the process's umask, readable by others.
	// An existing file is left alone: closing any handle to it would drop the
	// locks that this process may hold on it.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // #nosec G304 -- the operator's own folder
	switch {
	case err == nil:
		err = file.Close()
	case errors.Is(err, fs.ErrExist):
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("create the database: %w", err)
	}
	return fileSource(path), nil
}

// setUp brings the schema up to date and reads the installation's id.
func (db *DB) setUp(ctx context.Context) error {
	if err := db.migrate(ctx); err != nil {
		return err
	}
	return db.update(ctx, "name the installation", func(ctx context.Context, tx *sql.Tx) error {
		var fresh [16]byte
		if _, err := rand.Read(fresh[:]); err != nil {
			return err
		}
		const insert = `INSERT INTO meta (key, value) VALUES ('installation', ?1) ON CONFLICT (key) DO NOTHING`
		if _, err := tx.ExecContext(ctx, insert, fresh[:]); err != nil {
			return err
		}
		var id []byte
		err := tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = 'installation'`).Scan(&id)
		copy(db.id[:], id)
		return err
	})
}

// Installation is a random name that this data folder got when it was made: 32
// hexadecimal digits.
func (db *DB) Installation() string { return hex.EncodeToString(db.id[:]) }

// Dir is the data folder, absolute; Memory when there is none.
func (db *DB) Dir() string { return db.dir }

// Close writes what the check store still holds in memory into its place, then
// closes the database and gives up the server's lock. What was acknowledged
// before is on disk even if Close fails or never runs.
func (db *DB) Close() error {
	db.mu.Lock()
	store := db.checks
	db.checks = nil
	db.mu.Unlock()
	var err error
	if store != nil {
		err = store.close()
	}
	return errors.Join(err, db.closePools(), db.unlockServer())
}

func (db *DB) closePools() error {
	var err error
	if db.read != nil && db.read != db.write {
		err = db.read.Close()
	}
	// The writer goes last: SQLite empties its write-ahead log when the last
	// connection closes.
	return errors.Join(err, db.write.Close())
}

// update runs do in one transaction that holds the write lock from its start.
// The transaction is not cut off half-way when ctx ends: it is short, and its
// outcome is then certain. do must use the ctx that it is given, and only tx.
// An error is wrapped with doing, which names the work: "add a token".
func (db *DB) update(ctx context.Context, doing string, do func(ctx context.Context, tx *sql.Tx) error) error {
	return db.updateThen(ctx, doing, do, (*sql.Tx).Commit)
}

// updateThen is update with a commit of the caller's: it must commit tx, or
// return an error.
func (db *DB) updateThen(ctx context.Context, doing string, do func(ctx context.Context, tx *sql.Tx) error, commit func(tx *sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	ctx = context.WithoutCancel(ctx)
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return db.explain(doing, err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing; before, the first error is the one to tell
	if err := do(ctx, tx); err != nil {
		return db.explain(doing, err)
	}
	return db.explain(doing, commit(tx))
}
