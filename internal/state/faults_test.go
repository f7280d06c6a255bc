package state

import (
	"bytes"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
)

func openChecks(t *testing.T, db *DB) *CheckStore {
	t.Helper()
	store, err := db.Checks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func countResults(t *testing.T, store *CheckStore, id string) int {
	t.Helper()
	list, err := store.Results(t.Context(), id, time.UnixMilli(0), time.UnixMilli(1<<42), 0)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// untilFull appends batches until the store refuses one, and returns how many it took.
func untilFull(t *testing.T, store *CheckStore) (taken int) {
	t.Helper()
	for n := 1; n < 50_000; n++ {
		err := store.Append(t.Context(), killedBatch(n))
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "free some space") {
			t.Fatalf("batch %d: %v; want ErrDiskFull", n, err)
		}
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.KindUnavailable || f.Code != "storage_full" || strings.Contains(f.Message, "/") {
			t.Fatalf("batch %d: a client is told %+v", n, f)
		}
		return n - 1
	}
	t.Fatal("the disk never fills")
	return 0
}

// spaceReturns checks that the refused batch is taken now, and that all is there.
func spaceReturns(t *testing.T, db *DB, taken int) {
	t.Helper()
	store := openChecks(t, db)
	if n := countResults(t, store, "check-0"); n != taken*killBatch/killChecks {
		t.Errorf("%d results while the disk is full, want %d", n, taken*killBatch/killChecks)
	}
	for n := taken + 1; n <= taken+50; n++ {
		if err := store.Append(t.Context(), killedBatch(n)); err != nil {
			t.Fatalf("with space again: %v", err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	checkAfterKill(t, db.Dir(), taken+50)
}

func TestDatabaseAtItsLimitWorksAgainWithSpace(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	store := openChecks(t, db)
	store.limits = killLimits()
	limit := func(pages string) {
		if _, err := db.write.ExecContext(t.Context(), "PRAGMA max_page_count = "+pages); err != nil {
			t.Fatal(err)
		}
	}
	limit("120")
	taken := untilFull(t, store)
	limit("1000000")
	spaceReturns(t, db, taken)
}

func TestFullDiskWorksAgainWithSpace(t *testing.T) {
	dir := smallDisk(t)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	db := openDB(t, filepath.Join(dir, "data"))
	store := openChecks(t, db)
	taken := untilFull(t, store)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	spaceReturns(t, db, taken)
}

func TestFullDiskAtTheStart(t *testing.T) {
	dir := smallDisk(t)
	if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 4<<20-4096), 0o600); err != nil && !strings.Contains(err.Error(), "no space") {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), filepath.Join(dir, "data"), slog.New(slog.DiscardHandler))
	if !errors.Is(err, ErrDiskFull) {
		t.Errorf("got %v, want ErrDiskFull", err)
	}
}

func TestLockedDatabaseTakesTheBatchLater(t *testing.T) {
	dir := t.TempDir()
	db, other := openDB(t, dir), openDB(t, dir)
	store := openChecks(t, db)
	if _, err := db.write.ExecContext(t.Context(), "PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	tx, err := other.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := store.Append(t.Context(), killedBatch(1)); !errors.Is(err, ErrBusy) {
			t.Fatalf("got %v, want ErrBusy", err)
		} else if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.KindUnavailable || f.Code != "storage_busy" {
			t.Fatalf("a client is told %+v", f)
		}
	}
	if n := countResults(t, store, "check-0"); n != 0 {
		t.Errorf("%d results of a refused batch", n)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := store.Append(t.Context(), killedBatch(1)); err != nil {
		t.Fatal(err)
	}
	if n := countResults(t, store, "check-0"); n != killBatch/killChecks {
		t.Errorf("%d results, want %d", n, killBatch/killChecks)
	}
}

func TestHistoryHasOneWriter(t *testing.T) {
	dir := t.TempDir()
	server, command := openDB(t, dir), openDB(t, dir)
	store := openChecks(t, server)
	if _, err := command.Checks(t.Context()); !errors.Is(err, ErrServerRunning) {
		t.Errorf("a second process: %v", err)
	}
	if again := openChecks(t, server); again != store {
		t.Error("the same process got a second store")
	}
}

func TestClosedStoreTakesNothing(t *testing.T) {
	db := openDB(t, t.TempDir())
	store := openChecks(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Append(t.Context(), killedBatch(1)); fault.KindOf(err) != fault.KindUnavailable {
		t.Errorf("append: %v", err)
	}
	if err := store.SetPaused(t.Context(), checks.Transition{Check: "check-0"}, true); fault.KindOf(err) != fault.KindUnavailable {
		t.Errorf("pause: %v", err)
	}
}

// A damaged place costs what is in it, and says so.
func TestDamageIsLeftOut(t *testing.T) {
	damage := func(t *testing.T, db *DB, statement string) {
		t.Helper()
		result, err := db.write.ExecContext(t.Context(), statement)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			t.Fatalf("%d rows damaged, %v", n, err)
		}
	}
	open := func(t *testing.T, dir string) (*DB, *CheckStore, *bytes.Buffer) {
		var log bytes.Buffer
		db, err := Open(t.Context(), dir, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db, openChecks(t, db), &log
	}
	const half = `x'01000000001234'`
	fill := func(t *testing.T, store *CheckStore) {
		for n := 1; n <= 300; n++ { // 1500 results of each check: three chunks
			if err := store.Append(t.Context(), killedBatch(n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Run("a chunk", func(t *testing.T) {
		db, store, log := open(t, t.TempDir())
		fill(t, store)
		if err := store.sealAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		damage(t, db, `UPDATE result_chunks SET data = `+half+` WHERE id = (SELECT MIN(id) FROM result_chunks WHERE check_key = 1)`)
		if n := countResults(t, store, "check-0"); n != 1500-512 {
			t.Errorf("%d results, want those of the other chunks, %d", n, 1500-512)
		}
		if !strings.Contains(log.String(), "a chunk of results is unreadable") {
			t.Errorf("log: %s", log)
		}
		if _, err := store.Result(t.Context(), "check-0", 1000); err == nil || fault.KindOf(err) == fault.KindNotFound {
			t.Errorf("a run in it: %v; want an error that says more than not found", err)
		}
	})
	t.Run("the open chunk", func(t *testing.T) {
		db, store, log := open(t, t.TempDir())
		fill(t, store)
		if err := store.sealAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		damage(t, db, `UPDATE result_chunks SET data = `+half+` WHERE id IN (SELECT open_chunk FROM checks)`)
		if err := store.Append(t.Context(), killedBatch(301)); err != nil {
			t.Fatal(err)
		}
		if err := store.sealAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := countResults(t, store, "check-0"); n != 2*512+5 {
			t.Errorf("%d results, want the full chunks and the new runs, %d", n, 2*512+5)
		}
		if !strings.Contains(log.String(), "a chunk of results is unreadable") {
			t.Errorf("log: %s", log)
		}
	})
	t.Run("a row of the journal", func(t *testing.T) {
		dir := t.TempDir()
		db, store, _ := open(t, dir)
		fill(t, store)
		damage(t, db, `UPDATE results_journal SET data = `+half+` WHERE seq = 7`)
		db.checks = nil
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		_, store, log := open(t, dir)
		if n := countResults(t, store, "check-0"); n != 299*5 {
			t.Errorf("%d results, want those of the other rows, %d", n, 299*5)
		}
		if !strings.Contains(log.String(), "a row of the journal is unreadable") {
			t.Errorf("log: %s", log)
		}
	})
	t.Run("a page of roll-ups", func(t *testing.T) {
		db, store, log := open(t, t.TempDir())
		fill(t, store)
		if err := store.sealAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		damage(t, db, `UPDATE rollups SET data = `+half)
		if err := store.Append(t.Context(), killedBatch(301)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := store.Rollups(t.Context(), []string{"check-0"}, checks.Daily, time.UnixMilli(0), time.UnixMilli(1<<40))
			if err != nil || len(got["check-0"]) != 1 || got["check-0"][0].Runs() != 5 {
				t.Errorf("%v, %v; want the five new runs", got, err)
			}
			if err := store.sealAll(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(log.String(), "a page of roll-ups is unreadable") {
			t.Errorf("log: %s", log)
		}
	})
	t.Run("evidence", func(t *testing.T) {
		db, store, _ := open(t, t.TempDir())
		if err := store.Append(t.Context(), &checks.Batch{Evidence: []checks.Evidence{{Check: "check-0", Run: 5}}}); err != nil {
			t.Fatal(err)
		}
		damage(t, db, `UPDATE evidence SET data = `+half)
		if _, err := store.Evidence(t.Context(), "check-0", 5); err == nil || fault.KindOf(err) == fault.KindNotFound {
			t.Errorf("got %v", err)
		}
	})
}

func TestSealsThatFailAreTriedAgain(t *testing.T) {
	var log bytes.Buffer
	db, err := Open(t.Context(), t.TempDir(), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store := openChecks(t, db)
	store.limits = limits{journal: 5000, age: time.Hour, checks: 4, runs: 1 << 20}
	exec := func(statement string) {
		if _, err := db.write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TRIGGER refuse BEFORE INSERT ON result_chunks BEGIN SELECT RAISE(ABORT, 'no chunk today'); END`)
	n := 0
	for ; ; n++ {
		if err = store.Append(t.Context(), killedBatch(n+1)); err != nil {
			break
		}
	}
	if !strings.Contains(err.Error(), "the journal of results is full: ") || store.journal.bytes < overflow*store.limits.journal {
		t.Errorf("after %d batches and %d bytes: %v", n, store.journal.bytes, err)
	}
	if got := strings.Count(log.String(), "could not be sealed"); got != 1 {
		t.Errorf("the log says it %d times, want once: %s", got, &log)
	}
	exec(`DROP TRIGGER refuse`)
	for i := n; i < n+5; i++ {
		if err := store.Append(t.Context(), killedBatch(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := countResults(t, store, "check-0"); got != (n+5)*killBatch/killChecks {
		t.Errorf("%d results, want %d", got, (n+5)*killBatch/killChecks)
	}
	var rows int
	if err := db.read.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM results_journal`).Scan(&rows); err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	if rows > 5 || !strings.Contains(log.String(), "is sealed again") {
		t.Errorf("%d rows are left in the journal; log: %s", rows, &log)
	}
}
