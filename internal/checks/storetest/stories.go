package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
)

func newStoreIsEmpty(h *house) {
	h.agree()
	ctx := h.t.Context()
	from, to := ever()
	results, err := h.store.Results(ctx, "orders", from, to, 10)
	h.same("results", []checks.Result(nil), results, err)
	runs, err := h.store.EvidenceRuns(ctx, "orders")
	h.same("evidence", []checks.RunID(nil), runs, err)
	rollups, err := h.store.Rollups(ctx, []string{"orders"}, checks.Daily, from, to)
	h.same("roll-ups", map[string][]checks.Rollup{}, rollups, err)
	list, err := h.store.Transitions(ctx, "orders", 10)
	h.same("transitions", []checks.Transition(nil), list, err)
	h.notFound("orders", 1)
	h.append(&checks.Batch{})
	h.agree()
}

// notFound expects that neither a run nor its evidence is there.
func (h *house) notFound(check string, run checks.RunID) {
	h.t.Helper()
	if r, err := h.store.Result(h.t.Context(), check, run); fault.KindOf(err) != fault.KindNotFound {
		h.t.Errorf("run %s: %v, %v; want a fault.NotFound", run, r, err)
	}
	if e, err := h.store.Evidence(h.t.Context(), check, run); fault.KindOf(err) != fault.KindNotFound {
		h.t.Errorf("evidence of run %s: %v, %v; want a fault.NotFound", run, e, err)
	}
}

func appendedIsVisible(h *house) {
	rng := dice(1)
	for i := range 1100 { // more than fits into one chunk of anything
		at := noon().Add(time.Duration(i) * 10 * time.Second)
		h.append(&checks.Batch{Results: []checks.Result{some(rng, "orders", at), some(rng, "users", at.Add(time.Second))}})
		if i%500 == 0 {
			h.agree()
			r := h.newest("users")[0]
			got, err := h.store.Result(h.t.Context(), "users", r.Run)
			h.same("the last run", &r, got, err)
		}
	}
	h.agree()
}

func resultsByTime(h *house) {
	batch := &checks.Batch{}
	for i := range 1300 {
		batch.Results = append(batch.Results, up("orders", noon().Add(time.Duration(i)*time.Minute)))
	}
	h.append(batch)
	all := h.newest("orders")
	minute := func(n int) time.Time { return noon().Add(time.Duration(n) * time.Minute) }
	for _, q := range []struct {
		from, to time.Time
		limit    int
		want     []checks.Result
	}{
		{minute(0), minute(1300), 0, all},
		{minute(0), minute(1300), -1, all},
		{minute(0), minute(1300), 1, all[:1]},
		{minute(0), minute(1300), 700, all[:700]},
		{minute(0), minute(1300), 5000, all},
		{minute(10), minute(12), 0, all[1288:1290]},
		{minute(10), minute(12), 1, all[1288:1289]},
		{minute(10).Add(time.Nanosecond), minute(12).Add(time.Nanosecond), 0, all[1287:1289]},
		{minute(12), minute(12), 0, nil},
		{minute(12), minute(10), 0, nil},
		{minute(2000), minute(3000), 0, nil},
		{time.Time{}, minute(1), 0, all[1299:]},
	} {
		got, err := h.store.Results(h.t.Context(), "orders", q.from, q.to, q.limit)
		h.same(fmt.Sprintf("%s to %s, at most %d", q.from, q.to, q.limit), q.want, got, err)
	}
	for _, i := range []int{0, 1, 511, 512, 513, 1299} {
		got, err := h.store.Result(h.t.Context(), "orders", all[i].Run)
		h.same("one run", &all[i], got, err)
	}
	h.notFound("orders", all[0].Run+1)
	h.notFound("users", all[0].Run)
}

func microseconds(h *house) {
	r := up("orders", noon())
	r.Attempts[0].Phases.TTFB = 1234567 * time.Nanosecond
	if err := h.store.Append(h.t.Context(), &checks.Batch{Results: []checks.Result{r}}); err != nil {
		h.t.Fatal(err)
	}
	got, err := h.store.Result(h.t.Context(), "orders", r.Run)
	if err != nil {
		h.t.Fatal(err)
	}
	if ttfb := got.Attempts[0].Phases.TTFB; ttfb.Truncate(time.Microsecond) != 1234*time.Microsecond {
		h.t.Errorf("1.234567ms is read as %s", ttfb)
	}
	// Whatever is kept of a duration, the roll-ups count the same.
	rollups, err := h.store.Rollups(h.t.Context(), []string{"orders"}, checks.Hourly, noon(), noon().Add(time.Hour))
	want := checks.Rollup{Start: noon()}
	want.Add(got)
	h.same("roll-ups", map[string][]checks.Rollup{"orders": {want}}, rollups, err)
}

func attemptsAreKept(h *house) {
	r := down("orders", noon())
	for i := range 11 {
		again := r.Attempts[0]
		again.Offset = time.Duration(i) * time.Second
		again.Reason = strings.Repeat("ü", i)
		r.Attempts = append(r.Attempts, again)
	}
	h.append(&checks.Batch{Results: []checks.Result{r, flaky("users", noon())}})
	h.agree()
}

func refusedBatch(h *house) {
	at := noon()
	h.append(&checks.Batch{Results: []checks.Result{up("orders", at)}})
	batch := &checks.Batch{
		Results:     []checks.Result{down("orders", at.Add(time.Minute)), down("users", at.Add(time.Minute))},
		Transitions: []checks.Transition{{Check: "orders", At: at.Add(time.Minute), From: checks.Up, To: checks.Down}},
		Evidence:    []checks.Evidence{evidenceOf("orders", at.Add(time.Minute), "no")},
		Missed:      []checks.Missed{{Check: "orders", At: at, Count: 2}},
	}
	ended, cancel := context.WithCancel(h.t.Context())
	cancel()
	for range 2 {
		if err := h.store.Append(ended, batch); !errors.Is(err, context.Canceled) {
			h.t.Fatalf("append with an ended context: %v", err)
		}
		h.agree()
	}
	h.append(batch)
	h.agree()
}

func resultWithoutAttempt(h *house) {
	empty := up("orders", noon())
	empty.Attempts = nil
	err := h.store.Append(h.t.Context(), &checks.Batch{Results: []checks.Result{up("users", noon()), empty}})
	if fault.KindOf(err) != fault.KindInvalid {
		h.t.Errorf("got %v, want a fault.Invalid", err)
	}
	h.agree()
}

func batchIsNotRetained(h *house) {
	want := []checks.Result{down("orders", noon()), up("orders", noon().Add(time.Minute))}
	h.reference.append(&checks.Batch{Results: want})
	batch := &checks.Batch{Results: []checks.Result{down("orders", noon()), up("orders", noon().Add(time.Minute))}}
	if err := h.store.Append(h.t.Context(), batch); err != nil {
		h.t.Fatal(err)
	}
	for i := range batch.Results {
		clear(batch.Results[i].Attempts)
		batch.Results[i].Status = checks.Paused
	}
	clear(batch.Results)
	h.agree()
}

func clockJumps(h *house) {
	rng := dice(2)
	at := noon()
	for i, jump := range []time.Duration{0, -time.Hour, 3 * time.Hour, -30 * time.Hour, 80 * 24 * time.Hour, -40 * 24 * time.Hour, -400 * 24 * time.Hour} {
		at = at.Add(jump).Add(time.Duration(i) * time.Millisecond) // so that no two runs have the same start
		batch := &checks.Batch{}
		for range 300 {
			at = at.Add(10 * time.Second)
			batch.Results = append(batch.Results, some(rng, "orders", at))
		}
		h.append(batch)
		h.agree()
	}
	for i, r := range h.results["orders"] {
		if i%7 != 0 {
			continue
		}
		got, err := h.store.Result(h.t.Context(), "orders", r.Run)
		h.same("one run", &r, got, err)
	}
	all := h.newest("orders")
	for _, limit := range []int{1, 100, 301, 1000} {
		from, to := ever()
		got, err := h.store.Results(h.t.Context(), "orders", from, to, limit)
		h.same(fmt.Sprintf("the newest %d", limit), all[:limit], got, err)
	}
}

func missedRuns(h *house) {
	h.append(&checks.Batch{
		Results: []checks.Result{up("orders", noon())},
		Missed: []checks.Missed{
			{Check: "orders", At: noon(), Count: 3},
			{Check: "orders", At: noon().Add(-13 * time.Hour), Count: 1},
			{Check: "never-ran", At: noon(), Count: 7},
		},
	})
	h.append(&checks.Batch{Missed: []checks.Missed{{Check: "orders", At: noon().Add(time.Minute), Count: 4}}})
	h.agree()
	results, err := h.store.Results(h.t.Context(), "never-ran", noon().AddDate(-1, 0, 0), noon().AddDate(1, 0, 0), 0)
	h.same("results of a check that only missed", []checks.Result(nil), results, err)
}

func manyRollups(h *house) {
	ids := []string{"no-such-check"}
	for i := range 40 {
		id := fmt.Sprint("check-", i)
		ids = append(ids, id, id)
		for day := range 3 {
			h.append(&checks.Batch{Results: []checks.Result{up(id, noon().AddDate(0, 0, 20*day)), down(id, noon().AddDate(0, 0, 20*day).Add(time.Hour))}})
		}
	}
	for _, q := range []struct{ from, to time.Time }{
		{noon(), noon().AddDate(0, 0, 21)},
		{noon().Truncate(24 * time.Hour), noon().AddDate(0, 0, 20).Truncate(24 * time.Hour)},
		{noon().AddDate(-1, 0, 0), noon()},
		{time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
		{noon(), noon()},
		{noon().AddDate(1, 0, 0), noon()},
	} {
		for _, step := range []checks.Step{checks.Hourly, checks.Daily} {
			want := map[string][]checks.Rollup{}
			for _, id := range h.checks() {
				inside := slices.DeleteFunc(h.rollups(id, step), func(r checks.Rollup) bool { return r.Start.Before(q.from) || !r.Start.Before(q.to) })
				if len(inside) > 0 {
					want[id] = inside
				}
			}
			got, err := h.store.Rollups(h.t.Context(), ids, step, q.from, q.to)
			h.same(fmt.Sprintf("step %d from %s to %s", step, q.from, q.to), want, got, err)
		}
	}
	none, err := h.store.Rollups(h.t.Context(), nil, checks.Daily, noon(), noon().AddDate(1, 0, 0))
	h.same("roll-ups of no check", map[string][]checks.Rollup{}, none, err)
}

func transitions(h *house) {
	for i := range 30 {
		at := noon().Add(time.Duration(i/2) * time.Minute) // two at a time
		h.append(&checks.Batch{Transitions: []checks.Transition{
			{Check: fmt.Sprint("check-", i%3), At: at, From: checks.Up, To: checks.Down, Reason: "no answer within 10s", Run: checks.RunID(at.UnixMilli())},
			{Check: fmt.Sprint("check-", i%3), At: at, From: checks.Down, To: checks.Paused, By: "admin"},
		}})
	}
	all := h.newestTransitions()
	for _, limit := range []int{1, 7, 1000} {
		got, err := h.store.Transitions(h.t.Context(), "", limit)
		h.same("transitions of all", all[:min(limit, len(all))], got, err)
		one := slices.DeleteFunc(slices.Clone(all), func(t checks.Transition) bool { return t.Check != "check-1" })
		got, err = h.store.Transitions(h.t.Context(), "check-1", limit)
		h.same("transitions of one", one[:min(limit, len(one))], got, err)
	}
}

func pauseAndResume(h *house) {
	h.append(&checks.Batch{Results: []checks.Result{up("orders", noon()), down("orders", noon().Add(time.Minute))}})
	h.setPaused(checks.Transition{Check: "orders", At: noon().Add(2 * time.Minute), From: checks.Down, To: checks.Paused, By: "admin"}, true)
	h.setPaused(checks.Transition{Check: "never-ran", At: noon(), From: checks.Unknown, To: checks.Paused, By: "token ci"}, true)
	h.agree()
	h.setPaused(checks.Transition{Check: "orders", At: noon().Add(3 * time.Minute), From: checks.Paused, To: checks.Unknown, By: "admin"}, false)
	h.agree()
	h.append(&checks.Batch{Results: []checks.Result{up("orders", noon().Add(4*time.Minute))}})
	h.agree()
}

func evidenceIsKept(h *house) {
	for i := range 5 {
		at := noon().Add(time.Duration(i) * time.Minute)
		batch := &checks.Batch{Results: []checks.Result{down("orders", at)}}
		if i%2 == 0 {
			batch.Evidence = []checks.Evidence{evidenceOf("orders", at, fmt.Sprint("answer ", i))}
		}
		h.append(batch)
	}
	h.agree()
	for run, want := range h.evidence["orders"] {
		got, err := h.store.Evidence(h.t.Context(), "orders", run)
		h.same("evidence", &want, got, err)
	}
	h.notFound("users", checks.RunID(noon().UnixMilli()))
	if _, err := h.store.Evidence(h.t.Context(), "orders", checks.RunID(noon().Add(time.Minute).UnixMilli())); fault.KindOf(err) != fault.KindNotFound {
		h.t.Errorf("evidence that was not kept: %v", err)
	}
}

func largeEvidence(h *house) {
	rng := dice(3)
	noise := make([]byte, 4<<10)
	for i := range noise {
		noise[i] = "abcdefghijklmnopqrstuvwxyz"[rng.IntN(26)]
	}
	e := evidenceOf("orders", noon(), string(noise))
	for range 8 {
		e.Attempts = append(e.Attempts, e.Attempts[0])
		e.Attempts[0].Steps = append(e.Attempts[0].Steps, e.Attempts[0].Steps[0], e.Attempts[0].Steps[0])
	}
	h.append(&checks.Batch{Results: []checks.Result{down("orders", noon())}, Evidence: []checks.Evidence{e}})
	got, err := h.store.Evidence(h.t.Context(), "orders", e.Run)
	if err != nil {
		h.t.Fatal(err)
	}
	if got.TraceID != e.TraceID || len(got.Attempts) == 0 || got.Attempts[0].Steps[0].Response.Line != "HTTP/1.1 503 Service Unavailable" {
		h.t.Errorf("what is left says too little: %+v", got)
	}
	if got.Attempts[0].Steps[0].Response.Size != int64(len(noise)) {
		h.t.Error("the size of the body is not what was answered")
	}
}

func readersWhileAppending(h *house) {
	const perBatch, batches = 10, 80
	ctx, stop := context.WithCancel(h.t.Context())
	defer stop()
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() { h.readAlong(ctx, perBatch) })
	}
	rng := dice(4)
	for i := range batches {
		batch := &checks.Batch{}
		for j := range perBatch {
			batch.Results = append(batch.Results, some(rng, "orders", noon().Add(time.Duration(i*perBatch+j)*time.Second)))
		}
		h.append(batch)
		if i%40 == 20 {
			h.setPaused(checks.Transition{Check: "orders", At: noon(), To: checks.Unknown}, false)
		}
	}
	stop()
	readers.Wait()
	h.agree()
}

// readAlong reads until ctx ends: whole batches, each run once, never fewer than before.
func (h *house) readAlong(ctx context.Context, perBatch int) {
	from, to := ever()
	before := 0
	for ctx.Err() == nil {
		results, err := h.store.Results(ctx, "orders", from, to, 0)
		if err != nil {
			h.readFailed(ctx, err)
			return
		}
		for i := 1; i < len(results); i++ {
			if results[i].Run >= results[i-1].Run {
				h.t.Errorf("run %s comes after run %s", results[i].Run, results[i-1].Run)
				return
			}
		}
		if len(results) < before || len(results)%perBatch != 0 {
			h.t.Errorf("%d results, after %d; batches have %d", len(results), before, perBatch)
			return
		}
		before = len(results)
		rollups, err := h.store.Rollups(ctx, []string{"orders"}, checks.Daily, from, to)
		if err != nil {
			h.readFailed(ctx, err)
			return
		}
		runs := 0
		for _, r := range rollups["orders"] {
			runs += int(r.Runs())
		}
		if runs < before || runs%perBatch != 0 {
			h.t.Errorf("roll-ups count %d runs, after %d; batches have %d", runs, before, perBatch)
			return
		}
		before = runs
	}
}

func (h *house) readFailed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		h.t.Errorf("reading while others append: %v", err)
	}
}
