package state_test

import (
	"log/slog"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/state"
	"lapwing.dev/lapwing/middleware/limit"
)

func openQuotas(t *testing.T, dir string) *state.QuotaStore { return openState(t, dir).Quotas() }

// TestQuotasOfEndedWindowsGoAway: the table does not grow with time.
func TestQuotasOfEndedWindowsGoAway(t *testing.T) {
	s := openQuotas(t, t.TempDir())
	old := limit.QuotaCount{Policy: "p", Period: limit.Day, Start: time.Unix(0, 0), End: time.Unix(86400, 0), Count: 1}
	var deltas []limit.QuotaCount
	for key := range uint64(1500) {
		old.Key = key
		deltas = append(deltas, old)
	}
	for range 3 {
		if err := s.Add(t.Context(), deltas[:1]); err != nil {
			t.Fatal(err)
		}
		if err := s.Add(t.Context(), deltas); err != nil {
			t.Fatal(err)
		}
	}
	left := 0
	if err := s.Load(t.Context(), time.Unix(0, 0), func(limit.QuotaCount) { left++ }); err != nil {
		t.Fatal(err)
	}
	if left > 1000 {
		t.Errorf("%d counts of windows that ended long ago are left", left)
	}
}

func BenchmarkAddQuotas(b *testing.B) {
	db, err := state.Open(b.Context(), b.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	start, end := limit.Day.Window(time.Now())
	deltas := make([]limit.QuotaCount, 1000)
	for i := range deltas {
		deltas[i] = limit.QuotaCount{Policy: "per-client", Key: uint64(i) * 0x9e3779b97f4a7c15, Period: limit.Day, Start: start, End: end, Count: 1}
	}
	for b.Loop() {
		if err := db.Quotas().Add(b.Context(), deltas); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(deltas)), "µs/count")
}
