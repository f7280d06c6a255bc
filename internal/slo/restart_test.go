package slo_test

import (
	"context"
	"log/slog"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/slo"
	"lapwing.dev/lapwing/internal/state"
	"lapwing.dev/lapwing/internal/units"
)

func daily() catalog.Objective {
	return catalog.Objective{Name: "availability", Target: .99, Over: units.Duration(units.Day)}
}

func TestARestartForgetsNeitherBudgetsNorAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		b := work(t, store, with(daily()))
		b.traffic("/orders", 5, 0, 13*time.Minute)
		b.traffic("/refunds", 5, .08, 2*time.Minute+17*time.Second)
		before, wrong := b.Budgets()[0], b.one()
		e1, _ := b.Endpoint("orders", "GET /refunds")
		b.stop()

		b = work(t, store, with(daily()))
		time.Sleep(6 * time.Second)
		synctest.Wait()
		after, still := b.Budgets()[0], b.one()
		e2, found := b.Endpoint("orders", "GET /refunds")
		const sent, failed = 5 * (15*60 + 17), 54
		if after.Requests != sent || after.Bad != failed || after.Since.Sub(before.Since).Abs() > 5*time.Minute {
			t.Errorf("the budget: %s", cmp.Diff(before, after))
		}
		if still.State != slo.Firing || !still.Since.Equal(wrong.Since) || !still.Fired.Equal(wrong.Fired) {
			t.Errorf("the alert: %s", cmp.Diff(wrong, still))
		}
		if !found || e2.Requests < e1.Requests*9/10 || (e2.P95-e1.P95).Abs() > time.Millisecond || e2.State != "warning" {
			t.Errorf("the window: %s", cmp.Diff(e1, e2))
		}
		b.stop()

		b = work(t, store, with(daily())) // and once more: nothing is counted twice
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if again := b.Budgets()[0]; again.Requests != sent {
			t.Errorf("the second time: %d requests, want %d", again.Requests, sent)
		}
	})
}

func TestAPendingAlertGoesOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		b := work(t, store, api())
		b.traffic("/refunds", 10, .08, 40*time.Second)
		b.want("warning ErrorRateHigh GET /refunds pending")
		since := b.one().Since
		b.stop()
		b = work(t, store, api())
		b.traffic("/refunds", 10, .08, 30*time.Second)
		b.want("warning ErrorRateHigh GET /refunds firing")
		if c := b.one(); !c.Since.Equal(since) {
			t.Errorf("pending since %s, then %s", since, c.Since)
		}
	})
}

func TestAKillLosesAtMostHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		b := work(t, store, with(daily()))
		b.traffic("/orders", 10, 0, 7*time.Minute+29*time.Second)
		synctest.Wait()
		store.mu.Lock()
		killed := &memory{steps: map[time.Duration]map[int64]slo.Step{5 * time.Minute: {}}}
		maps.Copy(killed.steps[5*time.Minute], store.steps[5*time.Minute])
		store.mu.Unlock()
		b.stop()
		b = work(t, killed, with(daily()))
		if got := b.Budgets()[0].Requests; got < 10*(7*60+29-31) {
			t.Errorf("%d of %d requests are left", got, 10*(7*60+29))
		}
	})
}

func TestAFullDiskDelaysAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		b := work(t, store, with(daily()))
		b.traffic("/orders", 5, 0, time.Minute)
		store.fail(true)
		b.traffic("/orders", 5, .5, 20*time.Minute)
		synctest.Wait()
		if list := b.notices.List(); len(list) != 1 || list[0].Code != "slo_store" {
			t.Errorf("notices: %+v", list)
		}
		if len(b.now()) == 0 {
			t.Error("without a disk nobody is told")
		}
		store.fail(false)
		b.traffic("/orders", 5, 0, time.Minute)
		synctest.Wait()
		if list := b.notices.List(); len(list) != 0 {
			t.Errorf("notices: %+v", list)
		}
		before := b.Budgets()[0]
		b.stop()
		b = work(t, store, with(daily()))
		if after := b.Budgets()[0]; after.Requests != before.Requests || after.Bad != before.Bad {
			t.Errorf("before %+v\nafter  %+v", before, after)
		}
	})
}

func TestAReloadKeepsWhatWasCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := with(daily())
		b := work(t, &memory{}, a)
		b.traffic("/refunds", 10, .5, 2*time.Minute)
		b.want("critical ErrorRateHigh GET /refunds firing")
		before := b.Budgets()[0]
		a.ErrorRate.Over = units.Duration(2 * time.Minute)
		other := api()
		other.Name = "users"
		b.configure(other, a)
		time.Sleep(6 * time.Second)
		b.want("critical ErrorRateHigh GET /refunds firing")
		if after := b.Budgets()[0]; after.Requests != before.Requests {
			t.Errorf("%d requests, then %d", before.Requests, after.Requests)
		}
		e, _ := b.Endpoint("orders", "GET /refunds")
		if e.Over != 2*time.Minute || e.Requests < 900 {
			t.Errorf("the window: %d requests in %s", e.Requests, e.Over)
		}
		b.configure(other)
		time.Sleep(6 * time.Second)
		b.want()
		if list := b.Endpoints(""); len(list) != 0 {
			t.Errorf("%d operations of an API that is gone", len(list))
		}
	})
}

func TestHoursAreRolledUpAndOldStepsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		b := work(t, store, with(daily()))
		for range 5 * 24 {
			b.send("/orders", 200, 60, time.Millisecond)
			time.Sleep(time.Hour)
		}
		b.stop()
		fine, hours := store.steps[5*time.Minute], store.steps[time.Hour]
		if n := len(fine); n < 4*288 || n > 4*288+13 {
			t.Errorf("%d steps of five minutes", n)
		}
		var sum uint64
		for _, step := range hours {
			for _, c := range step.Counts {
				sum += c.Requests
			}
			if step.Covered < 59*time.Minute {
				t.Errorf("the hour from %s was seen for %s", step.Start, step.Covered)
			}
		}
		if sum != 5*24*60 {
			t.Errorf("%d hours with %d requests", len(hours), sum)
		}
	})
}

// A ticket must not be lost to the clock of a machine that was asleep, or is set.
func TestAClockThatJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := work(t, &memory{}, with(daily()))
		b.traffic("/orders", 10, 0, 10*time.Minute)
		now := time.Now()
		slo.Tick(b.Manager, now.Add(3*time.Hour)) // forward
		b.traffic("/orders", 10, 0, time.Minute)
		slo.Tick(b.Manager, now.Add(2*time.Minute)) // back
		b.traffic("/orders", 10, 1, time.Minute)
		if got := b.now(); len(got) == 0 {
			t.Error("after two jumps nobody looks any more")
		}
		if got := b.Budgets()[0].Requests; got < 6000 || got > 7300 {
			t.Errorf("%d requests in the budget", got)
		}
	})
}

// The same on a real disk: what is stored at the end of one run is there at the
// beginning of the next.
func TestADatabaseKeepsBudgetsAndAlerts(t *testing.T) {
	dir := t.TempDir()
	run := func(send func(*slo.Manager)) (slo.Budget, []slo.TopError, []slo.Condition) {
		db, err := state.Open(t.Context(), dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		m := slo.New(slo.Deps{Log: slog.New(slog.DiscardHandler), Store: db.SLO()})
		commit, err := m.Prepare(slo.Config{APIs: []catalog.API{with(daily())}})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Load(t.Context()); err != nil { // before the commit, as a server does
			t.Fatal(err)
		}
		commit()
		send(m)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // it fills, looks once, and stores
		if err := m.Run(ctx); err != nil {
			t.Fatal(err)
		}
		return m.Budgets()[0], m.TopErrors("", "", time.Time{}, 10), m.Conditions()
	}
	before, kinds, wrong := run(func(m *slo.Manager) {
		for range 100 {
			m.Observe(exchange("/refunds", 500, time.Now(), time.Millisecond))
		}
	})
	if before.Requests != 100 || before.Bad != 100 || len(kinds) != 1 || len(wrong) != 1 || wrong[0].State != slo.Firing {
		t.Fatalf("%+v\n%+v\n%+v", before, kinds, wrong)
	}
	after, again, still := run(func(*slo.Manager) {})
	if after.Requests != 100 || after.Bad != 100 || len(again) != 1 || again[0].Count != 100 {
		t.Errorf("%+v\n%+v", after, again)
	}
	if len(still) != 1 || still[0].State != slo.Firing || !still[0].Since.Equal(wrong[0].Since) {
		t.Errorf("%+v\n%+v", wrong, still)
	}
}

func TestAStartThatCannotReadDestroysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		b := work(t, store, with(daily()))
		b.send("/orders", 200, 100, time.Millisecond)
		b.stop()
		store.unreadable = 1
		b = work(t, store, with(daily()))
		b.send("/orders", 200, 50, time.Millisecond)
		time.Sleep(time.Minute)
		b.stop()
		b = work(t, store, with(daily()))
		if got := b.Budgets()[0].Requests; got != 150 {
			t.Errorf("%d requests, want 150", got)
		}
	})
}
