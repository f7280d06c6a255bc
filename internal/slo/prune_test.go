package slo_test

import (
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/internal/slo"
)

// What is older than budgets and baselines reach goes, but not at once after a
// start: whether the clock goes evenly is not known then.
func TestOldStepsGoOnceTheClockIsKnownToGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(200 * 24 * time.Hour)
		store := &memory{}
		old := time.Now().Add(-slo.KeepHourly - 2*time.Hour).Truncate(time.Hour)
		if err := store.PutSteps(t.Context(), []slo.Step{{Start: old, Length: time.Hour}}); err != nil {
			t.Fatal(err)
		}
		b := work(t, store, with())
		kept := func(want bool) {
			t.Helper()
			b.send("/orders", 200, 1, time.Millisecond) // there is something to write
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			there := false
			err := store.Steps(t.Context(), slo.Query{Length: time.Hour, From: old, To: old.Add(time.Hour)}, func(slo.Step) error {
				there = true
				return nil
			})
			if err != nil || there != want {
				t.Errorf("after %s the old step is there: %v, %v", time.Since(old), there, err)
			}
		}
		kept(true)
		time.Sleep(40 * time.Minute)
		kept(true)
		time.Sleep(time.Hour)
		kept(false)
	})
}
