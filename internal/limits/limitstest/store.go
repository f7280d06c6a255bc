// Package limitstest holds every implementation of limits.Store to its contract.
package limitstest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/middleware/limit"
)

// Run runs the conformance suite. open returns a new, empty store.
func Run(t *testing.T, open func(t *testing.T) limits.Store) {
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) { story.run(t, open(t)) })
	}
}

var stories = []struct {
	name string
	run  func(*testing.T, limits.Store)
}{
	{"nothing is counted at first", func(t *testing.T, s limits.Store) {
		wantCounts(t, s)
	}},
	{"what was added comes back as it was", func(t *testing.T, s limits.Store) {
		day, month := count("per-client", 7, limit.Day, 3), count("per-client", 7, limit.Month, 40)
		add(t, s, day, month)
		wantCounts(t, s, day, month)
	}},
	{"counts add up", func(t *testing.T, s limits.Store) {
		add(t, s, count("p", 1, limit.Day, 3))
		add(t, s, count("p", 1, limit.Day, 4), count("p", 2, limit.Day, 1))
		add(t, s, count("p", 1, limit.Day, -2))
		wantCounts(t, s, count("p", 1, limit.Day, 5), count("p", 2, limit.Day, 1))
	}},
	{"the same key twice in one call", func(t *testing.T, s limits.Store) {
		add(t, s, count("p", 1, limit.Day, 3), count("p", 1, limit.Day, 4))
		wantCounts(t, s, count("p", 1, limit.Day, 7))
	}},
	{"policies, periods and windows are counted apart", func(t *testing.T, s limits.Store) {
		next := count("p", 1, limit.Day, 2)
		next.Start, next.End = next.End, next.End.AddDate(0, 0, 1)
		all := []limit.QuotaCount{count("p", 1, limit.Day, 1), count("q", 1, limit.Day, 1), count("p", 1, limit.Hour, 1), next}
		add(t, s, all...)
		wantCounts(t, s, all...)
	}},
	{"a window that has ended is not loaded", func(t *testing.T, s limits.Store) {
		old := count("p", 1, limit.Day, 9)
		old.Start, old.End = old.Start.AddDate(-3, 0, 0), old.End.AddDate(-3, 0, 0)
		add(t, s, old, count("p", 2, limit.Day, 1))
		wantCounts(t, s, count("p", 2, limit.Day, 1))
	}},
	{"a count that fell to zero or below is not loaded, and rises from there", func(t *testing.T, s limits.Store) {
		add(t, s, count("p", 1, limit.Day, -3))
		wantCounts(t, s)
		add(t, s, count("p", 1, limit.Day, 5))
		wantCounts(t, s, count("p", 1, limit.Day, 2))
	}},
	{"keys use all their bits", func(t *testing.T, s limits.Store) {
		all := []limit.QuotaCount{count("p", math.MaxUint64, limit.Day, 1), count("p", 1<<63, limit.Day, 2), count("p", 1, limit.Day, 3)}
		add(t, s, all...)
		wantCounts(t, s, all...)
	}},
	{"hostile names are only text", func(t *testing.T, s limits.Store) {
		evil := count(`x'); DROP TABLE limit_quota; -- "日本"`, 1, limit.Day, 1)
		add(t, s, evil)
		wantCounts(t, s, evil)
	}},
	{"many callers at once", func(t *testing.T, s limits.Store) {
		var group sync.WaitGroup
		for i := range uint64(8) {
			group.Go(func() {
				for range 10 {
					if err := s.Add(t.Context(), []limit.QuotaCount{count("p", 99, limit.Day, 1), count("p", i, limit.Day, 1)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		want := []limit.QuotaCount{count("p", 99, limit.Day, 80)}
		for i := range uint64(8) {
			want = append(want, count("p", i, limit.Day, 10))
		}
		wantCounts(t, s, want...)
	}},
	{"an ended context is an error and changes nothing", func(t *testing.T, s limits.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Add(ctx, []limit.QuotaCount{count("p", 1, limit.Day, 1)}); err == nil {
			t.Error("counted for a caller that had gone")
		}
		wantCounts(t, s)
	}},
	{"nothing to add is nothing", func(t *testing.T, s limits.Store) {
		add(t, s)
		wantCounts(t, s)
	}},
}

// count is a count in the present window.
func count(policy string, key uint64, p limit.Period, n int64) limit.QuotaCount {
	start, end := p.Window(time.Now().AddDate(1, 0, 0)) // no window ends during a test
	return limit.QuotaCount{Policy: policy, Key: key, Period: p, Start: start, End: end, Count: n}
}

func add(t *testing.T, s limits.Store, deltas ...limit.QuotaCount) {
	t.Helper()
	if err := s.Add(t.Context(), deltas); err != nil {
		t.Fatal(err)
	}
}

func wantCounts(t *testing.T, s limits.Store, want ...limit.QuotaCount) {
	t.Helper()
	var got []limit.QuotaCount
	if err := s.Load(t.Context(), time.Now(), func(q limit.QuotaCount) { got = append(got, q) }); err != nil {
		t.Fatal(err)
	}
	order := func(a, b limit.QuotaCount) int {
		return cmp.Or(strings.Compare(a.Policy, b.Policy), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Period, b.Period), a.Start.Compare(b.Start))
	}
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if diff := gocmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}
