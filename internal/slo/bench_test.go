package slo_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/slo"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/observe"
)

// idle is a Manager that does not run.
func idle(tb testing.TB, apis ...catalog.API) *slo.Manager {
	tb.Helper()
	m := slo.New(slo.Deps{Log: slog.New(slog.DiscardHandler), Store: &memory{}})
	commit, err := m.Prepare(slo.Config{APIs: apis})
	if err != nil {
		tb.Fatal(err)
	}
	commit()
	return m
}

func TestObserveAllocatesNothing(t *testing.T) {
	m := idle(t, with(catalog.Objective{Name: "fast", Target: .99, Latency: units.Duration(time.Second)}))
	for name, e := range map[string]*observe.Exchange{
		"served":  exchange("/orders", 200, time.Now(), 20*time.Millisecond),
		"failed":  exchange("/orders", 500, time.Now(), 2*time.Second),
		"refused": {API: "orders", Method: "GET", Route: "/orders", Verdict: observe.Rejected, Status: 429},
		"unknown": {API: "nobody's", Method: "GET", Route: "/orders"},
	} {
		m.Observe(e)
		if n := testing.AllocsPerRun(1000, func() { m.Observe(e) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	m := idle(b, with(catalog.Objective{Name: "fast", Target: .99, Latency: units.Duration(time.Second)}))
	exchanges := make([]*observe.Exchange, 64)
	for i := range exchanges {
		status := 200
		if i%16 == 0 {
			status = 500
		}
		exchanges[i] = exchange(fmt.Sprintf("/orders/{id}/%d", i%32), status, time.Now(), time.Duration(i)*time.Millisecond)
		m.Observe(exchanges[i])
	}
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			m.Observe(exchanges[i&63])
			i++
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				m.Observe(exchanges[i&63])
			}
		})
	})
	b.Run("late", func(b *testing.B) {
		late := exchange("/orders", 200, time.Now().Add(-2*time.Hour), 20*time.Millisecond)
		b.ReportAllocs()
		for b.Loop() {
			m.Observe(late)
		}
	})
}
