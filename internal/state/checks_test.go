package state

import (
	"log/slog"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/checks/storetest"
)

// folder is a place for storetest: a data folder, or memory.
type folder struct {
	dir    string
	limits limits
	db     *DB
}

func (f *folder) Durable() bool { return f.dir != Memory }

func (f *folder) Open(t *testing.T) checks.Store {
	t.Helper()
	var err error
	if f.db, err = Open(t.Context(), f.dir, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	store, err := f.db.Checks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store.limits = f.limits
	return store
}

func (f *folder) Close(t *testing.T) {
	t.Helper()
	if err := f.db.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// Kill closes the handles, which the kernel would do, and nothing else.
func (f *folder) Kill(t *testing.T) {
	t.Helper()
	f.db.checks = nil
	f.Close(t)
}

func TestCheckStore(t *testing.T) {
	usual := defaultLimits()
	eager := limits{journal: 1, age: time.Hour, checks: 2, runs: 100}
	slow := limits{journal: 20_000, age: time.Hour, checks: 1, runs: 1}
	for name, place := range map[string]folder{
		"that rarely seals":       {limits: usual},
		"that seals all the time": {limits: eager},
		"that seals step by step": {limits: slow},
		"in memory":               {dir: Memory, limits: eager},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time is waiting for the disk
			storetest.Run(t, func(t *testing.T) storetest.Backend {
				f := place
				if f.dir == "" {
					f.dir = t.TempDir()
				}
				t.Cleanup(func() {
					if f.db != nil {
						f.Close(t)
					}
				})
				return &f
			})
		})
	}
}
