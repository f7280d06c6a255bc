package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"lapwing.dev/lapwing/internal/fault"
)

// This file holds what is SQLite's alone; a second database brings its twin.

// Errors on which a caller may decide. A full disk and a locked database are
// also of fault.KindUnavailable, with the codes storage_full and storage_busy.
var (
	// ErrDiskFull says that there is no space left for the database. Nothing of
	// the refused write is kept; it may be tried again once there is space.
	ErrDiskFull = errors.New("the disk is full")
	// ErrBusy says that another process kept the database locked for too long.
	// Nothing of the refused write is kept; it may be tried again.
	ErrBusy = errors.New("the database is locked by another process")
	// ErrNotDatabase says that lapwing.db is something else, or damaged beyond reading.
	ErrNotDatabase = errors.New("not a Lapwing database")
	// ErrNewerSchema says that a newer Lapwing wrote the data folder.
	ErrNewerSchema = errors.New("the data folder was written by a newer Lapwing")
)

const (
	busyTimeout = "5000"    // milliseconds that a statement waits for a lock
	walLimit    = "8388608" // bytes to which the write-ahead log is cut after a burst
)

// fileSource names a database file for SQLite.
func fileSource(path string) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	return u.String()
}

// memorySource is a new database in memory, which only its own connection sees.
const memorySource = "file::memory:"

// writerQuery sets up the writing connection. Each commit reaches the disk
// before it returns: with a write-ahead log that takes synchronous=FULL.
func writerQuery(dir string) url.Values {
	query := url.Values{
		"_busy_timeout": {busyTimeout},
		"_auto_vacuum":  {"incremental"},
		"_foreign_keys": {"on"},
		"_synchronous":  {"full"},
		"_txlock":       {"immediate"},
		"_pragma":       {"journal_size_limit(" + walLimit + ")"},
	}
	if dir != Memory {
		query.Set("_journal_mode", "wal")
	}
	return query
}

func readerQuery() url.Values {
	return url.Values{
		"_busy_timeout": {busyTimeout},
		"_foreign_keys": {"on"},
		"_query_only":   {"on"},
	}
}

// openPool opens a pool of at most n connections, which stay open: a database
// in memory is gone with its last connection.
func openPool(source string, query url.Values, n int) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", source+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	return pool, nil
}

// anyOf is the condition that a column is one of the values in parameter n, for
// which list makes the argument.
func anyOf(column string, n int) string {
	return fmt.Sprintf("%s IN (SELECT value FROM json_each(?%d))", column, n)
}

// explain wraps an error of the database with what was being done, and with the
// kinds on which callers decide. It keeps nil.
func (db *DB) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	path := filepath.Join(db.dir, databaseFile)
	code := e.Code()
	switch {
	case code == sqlite3.SQLITE_IOERR_SHMSIZE, code&0xff == sqlite3.SQLITE_FULL:
		full := unavailable("storage_full", "the disk that keeps the data is full: nothing was stored; free some space and try again", ErrDiskFull)
		return fmt.Errorf("%s: %w (on the file system of %s): %w", doing, full, db.dir, err)
	case code&0xff == sqlite3.SQLITE_BUSY:
		busy := unavailable("storage_busy", "another program keeps the database locked: nothing was stored; end it and try again", ErrBusy)
		return fmt.Errorf("%s: %w (it has %s open): %w", doing, busy, path, err)
	case code&0xff == sqlite3.SQLITE_NOTADB, code&0xff == sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%s: %s: %w, or damaged: restore it from a backup, or move it away to start with an empty one: %w",
			doing, path, ErrNotDatabase, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// unavailable is a kind of error that clients of the HTTP surface are told: the
// message names no file, as not everybody who sees it may know where they are.
func unavailable(code, message string, err error) error {
	return &fault.Error{Kind: fault.KindUnavailable, Code: code, Message: message, Err: err}
}

const (
	vacuumStep    = 512 // pages given back in one transaction
	vacuumOnClose = 8   // steps at most, so that a stop stays quick
)

// vacuum gives free pages beyond keep back to the file system, in at most steps
// small transactions (steps < 0: as many as it takes).
func (db *DB) vacuum(ctx context.Context, keep, steps int) error {
	for ; steps != 0; steps-- {
		var free int
		if err := db.write.QueryRowContext(ctx, `PRAGMA freelist_count`).Scan(&free); err != nil {
			return db.explain("give back free space", err)
		}
		n := min(free-keep, vacuumStep)
		if n <= 0 {
			return nil
		}
		if err := db.vacuumPages(ctx, n); err != nil {
			return db.explain("give back free space", err)
		}
	}
	return nil
}

// vacuumPages steps to the end of the statement: each step is one page.
func (db *DB) vacuumPages(ctx context.Context, n int) error {
	rows, err := db.write.QueryContext(ctx, fmt.Sprintf(`PRAGMA incremental_vacuum(%d)`, n))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}
