package storetest

import (
	"context"
	"errors"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/units"
)

func days(n int) units.Duration { return units.Duration(n) * units.Duration(units.Day) }

// history of 100 days: a run each 6 hours, a transition and evidence each day.
func (h *house) hundredDays() {
	for day := range 100 {
		batch := &checks.Batch{}
		for hour := range 4 {
			at := noon().AddDate(0, 0, day-100).Add(time.Duration(6*hour) * time.Hour)
			batch.Results = append(batch.Results, up("orders", at))
		}
		at := noon().AddDate(0, 0, day-100)
		batch.Transitions = []checks.Transition{{Check: "orders", At: at, From: checks.Unknown, To: checks.Up}}
		batch.Evidence = []checks.Evidence{evidenceOf("orders", at, "old answer")}
		h.append(batch)
	}
}

func pruning(h *house) {
	h.hundredDays()
	if h.place.Durable() {
		h.restart() // so that all of it is where it stays
	}
	r := checks.Retention{Results: days(30), Hourly: days(60), Daily: days(90), Evidence: 10}
	ctx := h.t.Context()
	for range 2 { // the second time there is nothing to do
		if err := h.store.Prune(ctx, noon(), r); err != nil {
			h.t.Fatal(err)
		}
		from, to := ever()
		results, err := h.store.Results(ctx, "orders", from, to, 0)
		h.between("results", len(results), 120, 124, err)
		h.same("the results that stay", h.newest("orders")[:len(results)], results, nil)
		h.notFound("orders", checks.RunID(noon().AddDate(0, 0, -32).UnixMilli()))
		runs, err := h.store.EvidenceRuns(ctx, "orders")
		h.between("evidence", len(runs), 10, 10, err)
		h.same("the newest evidence", checks.RunID(noon().AddDate(0, 0, -1).UnixMilli()), runs[0], nil)
		for step, most := range map[checks.Step]int{checks.Hourly: 4 * 62, checks.Daily: 90 + 32} {
			all := h.rollups("orders", step)
			rollups, err := h.store.Rollups(ctx, []string{"orders"}, step, from, to)
			least := map[checks.Step]int{checks.Hourly: 4 * 60, checks.Daily: 90}[step]
			list := rollups["orders"]
			h.between("roll-ups", len(list), least, min(most, len(all)), err)
			h.same("the roll-ups that stay", all[len(all)-len(list):], list, nil)
		}
		transitions, err := h.store.Transitions(ctx, "", 1000)
		h.between("transitions", len(transitions), 90, 91, err)
	}
	// Nothing is lost of what comes after.
	h.append(&checks.Batch{Results: []checks.Result{down("orders", noon())}})
	if h.place.Durable() {
		h.restart()
	}
	got, err := h.store.Result(ctx, "orders", checks.RunID(noon().UnixMilli()))
	want := down("orders", noon())
	h.same("a run after pruning", &want, got, err)
	lives, err := h.store.Lives(ctx)
	h.same("lives", h.lives, lives, err)
}

func (h *house) between(what string, n, least, most int, err error) {
	h.t.Helper()
	if err != nil || n < least || n > most {
		h.t.Fatalf("%d %s, %v; want %d to %d", n, what, err, least, most)
	}
}

func pruningAnOutage(h *house) {
	first := noon().AddDate(0, 0, -50)
	h.append(&checks.Batch{
		Results: []checks.Result{up("orders", first.Add(-time.Minute)), down("orders", first)},
		Evidence: []checks.Evidence{
			evidenceOf("orders", first.Add(-time.Minute), "the last good one"), evidenceOf("orders", first, "the first bad one"),
		},
	})
	for i := range 20 {
		at := first.Add(time.Duration(i+1) * time.Minute)
		h.append(&checks.Batch{Results: []checks.Result{down("orders", at)}, Evidence: []checks.Evidence{evidenceOf("orders", at, "still bad")}})
	}
	if err := h.store.Prune(h.t.Context(), noon(), checks.Retention{Evidence: 5}); err != nil {
		h.t.Fatal(err)
	}
	var want []checks.RunID
	for _, minute := range []int{20, 19, 18, 17, 0} {
		want = append(want, checks.RunID(first.Add(time.Duration(minute)*time.Minute).UnixMilli()))
	}
	runs, err := h.store.EvidenceRuns(h.t.Context(), "orders")
	h.same("evidence that stays", want, runs, err)
	if err := h.store.Prune(h.t.Context(), noon(), checks.Retention{Results: days(30), Evidence: 5}); err != nil {
		h.t.Fatal(err)
	}
	runs, err = h.store.EvidenceRuns(h.t.Context(), "orders")
	h.same("evidence that stays when its results are old", want[4:], runs, err)
}

func pruningStops(h *house) {
	h.hundredDays()
	ended, cancel := context.WithCancel(h.t.Context())
	cancel()
	if err := h.store.Prune(ended, noon(), checks.Retention{Results: days(1), Hourly: days(1), Daily: days(1), Evidence: 1}); !errors.Is(err, context.Canceled) {
		h.t.Errorf("got %v", err)
	}
	h.append(&checks.Batch{Results: []checks.Result{up("orders", noon())}})
}

func pruningNothing(h *house) {
	h.hundredDays()
	if err := h.store.Prune(h.t.Context(), noon(), checks.Retention{}); err != nil {
		h.t.Fatal(err)
	}
	h.agree()
}
