// Package slotest is the conformance suite of slo.Store.
package slotest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lapwing.dev/lapwing/internal/slo"
)

// Run runs the suite. open returns a new, empty store.
func Run(t *testing.T, open func(t *testing.T) slo.Store) {
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) { story.run(t, open(t)) })
	}
}

const five = 5 * time.Minute

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var stories = []struct {
	name string
	run  func(*testing.T, slo.Store)
}{
	{"there is nothing at first", func(t *testing.T, s slo.Store) {
		wantSteps(t, s, all(five))
		wantConditions(t, s)
		wantKinds(t, s)
	}},
	{"a step comes back as it was", func(t *testing.T, s slo.Store) {
		full := step(noon, five, counts("orders", "GET /orders/{id}", 1<<40), counts("orders", "other", 7), counts("users", "GET /orders/{id}", 3))
		full.Covered = 137 * time.Second
		empty := step(noon.Add(five), five)
		put(t, s, full, empty)
		wantSteps(t, s, all(five), full, empty)
	}},
	{"one with the same start and length is replaced, others are not", func(t *testing.T, s slo.Store) {
		first, again := step(noon, five, counts("a", "GET /", 1), counts("a", "PUT /", 2)), step(noon, five, counts("a", "GET /", 5))
		hour := step(noon, time.Hour, counts("a", "GET /", 9))
		put(t, s, first, hour)
		put(t, s, again)
		wantSteps(t, s, all(five), again)
		wantSteps(t, s, all(time.Hour), hour)
	}},
	{"steps come oldest first, and no more than were asked for", func(t *testing.T, s slo.Store) {
		var list []slo.Step
		for i := range 10 {
			list = append(list, step(noon.Add(time.Duration(i)*five), five, counts("a", "GET /", uint64(i))))
		}
		put(t, s, list[5:]...)
		put(t, s, list[:5]...)
		wantSteps(t, s, slo.Query{Length: five, From: noon.Add(2 * five), To: noon.Add(4 * five)}, list[2:4]...)
		wantSteps(t, s, slo.Query{Length: five, From: noon.Add(2*five + time.Nanosecond), To: noon.Add(4*five + time.Nanosecond)}, list[3:5]...)
		wantSteps(t, s, slo.Query{Length: five, From: noon.Add(4 * five), To: noon.Add(2 * five)})
	}},
	{"counts of one API or operation are found, and steps without them are told", func(t *testing.T, s slo.Store) {
		get, putting, other := counts("a", "GET /", 1), counts("a", "PUT /", 2), counts("b", "GET /", 3)
		put(t, s, step(noon, five, get, putting, other), step(noon.Add(five), five, other))
		q := all(five)
		q.API = "a"
		wantSteps(t, s, q, step(noon, five, get, putting), step(noon.Add(five), five))
		q.Operation = "GET /"
		wantSteps(t, s, q, step(noon, five, get), step(noon.Add(five), five))
		q.Operation = "nobody knows it"
		wantSteps(t, s, q, step(noon, five), step(noon.Add(five), five))
	}},
	{"old steps of one length go", func(t *testing.T, s slo.Store) {
		old, young, hour := step(noon, five, counts("a", "GET /", 1)), step(noon.Add(five), five, counts("a", "PUT /", 1)), step(noon, time.Hour, counts("a", "GET /", 2))
		put(t, s, old, young, hour)
		if err := s.PruneSteps(t.Context(), five, noon.Add(five)); err != nil {
			t.Fatal(err)
		}
		wantSteps(t, s, all(five), young)
		wantSteps(t, s, all(time.Hour), hour)
	}},
	{"an operation outlives what is removed of it, and is found when it comes back", func(t *testing.T, s slo.Store) {
		put(t, s, step(noon.Add(-40*24*time.Hour), five, counts("a", "GET /old", 1)), step(noon.Add(-40*24*time.Hour), time.Hour, counts("a", "GET /", 1)))
		put(t, s, step(noon, five, counts("a", "GET /", 1)))
		for _, length := range []time.Duration{five, time.Hour} {
			if err := s.PruneSteps(t.Context(), length, noon); err != nil {
				t.Fatal(err)
			}
		}
		late := step(noon.Add(five), five, counts("a", "GET /old", 2), counts("a", "GET /", 2))
		put(t, s, late)
		wantSteps(t, s, all(five), step(noon, five, counts("a", "GET /", 1)), late)
	}},
	{"a visit that fails ends the reading", func(t *testing.T, s slo.Store) {
		put(t, s, step(noon, five), step(noon.Add(five), five))
		enough, visited := errors.New("enough"), 0
		err := s.Steps(t.Context(), all(five), func(slo.Step) error { visited++; return enough })
		if !errors.Is(err, enough) || visited != 1 {
			t.Errorf("%d visits, then %v", visited, err)
		}
	}},
	{"conditions come back as they were, in their order", func(t *testing.T, s slo.Store) {
		pending, firing, quiet := condition(slo.Pending), condition(slo.Firing), condition(slo.NoData)
		firing.Fired, quiet.Fired, quiet.Quiet = noon.Add(time.Minute), noon.Add(time.Minute), noon.Add(time.Hour)
		firing.Operation, quiet.Objective, quiet.Window = "GET /refunds", "availability", "1h"
		putConditions(t, s, pending, firing, quiet)
		wantConditions(t, s, pending, firing, quiet)
		putConditions(t, s, firing)
		wantConditions(t, s, firing)
		putConditions(t, s)
		wantConditions(t, s)
	}},
	{"kinds of failures come back as they were, in their order", func(t *testing.T, s slo.Store) {
		first := slo.TopError{
			API: "orders", Operation: "GET /refunds", Status: 502, Class: "connect", Count: 1 << 50, First: noon, Last: noon.Add(time.Hour),
			Example: slo.Example{At: noon, Method: "GET", Path: "/refunds", Status: 502, Duration: 1234567, RequestID: "r1", TraceID: "t1", Upstream: "http://a", Source: "gateway"},
		}
		second := slo.TopError{API: "orders", Fingerprint: `user "…" is gone`, Message: `user "日本" is gone`, Count: 1, First: noon, Last: noon}
		for _, list := range [][]slo.TopError{{first, second}, {second}, nil} {
			if err := s.PutTopErrors(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			wantKinds(t, s, list...)
		}
	}},
	{"hostile names are only names", func(t *testing.T, s slo.Store) {
		evil := `x'); DROP TABLE slo_step; --` + strings.Repeat("'", 300)
		one := step(noon, five, counts(evil, evil, 1), counts("a", "GET /日本", 2))
		put(t, s, one)
		wantSteps(t, s, all(five), one)
		c := condition(slo.Firing)
		c.Summary = evil
		putConditions(t, s, c)
		wantConditions(t, s, c)
	}},
	{"many at once", func(t *testing.T, s slo.Store) {
		var group sync.WaitGroup
		var want []slo.Step
		for i := range 8 {
			one := step(noon.Add(time.Duration(i)*five), five, counts("a", fmt.Sprint("GET /", i), uint64(i)), counts("a", "GET /", 1))
			want = append(want, one)
			group.Go(func() {
				for range 5 {
					if err := s.PutSteps(t.Context(), []slo.Step{one}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		wantSteps(t, s, all(five), want...)
	}},
	{"an ended context is an error and changes nothing", func(t *testing.T, s slo.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.PutSteps(ctx, []slo.Step{step(noon, five)}); err == nil {
			t.Error("steps were stored for a caller that had gone")
		}
		if err := s.PutConditions(ctx, []slo.Condition{condition(slo.Firing)}); err == nil {
			t.Error("conditions were stored for a caller that had gone")
		}
		wantSteps(t, s, all(five))
		wantConditions(t, s)
	}},
}

// all asks for every step of a length.
func all(length time.Duration) slo.Query {
	return slo.Query{Length: length, From: noon.Add(-365 * 24 * time.Hour), To: noon.Add(24 * time.Hour)}
}

func step(start time.Time, length time.Duration, list ...slo.Counts) slo.Step {
	return slo.Step{Start: start, Length: length, Covered: length, Counts: list}
}

func counts(api, operation string, n uint64) slo.Counts {
	return slo.Counts{
		API: api, Operation: operation, Requests: n, Errors: n / 3, Status: [6]uint64{n / 9, 0, n, 0, n / 2, n / 3},
		Latency: []uint32{0, 0, 3, 0, 1 << 31, uint32(n%100) + 1}, Bad: []slo.Bad{{Latency: 300 * time.Millisecond, Requests: n / 7}, {Latency: time.Second, Requests: 1}},
	}
}

func condition(state slo.State) slo.Condition {
	return slo.Condition{
		Alert: slo.ErrorRateHigh, Severity: slo.Critical, API: "orders", State: state, Since: noon, Value: .42, Threshold: .2, Requests: 118, Errors: 49,
		Summary: "GET /refunds (orders) fails: 42 % of 118 requests in 5m", Description: "49 of 118", Page: "/endpoints/GET/refunds?api=orders",
	}
}

func put(t *testing.T, s slo.Store, steps ...slo.Step) {
	t.Helper()
	if err := s.PutSteps(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
}

func putConditions(t *testing.T, s slo.Store, list ...slo.Condition) {
	t.Helper()
	if err := s.PutConditions(t.Context(), list); err != nil {
		t.Fatal(err)
	}
}

var inAnyOrder = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.SortSlices(func(a, b slo.Counts) bool { return a.API+"\x00"+a.Operation < b.API+"\x00"+b.Operation }),
}

func wantSteps(t *testing.T, s slo.Store, q slo.Query, want ...slo.Step) {
	t.Helper()
	var got []slo.Step
	if err := s.Steps(t.Context(), q, func(step slo.Step) error { got = append(got, step); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, inAnyOrder); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func wantConditions(t *testing.T, s slo.Store, want ...slo.Condition) {
	t.Helper()
	got, err := s.Conditions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

func wantKinds(t *testing.T, s slo.Store, want ...slo.TopError) {
	t.Helper()
	got, err := s.TopErrors(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("kinds of failures (-want +got):\n%s", diff)
	}
}
