package state

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/checks"
)

func TestSeededPastIsHistory(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	store := openChecks(t, db)
	ctx := t.Context()
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	rollups := map[checks.Step][]checks.Rollup{
		checks.Hourly: {{Start: day.Add(time.Hour), Up: 2, Missed: 1}, {Start: day, Up: 360, LatencySum: time.Hour, LatencyMin: time.Millisecond, LatencyMax: time.Minute}},
		checks.Daily:  {{Start: day.AddDate(0, 0, -40), Degraded: 3}, {Start: day, Up: 362, Missed: 1}},
	}
	var results []checks.Result
	for i := range 1200 {
		r := killedBatch(3).Results[0]
		r.Check, r.Run = "orders", checks.RunID(day.Add(time.Duration(i)*10*time.Second).UnixMilli())
		results = append(results, r)
	}
	transitions := []checks.Transition{{Check: "orders", At: day, From: checks.Unknown, To: checks.Up, Reason: "it began", Run: results[0].Run}}
	shuffled := slices.Clone(results)
	slices.Reverse(shuffled)
	if err := store.Seed(ctx, "orders", rollups, shuffled, transitions); err != nil {
		t.Fatal(err)
	}
	next := results[1199]
	next.Run += 10_000
	if err := store.Append(ctx, &checks.Batch{Results: []checks.Result{next}}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	store = openChecks(t, openDB(t, dir))

	got, err := store.Results(ctx, "orders", day, day.AddDate(0, 0, 1), 0)
	want := append(slices.Clone(results), next)
	slices.Reverse(want)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("results: %v (-want +got)\n%.1000s", err, diff)
	}
	// The seeded runs are not counted again, the appended one is.
	slices.Reverse(rollups[checks.Hourly])
	added := checks.Rollup{Start: checks.Hourly.Start(next.At())}
	added.Add(&next)
	rollups[checks.Hourly] = append(rollups[checks.Hourly], added)
	rollups[checks.Daily][1].Merge(&added)
	for step, want := range rollups {
		got, err := store.Rollups(ctx, []string{"orders"}, step, day.AddDate(0, 0, -90), day.AddDate(0, 0, 1))
		if diff := cmp.Diff(map[string][]checks.Rollup{"orders": want}, got); err != nil || diff != "" {
			t.Errorf("roll-ups: %v (-want +got)\n%s", err, diff)
		}
	}
	told, err := store.Transitions(ctx, "", 10)
	if diff := cmp.Diff(transitions, told); err != nil || diff != "" {
		t.Errorf("transitions: %v (-want +got)\n%s", err, diff)
	}
	var life checks.Life
	for i := len(want) - 1; i >= 0; i-- {
		life.Apply(&want[i])
	}
	lives, err := store.Lives(ctx)
	if diff := cmp.Diff(map[string]checks.Life{"orders": life}, lives); err != nil || diff != "" {
		t.Errorf("lives: %v (-want +got)\n%s", err, diff)
	}
}

// A state is older than the results that were kept of it: it began when the
// newest transition says.
func TestASeededStateBeganAtItsNewestTransition(t *testing.T) {
	store := openChecks(t, openDB(t, t.TempDir()))
	day := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	change := func(ago int, from, to checks.Status) checks.Transition {
		return checks.Transition{At: day.AddDate(0, 0, -ago), From: from, To: to}
	}
	pasts := map[string]struct {
		state       checks.Status
		transitions []checks.Transition
		since       time.Time
	}{
		"up-for-long":  {checks.Up, []checks.Transition{change(90, checks.Unknown, checks.Up), change(9, checks.Up, checks.Down), change(8, checks.Down, checks.Up)}, day.AddDate(0, 0, -8)},
		"in-any-order": {checks.Down, []checks.Transition{change(3, checks.Up, checks.Down), change(90, checks.Unknown, checks.Up)}, day.AddDate(0, 0, -3)},
		"just-broken":  {checks.Down, []checks.Transition{change(90, checks.Unknown, checks.Up), change(0, checks.Up, checks.Down)}, day},
		"not-told-of":  {checks.Down, []checks.Transition{change(90, checks.Unknown, checks.Up)}, day},
		"told-nothing": {checks.Up, nil, day},
	}
	want, got := map[string]time.Time{}, map[string]time.Time{}
	for name, past := range pasts {
		r := killedBatch(1).Results[0]
		r.Check, r.Run, r.State = name, checks.RunID(day.UnixMilli()), past.state
		if err := store.Seed(t.Context(), name, nil, []checks.Result{r}, past.transitions); err != nil {
			t.Fatal(err)
		}
		want[name] = past.since
	}
	lives, err := store.Lives(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, life := range lives {
		got[name] = life.Since
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states began (-want +got)\n%s", diff)
	}
}
