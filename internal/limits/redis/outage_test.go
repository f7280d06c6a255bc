package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/limits/redistest"
	"lapwing.dev/lapwing/middleware/limit"
)

// budget of the tests that break the store; patience is what a loaded test
// machine may add to it before a request counts as held up.
const (
	testBudget = 20 * time.Millisecond
	patience   = 250 * time.Millisecond
)

// drive takes from several goroutines until ctx ends, and returns how many were
// answered, how many failed, and the longest that one took.
func drive(ctx context.Context, s *Store, policy string) (answered, failed int64, longest time.Duration) {
	var yes, no, most atomic.Int64
	var group sync.WaitGroup
	for key := range uint64(8) {
		group.Go(func() {
			for ctx.Err() == nil {
				takes := []limit.Take{rateOf(policy, key, limit.PerSecond(1_000_000), 1_000_000)}
				began := time.Now()
				err := s.Take(context.WithoutCancel(ctx), takes)
				took := int64(time.Since(began))
				for before := most.Load(); took > before && !most.CompareAndSwap(before, took); before = most.Load() {
				}
				if err != nil {
					no.Add(1)
					time.Sleep(100 * time.Microsecond) // a request that is decided elsewhere
					continue
				}
				yes.Add(1)
			}
		})
	}
	group.Wait()
	return yes.Load(), no.Load(), time.Duration(most.Load())
}

// outage breaks the store while requests come and checks that none is held up,
// and that the store is used again afterwards.
func outage(t *testing.T, server *redistest.Server, strike, repair func()) {
	t.Helper()
	notices := &health.Registry{}
	s := open(t, server, func(o *Options) { o.NoLeases, o.Budget, o.Health = true, testBudget, notices })
	ctx, stop := context.WithTimeout(t.Context(), 1200*time.Millisecond)
	defer stop()
	var striking sync.WaitGroup
	striking.Go(func() {
		time.Sleep(200 * time.Millisecond)
		strike()
	})
	answered, failed, longest := drive(ctx, s, "outage")
	striking.Wait()
	t.Logf("%d answered, %d without the store, none waited longer than %s", answered, failed, longest)
	if answered == 0 || failed == 0 {
		t.Errorf("%d were answered and %d failed: the store did not go away in between", answered, failed)
	}
	if longest > testBudget+patience {
		t.Errorf("a request was held up for %s by a store that is away", longest)
	}
	state, _, reason := s.State()
	if state != Away || reason == nil {
		t.Errorf("the store is %s because of %v", state, reason)
	}
	if list := notices.List(); len(list) != 1 {
		t.Errorf("%d notices about it, want 1", len(list))
	}
	began := time.Now()
	err := s.Take(t.Context(), []limit.Take{rateOf("outage", 1, limit.PerSecond(1), 1)})
	if !errors.Is(err, ErrAway) || time.Since(began) > patience {
		t.Errorf("a take while it is away: %v after %s, want %v at once", err, time.Since(began), ErrAway)
	}
	repair()
	waitFor(t, "the store to be used again", func() bool {
		return s.Take(t.Context(), []limit.Take{rateOf("again", 1, limit.PerSecond(1), 1)}) == nil
	})
	waitFor(t, "the notice to end", func() bool { return len(notices.List()) == 0 })
}

func TestAKilledStoreHoldsNobodyUp(t *testing.T) {
	server := redistest.Start(t)
	outage(t, server, server.Kill, server.Restart)
}

func TestAHangingStoreHoldsNobodyUp(t *testing.T) {
	server := redistest.Start(t)
	outage(t, server, server.Stop, server.Continue)
}

// TestAStoreThatIsNotThereYet is a start before Redis has started.
func TestAStoreThatIsNotThereYet(t *testing.T) {
	server := redistest.Start(t)
	server.Kill()
	s, err := New(Options{URL: server.URL(), Budget: testBudget})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Run(ctx)
	}()
	defer func() {
		cancel()
		<-done
	}()
	if err := s.Take(ctx, []limit.Take{rateOf("r", 1, limit.PerSecond(1), 1)}); !errors.Is(err, ErrAway) {
		t.Errorf("before it is there: %v", err)
	}
	server.Restart()
	waitFor(t, "the store", s.up.Load)
}

// TestWhatWasCountedMeanwhileIsTold: charges and places that end while the store
// hangs are right in it afterwards.
func TestWhatWasCountedMeanwhileIsTold(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, func(o *Options) { o.NoLeases, o.Budget = true, testBudget })
	places := make([]limit.Take, 3)
	for i := range places {
		places[i] = limit.Take{Policy: "p", Kind: limit.KindInUse, Key: 1, Cost: 1, Enforced: true, Most: 10}
		waitFor(t, "a place", func() bool { return s.Take(t.Context(), places[i:i+1]) == nil })
	}
	server.Stop()
	waitFor(t, "the store to be away", func() bool {
		return s.Take(t.Context(), []limit.Take{{Policy: "p", Kind: limit.KindInUse, Key: 1, Cost: 1, Enforced: true, Most: 10}}) != nil && !s.up.Load()
	})
	s.Settle(t.Context(), places[:2])
	debt := rateOf("r", 1, limit.PerHour(1), 10)
	debt.Cost = 4
	s.Settle(t.Context(), []limit.Take{debt})
	s.Settle(t.Context(), []limit.Take{debt})
	server.Continue()
	waitFor(t, "the store to be up", s.up.Load)
	if got := server.Command("hget", "lapwing:c:p:1", s.node); got != "1" {
		t.Errorf("the store counts %s requests in work, want 1", got)
	}
	debt.Cost = 0
	waitFor(t, "an answer", func() bool {
		ask := []limit.Take{debt}
		err := s.Take(t.Context(), ask)
		if err == nil && ask[0].Outcome.Remaining != 2 {
			t.Errorf("%d remain, want 2", ask[0].Outcome.Remaining)
		}
		return err == nil
	})
}

// TestADoubtIsSettledSoon: a place that the store counts and nobody has is free
// again with the next sign of life.
func TestADoubtIsSettledSoon(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, direct)
	place := limit.Take{Policy: "p", Kind: limit.KindInUse, Key: 1, Cost: 1, Enforced: true, Most: 10}
	take(t, s, place)
	server.Command("hset", "lapwing:c:p:1", s.node, "3")
	s.doubt([]item{{take: &place}})
	waitFor(t, "the count to be right", func() bool { return server.Command("hget", "lapwing:c:p:1", s.node) == "1" })
}

// TestNobodyGetsASecondBurstByAnOutage: what a limit let in without the store is
// charged afterwards.
func TestNobodyGetsASecondBurstByAnOutage(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, func(o *Options) { o.NoLeases, o.Budget = true, testBudget })
	s.SetOutages(map[string]limit.Outage{"closed": limit.Closed, "open": limit.Open})
	quota := limit.Take{Policy: "quota", Kind: limit.KindQuota, Key: 1, Cost: 1, Enforced: true, Quota: limit.Quota{Count: 100, Period: limit.Day}, Window: today()}
	share, closed, open := rateOf("share", 1, limit.PerHour(10), 10), rateOf("closed", 1, limit.PerHour(10), 10), rateOf("open", 1, limit.PerHour(10), 10)
	server.Stop()
	for range 7 {
		for _, x := range []limit.Take{share, closed, quota} {
			if s.Take(t.Context(), []limit.Take{x}) == nil {
				t.Fatal("the store answers")
			}
		}
	}
	for range 70 {
		_ = s.Take(t.Context(), []limit.Take{open})
	}
	server.Continue()
	waitFor(t, "the store to be up", s.up.Load)
	for _, want := range []struct {
		take limit.Take
		left int64
	}{{share, 3}, {closed, 10}, {open, 0}, {quota, 93}} {
		want.take.Cost = 0
		// The one that was under way when the store stopped is charged late, and
		// given back then.
		waitFor(t, fmt.Sprintf("%s to have %d left after the outage", want.take.Policy, want.left), func() bool {
			ask := []limit.Take{want.take}
			return s.Take(t.Context(), ask) == nil && ask[0].Outcome.Remaining == want.left
		})
	}
}

// TestAClientThatWentAwayIsNotTheStoresFault: its place is given back, and the
// store stays in use.
func TestAClientThatWentAwayIsNotTheStoresFault(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, direct)
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		takes := []limit.Take{{Policy: "p", Kind: limit.KindInUse, Key: 1, Cost: 1, Enforced: true, Most: 100}}
		if s.Take(ctx, takes) == nil {
			s.Settle(t.Context(), takes)
		}
	}
	if !s.up.Load() {
		t.Error("the store counts as away")
	}
	waitFor(t, "all places to be free", func() bool { return server.Command("hlen", "lapwing:c:p:1") == "0" })
}
