package blocks_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/middleware/observe"
)

func BenchmarkObserve(b *testing.B) {
	m := manager(b, blocks.Config{}, blocks.Deps{})
	client := addr("203.0.113.7")
	random := rand.New(rand.NewPCG(1, 2))
	crowd := make([]netip.Addr, 1<<16)
	for i := range crowd {
		crowd[i] = addr(fmt.Sprintf("2001:db8:%x:%x::1", random.IntN(1<<16), random.IntN(1<<16)))
	}
	for _, bench := range []struct {
		name string
		e    observe.Exchange
		from []netip.Addr
	}{
		{"ordinary answer", observe.Exchange{Status: 200, Client: client}, nil},
		{"one that no rule looks at", observe.Exchange{Status: 500, Client: client}, nil},
		{"counted", observe.Exchange{Status: 404, Client: client, Path: "/wp-login.php"}, nil},
		{"counted, of a crowd that does not fit", observe.Exchange{Status: 404, Path: "/wp-login.php"}, crowd},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			e := bench.e
			e.Time = time.Now()
			i := 0
			for b.Loop() {
				if len(bench.from) > 0 {
					e.Client = bench.from[i%len(bench.from)]
					i++
				}
				m.Observe(&e)
			}
		})
	}
}

func BenchmarkBlocked(b *testing.B) {
	m := manager(b, blocks.Config{}, blocks.Deps{})
	b.Run("nobody is", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Blocked(addr("203.0.113.7"), "")
		}
	})
	add(b, m, blocks.Spec{Target: "198.51.100.0/24"})
	client := addr("203.0.113.7")
	b.Run("somebody is", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m.Blocked(client, "")
		}
	})
}
