package redis

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/limits/redistest"
	"lapwing.dev/lapwing/middleware/limit"
)

// open returns a store that is up, and ends with the test.
func open(t testing.TB, server *redistest.Server, change func(*Options)) *Store {
	t.Helper()
	store, _ := openUntil(t, server, change)
	return store
}

// openUntil is open, with a function that ends the store before the test does.
func openUntil(t testing.TB, server *redistest.Server, change func(*Options)) (*Store, func()) {
	t.Helper()
	// A loaded machine is no reason to fail: tests of the budget set it themselves.
	o := Options{URL: server.URL(), Budget: 2 * time.Second, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	store, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := store.Run(ctx); err != nil {
			t.Errorf("the store ended with %v", err)
		}
	}()
	end := func() {
		cancel()
		<-done
	}
	t.Cleanup(end)
	waitFor(t, "the store to be up", store.up.Load)
	return store, end
}

// waitFor polls, as other processes cannot be waited for otherwise.
func waitFor(t testing.TB, what string, until func() bool) {
	t.Helper()
	for range 1000 {
		if until() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited too long for %s", what)
}

// rateOf is a take of one from a rate.
func rateOf(policy string, key uint64, r limit.Rate, burst int64) limit.Take {
	return limit.Take{
		Policy: policy, Kind: limit.KindRate, Key: key, Cost: 1, Enforced: true,
		Rate: limit.RateSpec{Rate: r, Burst: burst, Interval: r.Every(), Tolerance: time.Duration(burst) * r.Every()},
	}
}

// take takes and fails the test when the store does not answer.
func take(t testing.TB, s *Store, takes ...limit.Take) []limit.Outcome {
	t.Helper()
	if err := s.Take(t.Context(), takes); err != nil {
		t.Fatal(err)
	}
	outcomes := make([]limit.Outcome, len(takes))
	for i := range takes {
		outcomes[i] = takes[i].Outcome
	}
	return outcomes
}

func letIn(outcomes []limit.Outcome) string {
	var b strings.Builder
	for _, o := range outcomes {
		fmt.Fprintf(&b, "%t ", o.Allowed)
	}
	return strings.TrimSpace(b.String())
}
