package limit

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"testing"
)

// BenchmarkTable is the word alone: no hash of a text and no clock.
func BenchmarkTable(b *testing.B) {
	const interval, tolerance = 100, 1 << 40
	b.Run("one hot key", func(b *testing.B) {
		b.ReportAllocs()
		t := newTable(8 << 20)
		now := int64(1)
		for b.Loop() {
			now += interval
			t.take(0x9e3779b97f4a7c15, now, move{by: interval, limit: tolerance})
		}
	})
	b.Run("one hot key, all processors", func(b *testing.B) {
		b.ReportAllocs()
		t := newTable(8 << 20)
		b.RunParallel(func(pb *testing.PB) {
			now := int64(1)
			for pb.Next() {
				now += interval
				t.take(0x9e3779b97f4a7c15, now, move{by: interval, limit: tolerance})
			}
		})
	})
	b.Run("refused", func(b *testing.B) {
		b.ReportAllocs()
		t := newTable(8 << 20)
		for b.Loop() {
			t.take(0x9e3779b97f4a7c15, 1, move{by: interval, limit: 0})
		}
	})
	b.Run("a million keys", func(b *testing.B) {
		b.ReportAllocs()
		const keys = 1 << 20
		t := newTable(keys * 24)
		random := rand.New(rand.NewPCG(1, 2))
		all := make([]uint64, keys)
		for i := range all {
			all[i] = random.Uint64()
			t.take(all[i], 1, move{by: 1 << 40, limit: 1 << 50})
		}
		b.ReportMetric(float64(t.capacity()*16)/float64(t.held(2)), "B/key")
		b.ResetTimer()
		i, now := uint64(0), int64(1)
		for b.Loop() {
			now++
			i = i*6364136223846793005 + 1442695040888963407
			t.take(all[i>>44], now, move{by: 1, limit: 1 << 60})
		}
		b.ReportMetric(float64(t.capacity()*16)/float64(t.held(now)), "B/key")
	})
}

// BenchmarkDecide is a whole decision with its end, the clock and the hash of
// the key included.
func BenchmarkDecide(b *testing.B) {
	decide := func(b *testing.B, o Options, q *Request, policies ...Policy) {
		b.Helper()
		b.ReportAllocs()
		rules, err := New(o).Compile(policies, nil)
		if err != nil {
			b.Fatal(err)
		}
		ctx := context.Background()
		var d Decision
		for b.Loop() {
			rules.Decide(ctx, q, &d)
			d.Done(Feedback{})
		}
	}
	client := &Request{Method: "GET", Client: netip.MustParseAddr("203.0.113.7"), Headers: http.Header{"X-Client": {"somebody"}}}
	address := Policy{Name: "address", Key: []KeyPart{ClientAddress()}, Rate: PerSecond(10_000_000), Burst: 10_000_000}
	header := address
	header.Name, header.Key = "header", []KeyPart{Header("X-Client")}
	quota := Policy{Name: "quota", Key: address.Key, Quota: []Quota{{1_000_000_000_000 - 1, Day}}}
	running := Policy{Name: "running", Key: address.Key, InUse: 10}
	tight := address
	tight.Rate, tight.Burst = PerDay(1), 0
	b.Run("by address", func(b *testing.B) { decide(b, Options{}, client, address) })
	b.Run("by address, SipHash", func(b *testing.B) { decide(b, Options{Secret: [16]byte{1}}, client, address) })
	b.Run("by header", func(b *testing.B) { decide(b, Options{}, client, header) })
	b.Run("two rates", func(b *testing.B) { decide(b, Options{}, client, address, header) })
	b.Run("quota", func(b *testing.B) { decide(b, Options{}, client, quota) })
	b.Run("concurrency", func(b *testing.B) { decide(b, Options{}, client, running) })
	b.Run("refused", func(b *testing.B) { decide(b, Options{}, client, tight) })
}

func BenchmarkFields(b *testing.B) {
	b.ReportAllocs()
	rules, err := New(Options{}).Compile([]Policy{{Name: "default", Key: []KeyPart{ClientAddress()}, Rate: PerMinute(500)}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	var d Decision
	rules.Decide(context.Background(), &Request{}, &d)
	h := http.Header{}
	for b.Loop() {
		AppendFields(h, &d)
	}
}
