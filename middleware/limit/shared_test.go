package limit

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sharedCounter is a Counter in memory, for several limiters.
type sharedCounter struct {
	mu      sync.Mutex
	begun   time.Time
	tats    map[counted]int64
	counts  map[counted]int64
	away    error
	nodes   int
	settled []Take
}

type counted struct {
	policy string
	kind   Kind
	key    uint64
	window [2]int64
	test   bool
}

func newSharedCounter() *sharedCounter {
	return &sharedCounter{begun: time.Now(), tats: make(map[counted]int64), counts: make(map[counted]int64), nodes: 1}
}

func (c *sharedCounter) Limiters() int { return c.nodes }

func (c *sharedCounter) Take(_ context.Context, takes []Take) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away != nil {
		return c.away
	}
	now := int64(time.Since(c.begun)) + 1
	refused := false
	for i := range takes {
		t := &takes[i]
		t.Outcome = c.look(t, now)
		refused = refused || t.Enforced && !t.Outcome.Allowed
	}
	for i := range takes {
		if t := &takes[i]; t.Outcome.Allowed && (!refused || t.Test) {
			c.add(t, now, t.Cost)
		}
	}
	return nil
}

func (c *sharedCounter) look(t *Take, now int64) (o Outcome) {
	id := counted{t.Policy, t.Kind, t.Key, t.Window, t.Test}
	switch t.Kind {
	case KindRate:
		next := max(c.tats[id], now) + t.Cost*int64(t.Rate.Interval)
		late := next - now - int64(t.Rate.Tolerance)
		o.Allowed = late <= int64(t.Rate.Ahead)
		o.Delay = time.Duration(max(late, 0))
		o.RetryAfter = time.Duration(max(late-int64(t.Rate.Ahead), 0))
		o.Remaining = max(-late, 0) / int64(t.Rate.Interval)
	case KindQuota:
		o.Remaining = t.Quota.Count - c.counts[id] - t.Cost
		o.Allowed, o.RetryAfter = o.Remaining >= 0, time.Hour
	case KindInUse:
		o.Remaining = t.Most - c.counts[id] - 1
		o.Allowed, o.RetryAfter = o.Remaining >= 0, time.Second
		o.Token = 77
	}
	return o
}

func (c *sharedCounter) add(t *Take, now, cost int64) {
	id := counted{t.Policy, t.Kind, t.Key, t.Window, t.Test}
	if t.Kind == KindRate {
		c.tats[id] = max(c.tats[id], now) + cost*int64(t.Rate.Interval)
	} else {
		c.counts[id] += cost
	}
}

func (c *sharedCounter) Settle(ctx context.Context, takes []Take) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		panic("the context is cancelled with the request")
	}
	now := int64(time.Since(c.begun)) + 1
	for i := range takes {
		t := &takes[i]
		c.settled = append(c.settled, *t)
		if t.Kind == KindInUse {
			c.add(t, now, -1)
		} else {
			c.add(t, now, t.Cost)
		}
	}
}

func TestTwoLimitersOfOneStoreCountTogether(t *testing.T) {
	store := newSharedCounter()
	p := Policy{Name: "p", Key: []KeyPart{TokenClaim("sub")}, Rate: PerDay(5), Quota: []Quota{{100, Month}}, InUse: 3}
	open := func() *Rules { return mustCompile(t, New(Options{Secret: secret, Counter: store}), p) }
	one, other := open(), open()
	if a, b := in(one, client("a"), 3), in(other, client("a"), 9); a != 3 || b != 2 {
		t.Errorf("%d and %d, want 3 and 2", a, b)
	}
	d := once(other, client("a"))
	if d.Reason != ReasonRate || d.RetryAfter <= 0 || !d.States[0].Violated || d.States[1].Remaining != 94 {
		t.Errorf("%v, come again after %v, %+v", d.Reason, d.RetryAfter, d.States[:d.N])
	}
	if got := in(one, client("b"), 9); got != 5 {
		t.Errorf("%d of another client, want 5", got)
	}
}

func TestWhatIsHeldInTheStoreIsGivenBackOnce(t *testing.T) {
	store := newSharedCounter()
	rules := mustCompile(t, New(Options{Counter: store}), Policy{Name: "p", Rate: PerDay(2), Quota: []Quota{{2, Month}}, InUse: 1, Cost: Cost{ResponseHeader: "X-Cost"}})
	ctx, gone := context.WithCancel(t.Context())
	defer gone()
	var d Decision
	for range 5 {
		rules.Decide(ctx, &Request{}, &d)
		if d.Verdict != Allow {
			t.Fatalf("%v", d.Reason)
		}
		gone()
		d.Cancel()
		d.Cancel()
		d.Done(Feedback{})
	}
	rules.Decide(t.Context(), &Request{}, &d)
	store.settled = nil
	d.Done(Feedback{Headers: http.Header{"X-Cost": {"2"}}})
	d.Done(Feedback{Headers: http.Header{"X-Cost": {"2"}}})
	var kinds []Kind
	for _, s := range store.settled {
		kinds = append(kinds, s.Kind)
		if s.Kind == KindInUse && s.Outcome.Token != 77 || s.Kind != KindInUse && s.Cost != 1 {
			t.Errorf("%+v", s)
		}
	}
	if !slices.Equal(kinds, []Kind{KindRate, KindQuota, KindInUse}) {
		t.Errorf("settled: %v", kinds)
	}
	if d := once(rules, &Request{}); d.Verdict != Refuse {
		t.Errorf("%v after the whole cost", d.Verdict)
	}
}

func TestTheStoreThrottlesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSharedCounter()
		l := New(Options{Counter: store})
		rules := mustCompile(t, l, throttle(PerSecond(1), 1, Queue{Depth: 3}))
		decided(t, rules, client("a"), Allow)
		all := []*Decision{decided(t, rules, client("a"), Delay), decided(t, rules, client("a"), Delay), decided(t, rules, client("a"), Delay)}
		if d := decided(t, rules, client("a"), Refuse); d.Reason != ReasonQueueFull || d.RetryAfter != time.Second {
			t.Errorf("%v, come again after %v", d.Reason, d.RetryAfter)
		}
		all[1].Cancel()
		order, at := waitAll(t, []*Decision{all[0], all[2]})
		if !slices.Equal(order, []int{0, 1}) || !slices.Equal(at, []time.Duration{time.Second, 2 * time.Second}) {
			t.Errorf("in the order %v after %v", order, at)
		}
		if n := l.Stats().Waiting; n != 0 {
			t.Errorf("%d wait", n)
		}
	})
}

func TestWhileTheStoreIsAwayEachPolicyDoesWhatItSays(t *testing.T) {
	for _, c := range []struct {
		outage Outage
		in     int
	}{{LocalShare, 5}, {LocalFull, 20}, {Open, 60}, {Closed, 0}} {
		t.Run(c.outage.String(), func(t *testing.T) {
			store := newSharedCounter()
			l := New(Options{Counter: store})
			rules := mustCompile(t, l, Policy{Name: "p", Rate: PerDay(20), Quota: []Quota{{1000, Month}}, InUse: 8, OnOutage: c.outage})
			if d := once(rules, &Request{}); d.Verdict != Allow || d.Degraded {
				t.Errorf("before: %v, degraded %v", d.Verdict, d.Degraded)
			}
			store.away, store.nodes = errors.New("connection refused"), 4
			if got := in(rules, &Request{}, 60); got != c.in {
				t.Errorf("%d are let in, want %d", got, c.in)
			}
			d := once(rules, &Request{})
			if !d.Degraded || c.outage == Closed && (d.Reason != ReasonOutage || d.Reason.Status() != 503) {
				t.Errorf("degraded %v, %v", d.Degraded, d.Reason)
			}
			if s := l.Snapshot()[0]; s.Degraded != 61 || s.InUse != 0 {
				t.Errorf("%+v", s)
			}
			store.away = nil
			if d := once(rules, &Request{}); d.Verdict != Allow || d.Degraded {
				t.Errorf("afterwards: %v, degraded %v", d.Verdict, d.Degraded)
			}
		})
	}
}

func TestAShareOfASmallBurstLetsDearRequestsIn(t *testing.T) {
	store := newSharedCounter()
	store.away, store.nodes = errors.New("away"), 100
	rules := mustCompile(t, New(Options{Counter: store}), Policy{Name: "p", Rate: PerDay(10), Cost: Cost{Fixed: 5}})
	if got := in(rules, &Request{}, 9); got != 1 {
		t.Errorf("%d, want 1", got)
	}
}

func TestShadowAndTriedRatesInTheStore(t *testing.T) {
	store := newSharedCounter()
	l := New(Options{Counter: store})
	tried := PerDay(2)
	rules := mustCompile(t, l,
		Policy{Name: "tried", Rate: PerDay(1), Mode: Shadow},
		Policy{Name: "real", Rate: PerDay(4), Test: &tried},
	)
	if got := in(rules, &Request{}, 6); got != 4 {
		t.Errorf("%d, want 4", got)
	}
	all := l.Snapshot()
	if s := all[1]; s.Name != "tried" || s.Shadowed != 3 {
		t.Errorf("%+v", s)
	}
	if s := all[0]; s.Tested != [2]uint64{2, 4} || s.Rejected[ReasonRate] != 2 {
		t.Errorf("%+v", s)
	}
}

func TestTheCapOfSleepersHoldsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSharedCounter()
		rules := mustCompile(t, New(Options{Counter: store, MaxWaiting: 1}), throttle(PerSecond(1), 1, Queue{}))
		decided(t, rules, client("a"), Allow)
		first := decided(t, rules, client("a"), Delay)
		for range 3 {
			if d := decided(t, rules, client("a"), Refuse); d.Reason != ReasonWaitingCap {
				t.Errorf("%v", d.Reason)
			}
		}
		first.Cancel()
		if d := decided(t, rules, client("a"), Delay); d.Delay != time.Second {
			t.Errorf("the next waits %v", d.Delay)
		}
	})
}
