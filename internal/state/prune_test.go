package state

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/units"
)

func retention(n int) checks.Retention {
	keep := units.Duration(n) * units.Duration(units.Day)
	return checks.Retention{Results: keep, Hourly: keep, Daily: keep, Evidence: 5}
}

func TestPruningGivesSpaceBack(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	store := openChecks(t, db)
	blob := make([]byte, 16<<10)
	if _, err := db.write.ExecContext(t.Context(), `INSERT INTO checks (key, id) VALUES (1, 'gone')`); err != nil {
		t.Fatal(err)
	}
	const fill = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
		INSERT INTO result_chunks (check_key, first_ms, last_ms, runs, data) SELECT 1, i, i, 1, ?1 FROM n`
	if _, err := db.write.ExecContext(t.Context(), fill, blob); err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		t.Helper()
		if _, err := db.write.ExecContext(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, databaseFile))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	if err := store.Prune(t.Context(), time.Now(), retention(1)); err != nil {
		t.Fatal(err)
	}
	if after := size(); before < 32<<20 || after > sparePages*4096+1<<20 {
		t.Errorf("%d bytes before, %d after", before, after)
	}
}

func TestChecksThatAreGoneAreForgotten(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	store := openChecks(t, db)
	store.limits = limits{journal: 1, age: time.Hour, checks: 100, runs: 1 << 20}
	old := time.Now().AddDate(-3, 0, 0)
	add := func(id string, at time.Time) {
		t.Helper()
		r := killedBatch(1).Results[0]
		r.Check, r.Run = id, checks.RunID(at.UnixMilli())
		batch := &checks.Batch{
			Results: []checks.Result{r}, Transitions: []checks.Transition{{Check: id, At: at}}, Evidence: []checks.Evidence{{Check: id, Run: r.Run}},
		}
		if err := store.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	add("removed", old)
	add("paused", old)
	add("running", old)
	add("running", time.Now())
	if err := store.SetPaused(t.Context(), checks.Transition{Check: "paused", At: old, To: checks.Paused, By: "admin"}, true); err != nil {
		t.Fatal(err)
	}
	r := retention(365)
	r.Results = units.Duration(30 * units.Day)
	if err := store.Prune(t.Context(), time.Now(), r); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"at once", "after a restart"} {
		lives, err := store.Lives(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]bool{"removed": false, "paused": true, "running": true} {
			if _, known := lives[id]; known != want {
				t.Errorf("%s: %q is known: %v, want %v", when, id, known, want)
			}
		}
		if when == "at once" {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			store = openChecks(t, openDB(t, dir))
		}
	}
	add("removed", time.Now()) // it comes back as a new one
	if n := countResults(t, store, "removed"); n != 1 {
		t.Errorf("%d results, want 1", n)
	}
}
