package traffic_test

import (
	"io"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// exchange is a usual request, changed by with.
func exchange(with func(e *observe.Exchange)) *observe.Exchange {
	e := &observe.Exchange{
		Time: time.Now(), Duration: 3 * time.Millisecond, Source: observe.SourceGateway,
		API: "orders", Operation: "GET /orders/{id}", Route: "/orders/{id}", Method: "GET", Scheme: "http", Host: "shop.example", Path: "/orders/4711", Protocol: "HTTP/1.1",
		Status: 200, ResponseBytes: 1024, Client: netip.MustParseAddr("203.0.113.7"), ClientKey: "203.0.113.7", Tier: "free", UserAgent: "curl/8.5.0", RequestID: "7d444840",
		Verdict: observe.Allowed, Upstream: "http://127.0.0.1:8000", Attempts: 1,
	}
	if with != nil {
		with(e)
	}
	return e
}

// One allocation a request would be most of what observing it costs.
func TestObservingAllocatesNothing(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet()})
	plain, held := exchange(nil), exchange(func(e *observe.Exchange) { e.Verdict, e.Policy = observe.Delayed, "per-client" })
	m.Observe(plain)
	m.Observe(held)
	if n := testing.AllocsPerRun(1000, func() { m.Observe(plain); m.Observe(held) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m := traffic.New(traffic.Deps{Log: quiet()})
	e := exchange(nil)
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Observe(e)
		}
	})
	b.Run("logged", func(b *testing.B) {
		m, stop := logging(b, traffic.Deps{Stdout: io.Discard}, traffic.AccessLog{Stdout: true})
		defer stop()
		b.ReportAllocs()
		for b.Loop() {
			m.Observe(e)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			e := *e
			for pb.Next() {
				m.Observe(&e)
			}
		})
	})
}
