package redis

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/limits/redistest"
	"lapwing.dev/lapwing/middleware/limit"
)

func TestLeaseSize(t *testing.T) {
	for _, c := range []struct {
		rate  limit.Rate
		burst int64
		nodes int64
		want  int64
	}{
		{limit.PerSecond(1000), 1000, 1, 50},
		{limit.PerSecond(1000), 1000, 3, 50},
		{limit.PerSecond(1000), 60, 3, 10},
		{limit.PerMinute(500), 50, 1, 1},
		{limit.PerSecond(1000), 1, 1, 1},
		{limit.PerSecond(1000), 1000, 0, 50},
	} {
		if got := leaseSize(limit.RateSpec{Rate: c.rate, Burst: c.burst}, c.nodes); got != c.want {
			t.Errorf("%s burst %d on %d servers: a lease of %d, want %d", c.rate, c.burst, c.nodes, got, c.want)
		}
	}
}

func TestABusyKeyIsAnsweredHere(t *testing.T) {
	server := redistest.Start(t)
	s, end := openUntil(t, server, nil)
	r := rateOf("busy", 1, limit.PerSecond(10_000), 10_000)
	for range 2000 {
		take(t, s, r)
	}
	asked := testCount(s.stats.asked)
	t.Logf("%.0f of 2000 were asked for", asked)
	if asked > 500 {
		t.Errorf("the store was asked %.0f times for 2000 requests of one key", asked)
	}
	// What is left over comes back: by itself when the key falls silent …
	waitFor(t, "the lease to be given back", func() bool {
		n, tokens := s.leases.figures()
		return n == 0 && tokens == 0
	})
	// … and at the end.
	for range 10 {
		take(t, s, r)
	}
	end()
	if n, tokens := s.leases.figures(); n != 0 || tokens != 0 {
		t.Errorf("%d leases with %d tokens are left", n, tokens)
	}
}

func TestAQuietKeyHasNoLease(t *testing.T) {
	s := open(t, redistest.Start(t), nil)
	for key := range uint64(100) {
		take(t, s, rateOf("quiet", key, limit.PerSecond(1000), 1000))
	}
	if n, _ := s.leases.figures(); n > 2 { // two keys may share a place of those seen
		t.Errorf("%d keys that came once have leases", n)
	}
}

func TestARefusalIsRememberedForAShortTime(t *testing.T) {
	s := open(t, redistest.Start(t), nil)
	r := rateOf("attack", 1, limit.PerHour(1), 1)
	take(t, s, r)
	for range 1000 {
		if take(t, s, r)[0].Allowed {
			t.Fatal("let in")
		}
	}
	if asked := testCount(s.stats.asked); asked > 100 {
		t.Errorf("the store was asked %.0f times about somebody who is refused", asked)
	}
	back := r
	back.Cost = -1
	s.Settle(t.Context(), []limit.Take{back})
	waitFor(t, "the token that came back", func() bool { return take(t, s, r)[0].Allowed })
}

// TestServersShareALimit: three servers with leases let in what one would.
func TestServersShareALimit(t *testing.T) {
	server := redistest.Start(t)
	const (
		servers = 3
		burst   = 600
		perSec  = 2000
		seconds = 1.2
	)
	r := rateOf("shared", 7, limit.PerSecond(perSec), burst)
	var stores [servers]*Store
	for i := range stores {
		stores[i] = open(t, server, nil)
	}
	for _, s := range stores {
		waitFor(t, "each to know of all", func() bool { return s.Limiters() == servers })
	}
	var total atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for _, s := range stores {
		for range 2 {
			group.Go(func() {
				for {
					takes := []limit.Take{r}
					if err := s.Take(t.Context(), takes); err != nil {
						t.Error(err)
						return
					}
					at := time.Since(began)
					if at.Seconds() >= seconds {
						return
					}
					if takes[0].Outcome.Allowed {
						total.Add(1)
					} else {
						time.Sleep(500 * time.Microsecond)
					}
				}
			})
		}
	}
	group.Wait()
	// What was charged cannot be more than the limit. How much less depends on how
	// often they could ask on a loaded machine.
	if most := int64(burst + perSec*seconds); total.Load() > most+1 || total.Load() < most/2 {
		t.Errorf("%d were let in in %.1f s, want %d or a little less", total.Load(), seconds, most)
	}
	t.Logf("%d let in of %d by rate and burst", total.Load(), int64(burst+perSec*seconds))
}

// TestTheMostThatLeasesAdd measures the worst case: every server takes a lease,
// the bucket fills up again, and then all ask at once.
func TestTheMostThatLeasesAdd(t *testing.T) {
	server := redistest.Start(t)
	const (
		servers = 3
		burst   = 600
		perSec  = 4000
	)
	r := rateOf("shared", 7, limit.PerSecond(perSec), burst)
	var stores [servers]*Store
	for i := range stores {
		stores[i] = open(t, server, nil)
	}
	for _, s := range stores {
		waitFor(t, "each to know of all", func() bool { return s.Limiters() == servers })
	}
	var held int64
	for _, s := range stores {
		take(t, s, r)
		take(t, s, r)
		_, tokens := s.leases.figures()
		held += tokens
	}
	waitFor(t, "a full bucket", func() bool {
		ask := r
		ask.Cost = 0
		return take(t, stores[0], ask)[0].Remaining == burst
	})
	var admitted atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for _, s := range stores {
		group.Go(func() {
			for range 2 * burst {
				takes := []limit.Take{r}
				if s.Take(t.Context(), takes) == nil && takes[0].Outcome.Allowed {
					admitted.Add(1)
				}
			}
		})
	}
	group.Wait()
	gained := int64(time.Since(began).Seconds() * perSec)
	bound := servers * leaseSize(r.Rate, servers)
	over := admitted.Load() - burst - gained
	t.Logf("%d let in within %s; %d by burst and rate; %d more, with %d held in leases; bound %d", admitted.Load(), time.Since(began), burst+gained, over, held, bound)
	if held > bound {
		t.Errorf("%d tokens are in leases, want %d at most", held, bound)
	}
	if over > held {
		t.Errorf("%d more than the limit, want %d at most", over, held)
	}
}

// BenchmarkRoundTrip asks the store for every request; BenchmarkLease takes
// ahead.
func BenchmarkRoundTrip(b *testing.B) { benchmarkTake(b, true) }
func BenchmarkLease(b *testing.B)     { benchmarkTake(b, false) }

func benchmarkTake(b *testing.B, noLeases bool) {
	s := open(b, redistest.Start(b), func(o *Options) { o.NoLeases = noLeases })
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		takes := []limit.Take{rateOf("bench", 1, limit.PerSecond(5_000_000), 5_000_000)}
		for pb.Next() {
			takes[0].Outcome = limit.Outcome{}
			if err := s.Take(b.Context(), takes); err != nil {
				b.Fatal(err)
			}
		}
	})
}
