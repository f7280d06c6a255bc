package storetest

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lapwing.dev/lapwing/internal/checks"
)

// reference keeps everything as it came and counts from the start each time.
type reference struct {
	results     map[string][]checks.Result
	missed      []checks.Missed
	transitions []checks.Transition
	evidence    map[string]map[checks.RunID]checks.Evidence
	lives       map[string]checks.Life
}

func newReference() *reference {
	return &reference{
		results: map[string][]checks.Result{}, evidence: map[string]map[checks.RunID]checks.Evidence{}, lives: map[string]checks.Life{},
	}
}

func (f *reference) append(b *checks.Batch) {
	for _, r := range b.Results {
		r.Attempts = slices.Clone(r.Attempts)
		f.results[r.Check] = append(f.results[r.Check], r)
		life := f.lives[r.Check]
		life.Apply(&r)
		f.lives[r.Check] = life
	}
	f.transitions = append(f.transitions, b.Transitions...)
	f.missed = append(f.missed, b.Missed...)
	for _, e := range b.Evidence {
		if f.evidence[e.Check] == nil {
			f.evidence[e.Check] = map[checks.RunID]checks.Evidence{}
		}
		f.evidence[e.Check][e.Run] = e
	}
}

func (f *reference) setPaused(t checks.Transition, paused bool) {
	f.transitions = append(f.transitions, t)
	life := checks.Life{State: t.To, Since: t.At, LastRun: f.lives[t.Check].LastRun, Paused: paused}
	if paused {
		life.PausedBy = t.By
	}
	f.lives[t.Check] = life
}

func (f *reference) newest(check string) []checks.Result {
	list := slices.Clone(f.results[check])
	slices.SortFunc(list, func(a, b checks.Result) int { return cmp.Compare(b.Run, a.Run) })
	return list
}

func (f *reference) rollups(check string, step checks.Step) []checks.Rollup {
	byStart := map[time.Time]*checks.Rollup{}
	at := func(t time.Time) *checks.Rollup {
		start := step.Start(t)
		if byStart[start] == nil {
			byStart[start] = &checks.Rollup{Start: start}
		}
		return byStart[start]
	}
	for i := range f.results[check] {
		r := &f.results[check][i]
		at(r.At()).Add(r)
	}
	for _, m := range f.missed {
		if m.Check == check {
			at(m.At).Missed += m.Count
		}
	}
	var list []checks.Rollup
	for _, r := range byStart {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b checks.Rollup) int { return a.Start.Compare(b.Start) })
	return list
}

func (f *reference) newestTransitions() []checks.Transition {
	list := slices.Clone(f.transitions)
	slices.Reverse(list)
	slices.SortStableFunc(list, func(a, b checks.Transition) int { return b.At.Compare(a.At) })
	return list
}

func (f *reference) checks() []string {
	ids := map[string]bool{}
	for id := range f.results {
		ids[id] = true
	}
	for _, m := range f.missed {
		ids[m.Check] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// All time, as callers ask for it.
func ever() (from, to time.Time) { return time.UnixMilli(0), time.UnixMilli(1 << 43) }

// agree compares everything that the store answers with the reference.
func (h *house) agree() {
	h.t.Helper()
	ctx := h.t.Context()
	from, to := ever()
	lives, err := h.store.Lives(ctx)
	h.same("lives", h.reference.lives, lives, err)
	ids := h.checks()
	for _, id := range ids {
		got, err := h.store.Results(ctx, id, from, to, 0)
		h.same("results of "+id, h.newest(id), got, err)
		runs, err := h.store.EvidenceRuns(ctx, id)
		want := slices.SortedFunc(maps.Keys(h.evidence[id]), func(a, b checks.RunID) int { return cmp.Compare(b, a) })
		h.same("evidence of "+id, want, runs, err)
	}
	for _, step := range []checks.Step{checks.Hourly, checks.Daily} {
		want := map[string][]checks.Rollup{}
		for _, id := range ids {
			want[id] = h.rollups(id, step)
		}
		got, err := h.store.Rollups(ctx, ids, step, from, to)
		h.same("roll-ups", want, got, err)
	}
	got, err := h.store.Transitions(ctx, "", 1<<30)
	h.same("transitions", h.newestTransitions(), got, err)
}

// same fails the story when want and got differ. No list and an empty one are the same.
func (h *house) same(what string, want, got any, err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatalf("%s: %v", what, err)
	}
	if reflect.DeepEqual(want, got) { // far quicker than a comparison that can explain itself
		return
	}
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		if len(diff) > 4000 {
			diff = diff[:4000] + "\n…"
		}
		h.t.Fatalf("%s (-want +got)\n%s", what, diff)
	}
}
