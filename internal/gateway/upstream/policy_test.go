package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// poolOf makes a pool of n servers that nobody connects to, with an
// unremarkable past.
func poolOf(t *testing.T, cfg Config, n int) *Pool {
	t.Helper()
	registry := NewRegistry(slog.New(slog.DiscardHandler))
	for i := range n {
		if i >= len(cfg.Servers) {
			cfg.Servers = append(cfg.Servers, Server{})
		}
		cfg.Servers[i].URL = fmt.Sprintf("http://10.0.0.%d", i+1)
	}
	if cfg.SlowStart == 0 {
		cfg.SlowStart = -1
	}
	p, err := NewPool(cfg, Deps{Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	registry.Use(p)
	return p
}

// drawn counts whom n picks choose.
func drawn(p *Pool, n int) []int {
	counts := make([]int, len(p.members))
	for range n {
		var none serverSet
		counts[p.pick(&none)]++
	}
	return counts
}

func about(got, want, tolerance int) bool {
	return math.Abs(float64(got-want)) <= float64(tolerance)
}

func TestIdleServersGetRequestsByTheirWeight(t *testing.T) {
	p := poolOf(t, Config{Servers: []Server{{Weight: 1}, {Weight: 3}}}, 2)
	if got := drawn(p, 4000); !about(got[0], 1000, 200) {
		t.Errorf("drawn %v of 4000, want 1:3", got)
	}
}

func TestBusyServersGetFewer(t *testing.T) {
	p := poolOf(t, Config{}, 2)
	p.members[0].server.slots.inWork.Store(5)
	if got := drawn(p, 100); got[0] != 0 {
		t.Errorf("the busier of two got %d of 100", got[0])
	}
	p = poolOf(t, Config{}, 10)
	p.members[0].server.slots.inWork.Store(100)
	if got := drawn(p, 1000); got[0] != 0 {
		t.Errorf("the busiest of ten got %d of 1000", got[0])
	}
}

func TestLoadFollowsTheWeights(t *testing.T) {
	p := poolOf(t, Config{Servers: []Server{{Weight: 1}, {Weight: 3}}}, 2)
	for range 400 { // none ever ends
		var none serverSet
		p.members[p.pick(&none)].server.slots.inWork.Add(1)
	}
	if got := p.members[0].server.slots.inWork.Load(); !about(int(got), 100, 3) {
		t.Errorf("the small one has %d of 400", got)
	}
}

func TestAServerThatFailsIsTakenOutAndComesBackSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poolOf(t, Config{SlowStart: 10 * time.Second, Ejection: Ejection{After: 3, Time: 10 * time.Second}}, 2)
		time.Sleep(time.Minute) // both are old
		bad := &p.members[0]
		fail := func(n int) {
			for range n {
				p.settle(bad, poor, "it answered 503")
			}
		}
		fail(2)
		p.settle(bad, good, "")
		fail(2)
		if got := drawn(p, 100); got[0] == 0 {
			t.Error("it is out although no three failures came in a row")
		}
		fail(1)
		if got := drawn(p, 100); got[0] != 0 {
			t.Error("it is not out")
		}
		if s := p.Status().Servers[0]; s.State != Ejected || s.Left != 10*time.Second || s.Why != "it answered 503" || s.Ejections != 1 {
			t.Errorf("status %+v", s)
		}
		time.Sleep(10 * time.Second)
		if got := drawn(p, 2000); !about(got[0], 182, 80) {
			t.Errorf("at first it gets %d of 2000, want a tenth of the other's", got[0])
		}
		if s := p.Status().Servers[0]; s.State != Returning {
			t.Errorf("status %+v", s)
		}
		time.Sleep(5 * time.Second)
		if got := drawn(p, 2000); !about(got[0], 710, 120) {
			t.Errorf("half way it gets %d of 2000", got[0])
		}
		time.Sleep(5 * time.Second)
		if got := drawn(p, 2000); !about(got[0], 1000, 150) {
			t.Errorf("in the end it gets %d of 2000", got[0])
		}
	})
}

// Whoever knows a URL that fails must not be able to take servers out with it.
func TestErrorsOfTheApplicationTakeNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poolOf(t, Config{Ejection: Ejection{After: 3, Time: 10 * time.Second}}, 2)
		time.Sleep(time.Minute)
		bad := &p.members[0]
		for range 50 {
			p.settle(bad, judge(http.StatusInternalServerError, nil, false), "")
		}
		if s := p.Status().Servers[0]; s.State != Up || s.Failed != 50 {
			t.Errorf("status %+v", s)
		}
		for range 3 {
			p.settle(bad, judge(http.StatusServiceUnavailable, nil, false), "")
			p.settle(bad, judge(http.StatusInternalServerError, nil, false), "")
		}
		if s := p.Status().Servers[0]; s.State != Ejected {
			t.Errorf("a 500 in between makes it well: %+v", s)
		}
	})
}

func TestAServerThatFailsAgainStaysOutForLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := poolOf(t, Config{Ejection: Ejection{After: 3, Time: 10 * time.Second, MaxTime: 25 * time.Second}}, 2)
		bad := &p.members[0]
		for range 3 {
			p.settle(bad, failed, "reset")
		}
		for _, want := range []time.Duration{20 * time.Second, 25 * time.Second} {
			left := p.Status().Servers[0].Left
			time.Sleep(left)
			p.settle(bad, failed, "reset") // one failure is enough now
			if got := p.Status().Servers[0].Left; got != want {
				t.Errorf("out for %v, want %v", got, want)
			}
		}
		time.Sleep(25*time.Second + time.Minute) // it does well
		p.settle(bad, good, "")
		for range 3 {
			p.settle(bad, failed, "reset")
		}
		if got := p.Status().Servers[0].Left; got != 10*time.Second {
			t.Errorf("after a good minute it is out for %v, want the first time again", got)
		}
	})
}

func TestNotAllServersAreTakenOut(t *testing.T) {
	for _, c := range []struct{ servers, out int }{{1, 0}, {2, 1}, {4, 2}, {5, 2}} {
		p := poolOf(t, Config{}, c.servers)
		for i := range p.members {
			for range 10 {
				p.settle(&p.members[i], failed, "reset")
			}
		}
		out := 0
		for _, s := range p.Status().Servers {
			if s.State == Ejected {
				out++
			}
		}
		if out != c.out {
			t.Errorf("of %d servers that fail, %d are out, want %d", c.servers, out, c.out)
		}
	}
}

func TestWhenAllAreOutTheyAreAskedAllTheSame(t *testing.T) {
	p := poolOf(t, Config{}, 2)
	for i := range p.members {
		p.members[i].server.until.Store(int64(time.Hour))
	}
	var tried serverSet
	first := p.pick(&tried)
	tried.add(first)
	second := p.pick(&tried)
	tried.add(second)
	if first == second || first < 0 || second < 0 || p.pick(&tried) != -1 {
		t.Errorf("picked %d and %d", first, second)
	}
}

func TestTheBreakerOpensTriesAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		now := func() time.Duration { return time.Since(begin) }
		var b breaker
		b.configure(&Breaker{Share: 0.5, Least: 10, Window: 10 * time.Second, Open: 5 * time.Second, Trials: 2})
		ask := func(v verdict) bool {
			_, ok := b.allow(now())
			if ok {
				b.record(v, now())
			}
			return ok
		}
		for i := range 10 {
			ask(verdict(i % 2 * int(failed))) // good, failed, good, …
		}
		if wait, ok := b.allow(now()); ok || wait != 5*time.Second {
			t.Fatalf("half of ten failed: allowed %v, wait %v", ok, wait)
		}
		time.Sleep(5 * time.Second)
		_, first := b.allow(now())
		_, second := b.allow(now())
		_, third := b.allow(now())
		if !first || !second || third {
			t.Errorf("it lets %v %v %v try, want two", first, second, third)
		}
		b.record(failed, now())
		if ask(good) {
			t.Error("a trial failed, and it is not open again")
		}
		time.Sleep(5 * time.Second)
		b.allow(now())
		b.record(void, now()) // a trial that says nothing gives its place to another
		for range 3 {
			if !ask(good) {
				t.Error("two good trials do not close it")
			}
		}
		for range 8 {
			ask(failed)
		}
		time.Sleep(11 * time.Second) // these are forgotten
		if !ask(failed) || !ask(good) {
			t.Error("it counts what is older than its window")
		}
	})
}

func TestTheBudgetSavesAndRefills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var b budget
		b.configure(&Retries{Budget: 0.2, Minimum: 2}, 0)
		take := func() (n int) {
			for b.withdraw(time.Since(begin)) {
				n++
			}
			return n
		}
		if got := take(); got != 2 {
			t.Errorf("%d at once, want the free ones of a second", got)
		}
		for range 50 {
			b.deposit()
		}
		if got := take(); got != 10 {
			t.Errorf("%d after 50 requests, want 10", got)
		}
		time.Sleep(time.Hour)
		if got := take(); got != 2 {
			t.Errorf("%d after an hour, want 2: free ones are not saved", got)
		}
		for range 100_000 {
			b.deposit()
		}
		if got := take(); got != 100 {
			t.Errorf("%d after many requests, want 100", got)
		}
	})
}

func TestSlotsAreHandedOverInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s slots
		c := &Connections{Max: 1, Queue: 2, Wait: time.Second}
		if err := s.take(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		got := make(chan int, 2)
		for i := range 2 {
			go func() {
				if err := s.take(t.Context(), c); err == nil {
					got <- i
				}
			}()
			synctest.Wait()
		}
		if err := s.take(t.Context(), c); !errors.Is(err, errQueueFull) {
			t.Errorf("the third waiter: %v", err)
		}
		s.give(c)
		if first := <-got; first != 0 {
			t.Errorf("waiter %d was first", first)
		}
		s.give(c)
		if second := <-got; second != 1 {
			t.Errorf("waiter %d was second", second)
		}
		if err := s.take(t.Context(), c); !errors.Is(err, errQueueWait) {
			t.Errorf("a second without a slot: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.take(ctx, c); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that left: %v", err)
		}
		s.give(c)
		if n, q := s.inWork.Load(), s.queued.Load(); n != 0 || q != 0 {
			t.Errorf("%d in work, %d waiting in the end", n, q)
		}
	})
}

func TestAFullServerIsLeftOut(t *testing.T) {
	p := poolOf(t, Config{Servers: []Server{{Weight: 1000}, {Weight: 1}}, Connections: Connections{Max: 1}}, 2)
	p.members[0].server.slots.inWork.Store(1)
	if got := drawn(p, 100); got[0] != 0 {
		t.Errorf("a full server got %d of 100", got[0])
	}
}

func TestConfigurationsThatCannotWork(t *testing.T) {
	registry := NewRegistry(slog.New(slog.DiscardHandler))
	one := []Server{{URL: "http://a"}}
	for name, cfg := range map[string]Config{
		"no servers":       {},
		"no scheme":        {Servers: []Server{{URL: "127.0.0.1:80"}}},
		"another scheme":   {Servers: []Server{{URL: "ftp://a"}}},
		"no host":          {Servers: []Server{{URL: "http:///x"}}},
		"a password":       {Servers: []Server{{URL: "http://u:p@a"}}},
		"a query":          {Servers: []Server{{URL: "http://a?x"}}},
		"twice":            {Servers: []Server{{URL: "http://a"}, {URL: "http://A"}}},
		"a bad weight":     {Servers: []Server{{URL: "http://a", Weight: -1}}},
		"too many":         {Servers: make([]Server, maxServers+1)},
		"a check's path":   {Servers: one, Check: Check{Path: "health"}},
		"a path with CRLF": {Servers: one, Check: Check{Path: "/\r\nX: 1"}},
		"a share":          {Servers: one, Breaker: Breaker{Share: 2}},
	} {
		if _, err := NewPool(cfg, Deps{Registry: registry}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := NewPool(Config{Servers: one}, Deps{}); err == nil {
		t.Error("without a registry: accepted")
	}
}
