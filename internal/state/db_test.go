package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(appenderEnv); dir != "" { // this process is to be killed by TestKilledProcessLosesNothing
		if err := appendForever(dir, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func openDB(t *testing.T, dir string) *DB {
	t.Helper()
	db, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func TestNewDataFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "data folder?#%41")
	openDB(t, dir)
	for name, want := range map[string]os.FileMode{
		"": 0o700 | os.ModeDir, "lapwing.db": 0o600, "lapwing.db-wal": 0o600, "lapwing.db-shm": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("mode of %q is %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestConnectionsAreSetUp(t *testing.T) {
	for _, dir := range []string{t.TempDir(), Memory} {
		db := openDB(t, dir)
		want := map[string]string{"foreign_keys": "1", "busy_timeout": "5000", "auto_vacuum": "2", "synchronous": "2", "journal_mode": "wal"}
		if dir == Memory {
			want["journal_mode"] = "memory"
		}
		for pragma, value := range want {
			var got string
			if err := db.write.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != value {
				t.Errorf("%s: %s is %q, %v; want %q", dir, pragma, got, err, value)
			}
		}
		if _, err := db.read.ExecContext(t.Context(), "DELETE FROM meta"); err == nil && dir != Memory {
			t.Errorf("%s: a reading connection wrote", dir)
		}
	}
}

func TestInstallationKeepsItsName(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	id := first.Installation()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if got := openDB(t, dir).Installation(); got != id || len(id) != 32 {
		t.Errorf("installation was %q, after a restart %q", id, got)
	}
	if got := openDB(t, Memory).Installation(); got == id {
		t.Error("two installations have the same name")
	}
}

func TestTwoDatabasesInMemoryAreSeparate(t *testing.T) {
	one, two := openDB(t, Memory), openDB(t, Memory)
	if one.Installation() == two.Installation() {
		t.Error("they share their data")
	}
	var id []byte
	if err := one.read.QueryRowContext(t.Context(), "SELECT value FROM meta WHERE key = 'installation'").Scan(&id); err != nil || string(id) != string(one.id[:]) {
		t.Errorf("the reading connections see %x, %v; want %x", id, err, one.id)
	}
}

func TestOneServerPerFolder(t *testing.T) {
	dir := t.TempDir()
	server, command := openDB(t, dir), openDB(t, dir)
	for range 2 {
		if err := server.LockServer(); err != nil {
			t.Fatal(err)
		}
	}
	err := command.LockServer()
	if !errors.Is(err, ErrServerRunning) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "(process ") {
		t.Errorf("second server: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := command.LockServer(); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
}

func TestForeignFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, databaseFile)
	foreign := []byte(strings.Repeat("this is no database\n", 500))
	if err := os.WriteFile(path, foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if !errors.Is(err, ErrNotDatabase) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if kept, _ := os.ReadFile(path); string(kept) != string(foreign) {
		t.Error("the file was changed")
	}
}

func TestFolderThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), filepath.Join(file, "data"), slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), "create the data folder: ") {
		t.Errorf("got %v", err)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	if _, err := db.write.ExecContext(t.Context(), "INSERT INTO schema_migrations VALUES (99, '0099_future.sql', '', 0)"); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if !errors.Is(err, ErrNewerSchema) || !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("got %v", err)
	}
}

func TestMigrations(t *testing.T) {
	files := fstest.MapFS{
		"migrations/0001_bird.sql": {Data: []byte("CREATE TABLE bird (name TEXT); CREATE TABLE nest (bird TEXT);")},
		"migrations/0002_egg.sql":  {Data: []byte("CREATE TABLE egg (nest TEXT); INSERT INTO egg VALUES ('blue; white');")},
	}
	list, err := migrations(files)
	if err != nil {
		t.Fatal(err)
	}
	fresh := func(t *testing.T) *DB {
		db := openDB(t, Memory)
		if _, err := db.write.ExecContext(t.Context(), "DELETE FROM schema_migrations"); err != nil {
			t.Fatal(err)
		}
		return db
	}
	count := func(t *testing.T, db *DB, query string) (n int) {
		t.Helper()
		if err := db.write.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}

	t.Run("each runs once", func(t *testing.T) {
		db := fresh(t)
		for _, upTo := range []int{1, 2, 2} {
			if err := db.migrateTo(t.Context(), list[:upTo]); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, db, "SELECT count(*) FROM egg"); n != 1 {
			t.Errorf("%d eggs, want 1", n)
		}
	})
	t.Run("one that fails leaves nothing behind", func(t *testing.T) {
		db := fresh(t)
		broken := append(list[:1:1], migration{2, "0002_bad.sql", "CREATE TABLE half (a TEXT); CREATE TABLE bird (b TEXT);", "x"})
		err := db.migrateTo(t.Context(), broken)
		if err == nil || !strings.HasPrefix(err.Error(), "migration 0002_bad.sql: ") {
			t.Errorf("got %v", err)
		}
		if n := count(t, db, "SELECT count(*) FROM sqlite_master WHERE name = 'half'"); n != 0 {
			t.Error("half a migration was kept")
		}
		if n := count(t, db, "SELECT max(version) FROM schema_migrations"); n != 1 {
			t.Errorf("schema is %d, want 1", n)
		}
	})
	t.Run("an edited one is noticed", func(t *testing.T) {
		db := fresh(t)
		if err := db.migrateTo(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		edited := list[0]
		edited.checksum = "other"
		if err := db.migrateTo(t.Context(), []migration{edited, list[1]}); err == nil || !strings.Contains(err.Error(), "was changed after this database ran it") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("numbers have no gaps", func(t *testing.T) {
		gap := fstest.MapFS{"migrations/0001_a.sql": {}, "migrations/0003_b.sql": {}}
		if _, err := migrations(gap); err == nil || !strings.Contains(err.Error(), "expected number 0002") {
			t.Errorf("got %v", err)
		}
	})
}

func TestUpdateKeepsNothingOfAnError(t *testing.T) {
	db := openDB(t, t.TempDir())
	failure := errors.New("no nest")
	err := db.update(t.Context(), "add a bird", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES ('bird', x'00')"); err != nil {
			return err
		}
		return failure
	})
	if !errors.Is(err, failure) || err.Error() != "add a bird: no nest" {
		t.Errorf("got %v", err)
	}
	var n int
	if err := db.read.QueryRowContext(t.Context(), "SELECT count(*) FROM meta WHERE key = 'bird'").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d birds, %v; want none", n, err)
	}
}
