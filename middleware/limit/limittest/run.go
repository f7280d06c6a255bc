package limittest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lapwing.dev/lapwing/middleware/limit"
)

// Run plays all cases on limiters, and what only a limiter can be asked. open
// returns a limiter that has counted nothing; it is called once a case, and
// cleans up by t. Within a bubble of testing/synctest nothing takes time.
func Run(t *testing.T, open func(t *testing.T) *limit.Limiter) {
	t.Helper()
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) { RunCase(t, c, open(t)) })
	}
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) { s.play(t, open(t)) })
	}
}

// Stories returns what Run plays besides the cases, by name.
func Stories() map[string]func(t *testing.T, l *limit.Limiter) {
	all := make(map[string]func(t *testing.T, l *limit.Limiter), len(stories))
	for _, s := range stories {
		all[s.name] = s.play
	}
	return all
}

// RunCase plays one case on a limiter that has counted nothing.
func RunCase(t *testing.T, c Case, l *limit.Limiter) {
	t.Helper()
	rules, err := l.Compile(c.Policies, nil)
	if err != nil {
		t.Fatal(err)
	}
	hold := func(client string) (Answer, func(), error) {
		d := new(limit.Decision)
		begun := time.Now()
		rules.Decide(context.Background(), Request(client), d)
		if d.Verdict == limit.Refuse {
			return Answer{Rejected: true, RetryAfter: d.RetryAfter}, nil, nil
		}
		err := d.Wait(context.Background())
		return Answer{Waited: time.Since(begun)}, func() { d.Done(limit.Feedback{Status: 200}) }, err
	}
	Drive(t, c, Driver{
		Take: func(client string) (Answer, error) {
			a, end, err := hold(client)
			if end != nil {
				end()
			}
			return a, err
		},
		Hold: hold,
	})
}

// stories are of what cannot be told by requests alone.
var stories = []struct {
	name string
	play func(t *testing.T, l *limit.Limiter)
}{
	{"what was cancelled did not count", cancelled},
	{"a client that goes away while it waits leaves its place to those behind", goneWaiting},
	{"the cost that the answer tells is charged, in debt too", costAfterwards},
	{"new rules go on where the old ones were", newRules},
	{"tiers have rates of their own", tiers},
	{"what is admitted under concurrency is exact to one percent", exact},
}

func compile(t *testing.T, l *limit.Limiter, tiers []limit.Tier, policies ...limit.Policy) *limit.Rules {
	t.Helper()
	rules, err := l.Compile(policies, tiers)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func decide(rules *limit.Rules, client string) *limit.Decision {
	d := new(limit.Decision)
	rules.Decide(context.Background(), Request(client), d)
	return d
}

// expect makes requests of a client one after the other, whole.
func expect(t *testing.T, rules *limit.Rules, client string, want ...limit.Verdict) {
	t.Helper()
	for i, w := range want {
		d := decide(rules, client)
		if d.Verdict != w {
			t.Errorf("request %d of %s: %v (%v), want %v", i+1, client, d.Verdict, d.Reason, w)
		}
		d.Done(limit.Feedback{Status: 200})
	}
}

// settled waits until p holds: a shared store may settle later.
func settled(t *testing.T, what string, p func() bool) {
	t.Helper()
	for range 200 {
		if p() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("not within two seconds: %s", what)
}

func cancelled(t *testing.T, l *limit.Limiter) {
	rules := compile(t, l, nil, limit.Policy{
		Name: "default", Rate: limit.PerDay(1), Quota: []limit.Quota{{Count: 1, Period: limit.Month}}, InUse: 1,
	})
	for range 3 {
		settled(t, "the request is let in", func() bool {
			d := decide(rules, "a")
			d.Cancel()
			d.Cancel()
			d.Done(limit.Feedback{})
			return d.Verdict == limit.Allow
		})
	}
	settled(t, "the request is let in", func() bool {
		d := decide(rules, "a")
		d.Done(limit.Feedback{})
		d.Cancel()
		return d.Verdict == limit.Allow
	})
	expect(t, rules, "a", limit.Refuse)
}

func goneWaiting(t *testing.T, l *limit.Limiter) {
	rules := compile(t, l, nil, limit.Policy{Name: "default", Rate: limit.PerSecond(2), Burst: 1, Mode: limit.Throttle})
	expect(t, rules, "a", limit.Allow)
	begun := time.Now()
	second, third := decide(rules, "a"), decide(rules, "a")
	if second.Verdict != limit.Delay || third.Verdict != limit.Delay {
		t.Fatalf("%v and %v, want two delays", second.Verdict, third.Verdict)
	}
	gone, leave := context.WithCancel(context.Background())
	leave()
	if err := second.Wait(gone); err == nil {
		t.Error("who is gone was let in")
	}
	if err := third.Wait(context.Background()); err != nil {
		t.Error(err)
	}
	third.Done(limit.Feedback{})
	if waited := time.Since(begun); waited < 400*time.Millisecond || waited > 500*time.Millisecond+Slack {
		t.Errorf("the one behind waited %v, want the half second of the one who left", waited)
	}
}

func costAfterwards(t *testing.T, l *limit.Limiter) {
	rules := compile(t, l, nil, limit.Policy{
		Name: "default", Rate: limit.PerSecond(2), Burst: 4, Cost: limit.Cost{ResponseHeader: "X-Cost"},
	})
	d := decide(rules, "a")
	d.Done(limit.Feedback{Cost: 6})
	settled(t, "the client is in debt", func() bool {
		d := decide(rules, "a")
		d.Cancel()
		return d.Verdict == limit.Refuse && d.RetryAfter > 900*time.Millisecond
	})
	time.Sleep(1700 * time.Millisecond)
	if d := decide(rules, "a"); d.Verdict != limit.Allow {
		t.Errorf("after the debt is paid: %v, come again after %v", d.Verdict, d.RetryAfter)
	}
}

func newRules(t *testing.T, l *limit.Limiter) {
	p := limit.Policy{Name: "default", Rate: limit.PerDay(2)}
	expect(t, compile(t, l, nil, p), "a", limit.Allow, limit.Allow, limit.Refuse)
	expect(t, compile(t, l, nil, limit.Policy{Name: "other", Rate: limit.PerDay(9)}, p), "a", limit.Refuse)
}

func tiers(t *testing.T, l *limit.Limiter) {
	rules := compile(t, l, []limit.Tier{
		{Name: "premium", Upstream: "fast", When: func(q *limit.Request) bool { return q.Headers.Get(ClientHeader) == "p" }, Rates: map[string]limit.Rate{"default": limit.PerDay(3)}},
		{Name: "free", When: func(q *limit.Request) bool { return q.Headers.Get(ClientHeader) == "f" }},
	}, limit.Policy{Name: "default", Rate: limit.PerDay(1)})
	expect(t, rules, "p", limit.Allow, limit.Allow, limit.Allow, limit.Refuse)
	expect(t, rules, "f", limit.Allow, limit.Refuse)
	if d := decide(rules, "p"); d.Tier != "premium" || d.Upstream != "fast" {
		t.Errorf("tier %q to %q, want premium to fast", d.Tier, d.Upstream)
	}
}

func exact(t *testing.T, l *limit.Limiter) {
	const burst = 1000
	rules := compile(t, l, nil, limit.Policy{Name: "default", Key: []limit.KeyPart{limit.Header(ClientHeader)}, Rate: limit.PerDay(burst)})
	var admitted atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			var d limit.Decision
			for range burst / 4 {
				rules.Decide(context.Background(), Request("a"), &d)
				if d.Verdict == limit.Allow {
					admitted.Add(1)
				}
				d.Done(limit.Feedback{})
			}
		})
	}
	all.Wait()
	if n := admitted.Load(); n < burst*99/100 || n > burst*101/100 {
		t.Errorf("%d were admitted, want %d within one percent", n, burst)
	}
}
