package traffic

import (
	"testing"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// The clock of a machine is set back by an hour: what was counted keeps its
// distance from now, and what comes is seen at once.
func TestAClockThatIsSetBackHidesNothing(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	h, op := clocked(now)
	for range 6 {
		op.outcomes.add(outcomeOf(&observe.Exchange{Status: 200}))
		now = now.Add(Grain)
		h.close(now, Grain)
	}
	now = now.Add(-time.Hour + 3*time.Second)
	h.close(now, 3*time.Second)
	op.outcomes.add(outcomeOf(&observe.Exchange{Status: 200}))
	if got := requestsOf(h, now.Add(-2*time.Minute), now.Add(time.Second)); got != 7 {
		t.Errorf("%d requests in the last two minutes, want 7", got)
	}
	now = now.Add(Grain)
	h.close(now, Grain)
	if got := requestsOf(h, now.Add(-2*Grain), now); got != 2 {
		t.Errorf("%d requests in the last two entries, want 2", got)
	}
}

// A laptop sleeps for eight hours: its requests were before, not spread over them.
func TestASleepIsAGap(t *testing.T) {
	now := time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
	h, op := clocked(now)
	op.outcomes.add(outcomeOf(&observe.Exchange{Status: 200}))
	now = now.Add(time.Hour)
	h.close(now, time.Second)
	if len(h.entries) != 1 || h.entries[0].end.Sub(h.entries[0].start) != Grain {
		t.Fatalf("entries %+v, want one of %v", h.entries, Grain)
	}
	if got := requestsOf(h, now.Add(-10*time.Minute), now); got != 0 {
		t.Errorf("%d requests in the last ten minutes, want none", got)
	}
}

// However many kinds of outcomes an operation has, pages and /metrics agree on
// the number of its requests.
func TestOutcomesWithoutACellAreCounted(t *testing.T) {
	h, op := clocked(time.Now())
	var n uint64
	for _, v := range verdicts {
		for _, f := range failures {
			op.outcomes.add(outcomeOf(&observe.Exchange{Verdict: v, Error: f, Status: 200}))
			n++
		}
	}
	if op.outcomes.rest.Load() == 0 {
		t.Fatal("every outcome has a cell: this test shows nothing")
	}
	if got := requestsOf(h, time.Time{}, time.Now().Add(time.Minute)); got != n {
		t.Errorf("%d requests, want %d", got, n)
	}
}

// clocked is a history whose time the test tells, and an operation in it.
func clocked(now time.Time) (*history, *operation) {
	os := newOperations(Bounds{}.filled())
	return newHistory(os, newPolicies(), 1<<20, now), os.of(&observe.Exchange{API: "shop", Method: "GET", Route: "/items", Status: 200})
}

func requestsOf(h *history, from, to time.Time) uint64 {
	var all sum
	h.visit(from, to, func(e *entry) {
		for r := (reader{e.operations}); len(r.rest) > 0; {
			r.operation(func(int) *sum { return &all })
		}
	})
	return all.counts[nRequests]
}
