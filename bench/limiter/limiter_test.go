// Package limiter measures one decision of the limiter, beside golang.org/x/time/rate
// with a map of one limiter a key, which is what programs write by themselves:
//
//	go test -bench . -count 6 ./bench/limiter
//
// Both read the clock and find the key by itself. The limiter's decision has in
// addition the key made of the request, the remaining allowance for the fields
// of the answer, and its figures; the word alone is measured in
// middleware/limit, BenchmarkTable.
package limiter

import (
	"context"
	"encoding/binary"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/time/rate"

	"lapwing.dev/lapwing/middleware/limit"
)

const million = 1 << 20

// address is the n-th client.
func address(n uint64) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(n)|10<<24)
	return netip.AddrFrom4(b)
}

// next is the state of a cheap generator after this one.
func next(n uint64) uint64 { return n*6364136223846793005 + 1442695040888963407 }

// lapwing is a limiter of one policy that counts by address.
func lapwing(tb testing.TB, bytes int, r limit.Rate, burst int64) *limit.Rules {
	tb.Helper()
	rules, err := limit.New(limit.Options{Bytes: bytes}).Compile([]limit.Policy{{
		Name: "default", Key: []limit.KeyPart{limit.ClientAddress()}, Rate: r, Burst: burst,
	}}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return rules
}

// peer is x/time/rate in a map.
type peer struct {
	mu    sync.Mutex
	keys  map[netip.Addr]*rate.Limiter
	limit rate.Limit
	burst int
}

func (p *peer) allow(a netip.Addr) bool {
	p.mu.Lock()
	l := p.keys[a]
	if l == nil {
		l = rate.NewLimiter(p.limit, p.burst)
		p.keys[a] = l
	}
	p.mu.Unlock()
	return l.Allow()
}

func newPeer(limit rate.Limit, burst int) *peer {
	return &peer{keys: make(map[netip.Addr]*rate.Limiter), limit: limit, burst: burst}
}

func BenchmarkHotKey(b *testing.B) {
	b.Run("lapwing", func(b *testing.B) {
		b.ReportAllocs()
		rules := lapwing(b, 0, limit.PerSecond(limit.MaxPerSecond), 1<<30)
		q, ctx := limit.Request{Client: address(7)}, context.Background()
		var d limit.Decision
		for b.Loop() {
			rules.Decide(ctx, &q, &d)
		}
	})
	b.Run("x-time-rate", func(b *testing.B) {
		b.ReportAllocs()
		p, a := newPeer(limit.MaxPerSecond, 1<<30), address(7)
		for b.Loop() {
			p.allow(a)
		}
	})
}

func BenchmarkHotKeyAllProcessors(b *testing.B) {
	b.Run("lapwing", func(b *testing.B) {
		b.ReportAllocs()
		rules := lapwing(b, 0, limit.PerSecond(limit.MaxPerSecond), 1<<30)
		b.RunParallel(func(pb *testing.PB) {
			q, ctx := limit.Request{Client: address(7)}, context.Background()
			var d limit.Decision
			for pb.Next() {
				rules.Decide(ctx, &q, &d)
			}
		})
	})
	b.Run("x-time-rate", func(b *testing.B) {
		b.ReportAllocs()
		p, a := newPeer(limit.MaxPerSecond, 1<<30), address(7)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				p.allow(a)
			}
		})
	})
}

// BenchmarkMillionKeys has every key in debt before it begins, so that each is
// held. B/key is what the heap has grown by.
func BenchmarkMillionKeys(b *testing.B) {
	b.Run("lapwing", func(b *testing.B) {
		b.ReportAllocs()
		before := heap()
		rules := lapwing(b, 24*million, limit.PerHour(1000), 1000)
		q, ctx := limit.Request{}, context.Background()
		var d limit.Decision
		for n := range uint64(million) {
			q.Client = address(n)
			rules.Decide(ctx, &q, &d)
		}
		perKey := float64(heap()-before) / million
		b.ResetTimer()
		n := uint64(0)
		for b.Loop() {
			n = next(n)
			q.Client = address(n >> 44)
			rules.Decide(ctx, &q, &d)
		}
		b.ReportMetric(perKey, "B/key")
	})
	b.Run("x-time-rate", func(b *testing.B) {
		b.ReportAllocs()
		before := heap()
		p := newPeer(1000./3600, 1000)
		for n := range uint64(million) {
			p.allow(address(n))
		}
		perKey := float64(heap()-before) / million
		b.ResetTimer()
		n := uint64(0)
		for b.Loop() {
			n = next(n)
			p.allow(address(n >> 44))
		}
		b.ReportMetric(perKey, "B/key")
	})
}

// heap is how much is in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkAdmitted tells how exact the count is when all processors ask at the
// same time: what was admitted, as a share of what was allowed.
func BenchmarkAdmitted(b *testing.B) {
	const burst, workers = 100_000, 8
	var admitted atomic.Int64
	rounds := int64(0)
	for b.Loop() {
		rounds++
		rules := lapwing(b, 0, limit.PerDay(burst), burst)
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				q, ctx := limit.Request{Client: address(7)}, context.Background()
				var d limit.Decision
				n := int64(0)
				for range 2 * burst / workers {
					rules.Decide(ctx, &q, &d)
					if d.Verdict == limit.Allow {
						n++
					}
				}
				admitted.Add(n)
			})
		}
		all.Wait()
	}
	b.ReportMetric(float64(admitted.Load())/float64(rounds*burst), "admitted/allowed")
}
