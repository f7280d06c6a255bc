package state

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Migrations are numbered 0001_name.sql, run once, in order, each in its own
// transaction. One that was released is never edited: a database remembers the
// checksum of what it ran.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

type migration struct {
	version  int
	name     string // the file's
	sql      string
	checksum string
}

// migrations reads the embedded files, in order. Their numbers have no gaps.
func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	list := make([]migration, 0, len(names))
	for i, path := range names {
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(path, "migrations/")
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %s: expected number %04d", name, i+1)
		}
		sum := sha256.Sum256(text)
		list = append(list, migration{version, name, string(text), hex.EncodeToString(sum[:])})
	}
	return list, nil
}

// migrate brings the schema up to date.
func (db *DB) migrate(ctx context.Context) error {
	list, err := migrations(migrationFiles)
	if err != nil {
		return err
	}
	return db.migrateTo(ctx, list)
}

func (db *DB) migrateTo(ctx context.Context, list []migration) error {
	// The first write: it makes SQLite look at the file, so that a foreign or
	// damaged one is found here.
	const table = `CREATE TABLE IF NOT EXISTS schema_migrations (
		version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_ms INTEGER NOT NULL)`
	if _, err := db.write.ExecContext(ctx, table); err != nil {
		return db.explain("open the database", err)
	}
	if err := db.refuseNewer(ctx, list); err != nil {
		return err
	}
	for _, m := range list {
		err := db.update(ctx, "migration "+m.name, func(ctx context.Context, tx *sql.Tx) error {
			return m.run(ctx, tx)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) refuseNewer(ctx context.Context, list []migration) error {
	var newest int
	const query = `SELECT COALESCE(MAX(version), 0) FROM schema_migrations`
	if err := db.write.QueryRowContext(ctx, query).Scan(&newest); err != nil {
		return db.explain("read the schema's version", err)
	}
	if newest > len(list) {
		return fmt.Errorf("%w: %s has schema %d and this version knows %d: start the newer version again, or restore a backup from before it",
			ErrNewerSchema, db.dir, newest, len(list))
	}
	return nil
}

// run applies the migration unless the database has it. Another process may
// have been quicker, so it looks inside the transaction.
func (m *migration) run(ctx context.Context, tx *sql.Tx) error {
	var checksum string
	err := tx.QueryRowContext(ctx, `SELECT checksum FROM schema_migrations WHERE version = ?1`, m.version).Scan(&checksum)
	if err == nil {
		if checksum != m.checksum {
			return fmt.Errorf("it was changed after this database ran it (checksum %.12s, then %.12s)", m.checksum, checksum)
		}
		return nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if _, err := tx.ExecContext(ctx, m.sql); err != nil {
		return err
	}
	const insert = `INSERT INTO schema_migrations (version, name, checksum, applied_ms) VALUES (?1, ?2, ?3, ?4)`
	_, err = tx.ExecContext(ctx, insert, m.version, m.name, m.checksum, time.Now().UnixMilli())
	return err
}
