package gateway

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

type oneTemplate struct{}

func (oneTemplate) Operation(_, _, _ string) (string, bool) { return "/orders/{id}", true }

type nobodyBlocked struct{}

func (nobodyBlocked) Blocked(netip.Addr, string) (block.Entry, bool) { return block.Entry{}, false }

// deciding is a gateway with everything on, whose core is asked directly.
func deciding(tb testing.TB, bytes int) (*Gateway, *call) {
	tb.Helper()
	g := New(Deps{
		Log: slog.New(slog.DiscardHandler), Sink: observe.SinkFunc(func(*observe.Exchange) {}),
		Operations: oneTemplate{}, Blocker: nobodyBlocked{},
	})
	limiter := limit.New(limit.Options{Bytes: bytes})
	cfg := Config{Routes: []Route{{API: "orders", Limits: []string{"per-client"}, Upstreams: map[string]Servers{"default": {{URL: "http://127.0.0.1:1"}}}}}}
	commit, err := g.Prepare(tb.Context(), cfg, Around{
		APIs: map[string]string{"orders": ""},
		Rules: func([]string) (*limit.Rules, error) {
			return limiter.Compile([]limit.Policy{{Name: "per-client", Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerSecond(1_000_000)}}, nil)
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	commit()
	return g, newCall()
}

var benchHeader = http.Header{
	"User-Agent": {"bench"}, "X-Request-Id": {"0123456789"}, "Accept": {"*/*"},
	"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
}

func (g *Gateway) askAbout(ctx context.Context, c *call, addr netip.Addr, key string) *refusal {
	c.reset()
	c.table = g.table.Load()
	c.asked = inquiry{
		source: observe.SourceGateway, method: "GET", host: "shop", target: "/orders/17?x=1", headers: benchHeader, proto: "HTTP/1.1",
		scheme: "http", peer: addr, peerKey: key, resolver: c.table.resolver,
	}
	return g.decide(ctx, c)
}

func TestADecisionAllocatesNothing(t *testing.T) {
	g, c := deciding(t, 1<<20)
	addr := netip.MustParseAddr("198.51.100.1")
	if n := testing.AllocsPerRun(1000, func() {
		if refused := g.askAbout(t.Context(), c, addr, "198.51.100.1"); refused != nil {
			t.Fatal(refused.code)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecide(b *testing.B) {
	g, c := deciding(b, 1<<20)
	addr := netip.MustParseAddr("198.51.100.1")
	b.ReportAllocs()
	for b.Loop() {
		g.askAbout(b.Context(), c, addr, "198.51.100.1")
	}
}

func BenchmarkProblem(b *testing.B) {
	c := newCall()
	c.refusal, c.exchange.Policy, c.exchange.RequestID = refusedQuota, "per-client", strings.Repeat("a", 32)
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = c.problem(buf[:0])
	}
}

// A million addresses take the memory that the limiter may have, and no more.
func TestAMillionAddressesTakeNoMoreMemory(t *testing.T) {
	const bytes = 1 << 20
	g, c := deciding(t, bytes)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var ip [16]byte
	ip[0], ip[1] = 0x20, 0x01
	for i := range uint64(1_000_000) {
		binary.BigEndian.PutUint64(ip[2:], i) // each a /64 of its own
		g.askAbout(t.Context(), c, netip.AddrFrom16(ip), "")
		c.end(nil)
	}
	if after := heap(); after > before+bytes {
		t.Errorf("the heap grew by %d KiB", (after-before)>>10)
	}
	runtime.KeepAlive(g)
}
