package limit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func throttle(rate Rate, burst int64, q Queue) Policy {
	return Policy{Name: "default", Key: []KeyPart{TokenClaim("sub")}, Rate: rate, Burst: burst, Mode: Throttle, Queue: q}
}

func client(name string) *Request { return &Request{Token: claims{"sub": name}} }

// decided decides and fails the test unless that says want.
func decided(t *testing.T, rules *Rules, q *Request, want Verdict) *Decision {
	t.Helper()
	d := new(Decision)
	rules.Decide(context.Background(), q, d)
	if d.Verdict != want {
		t.Fatalf("%v (%v), want %v", d.Verdict, d.Reason, want)
	}
	return d
}

// waitAll lets decisions wait beside each other and returns in which order they
// went on and when.
func waitAll(t *testing.T, all []*Decision) (order []int, at []time.Duration) {
	t.Helper()
	begun := time.Now()
	var mu sync.Mutex
	var waiting sync.WaitGroup
	for i, a := range slices.Backward(all) { // the last begins to wait first
		waiting.Go(func() {
			if err := a.Wait(t.Context()); err != nil {
				t.Error(err)
			}
			mu.Lock()
			order, at = append(order, i), append(at, time.Since(begun))
			mu.Unlock()
			a.Done(Feedback{})
		})
	}
	waiting.Wait()
	return order, at
}

// The promise of the product: 500 a minute, the excess waits and goes on in
// order, evenly, and who comes when the queue is full is told when to come again.
func TestFiveHundredAMinuteTheExcessWaitsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{})
		rules := mustCompile(t, l, throttle(PerMinute(500), 50, Queue{Depth: 100}))
		for range 50 {
			decided(t, rules, client("a"), Allow).Done(Feedback{})
		}
		var all []*Decision
		for i := range 100 {
			d := decided(t, rules, client("a"), Delay)
			if want := time.Duration(i+1) * 120 * time.Millisecond; d.Delay != want || d.Policy != "default" {
				t.Errorf("request %d has to wait %v by %q, want %v", i, d.Delay, d.Policy, want)
			}
			all = append(all, d)
		}
		full := decided(t, rules, client("a"), Refuse)
		if full.Reason != ReasonQueueFull || full.Reason.Status() != 429 || full.RetryAfter != 120*time.Millisecond {
			t.Errorf("%v, come again after %v", full.Reason, full.RetryAfter)
		}
		if s := l.Snapshot()[0]; s.Allowed != 50 || s.Delayed != 100 || s.Waiting != 100 || s.Rejected[ReasonQueueFull] != 1 {
			t.Errorf("%+v", s)
		}
		order, at := waitAll(t, all)
		for i := range order {
			if order[i] != i || at[i] != time.Duration(i+1)*120*time.Millisecond {
				t.Errorf("as number %d after %v went request %d", i, at[i], order[i])
			}
		}
		if s := l.Stats(); s.Waiting != 0 {
			t.Errorf("%d still wait", s.Waiting)
		}
		time.Sleep(time.Minute)
		decided(t, rules, client("a"), Allow).Done(Feedback{})
	})
}

// Timers that end within microseconds of each other wake in any order. The queue
// does not. This runs in real time, on all processors.
func TestTheOrderHoldsWhenTimersEndTogether(t *testing.T) {
	l := New(Options{})
	rules := mustCompile(t, l, throttle(PerSecond(100_000), 1, Queue{Depth: 2000}))
	const keys, each = 4, 500
	var all sync.WaitGroup
	for k := range keys {
		all.Go(func() {
			q := client(strconv.Itoa(k))
			var waiting sync.WaitGroup
			turn := uint64(0)
			for range each {
				d := new(Decision)
				rules.Decide(context.Background(), q, d)
				switch d.Verdict {
				case Refuse:
					t.Errorf("%v", d.Reason)
				case Delay:
					if d.waiting == nil {
						t.Error("a delay without a place in the queue")
					}
					s := l.lines.shard(d.waiting.key)
					s.mu.Lock()
					line := s.lines[d.waiting.key]
					turn = line.left + uint64(line.n)
					s.mu.Unlock()
					want := turn
					waiting.Go(func() {
						if err := d.Wait(context.Background()); err != nil {
							t.Error(err)
						}
						if d.turn != want {
							t.Errorf("client %d: number %d went on as number %d", k, want, d.turn)
						}
						d.Done(Feedback{})
					})
				}
			}
			waiting.Wait()
		})
	}
	all.Wait()
	if n := l.lines.waiting.Load(); n != 0 {
		t.Errorf("%d still wait", n)
	}
}

func TestOneClientsQueueDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := mustCompile(t, New(Options{}), throttle(PerSecond(1), 1, Queue{Depth: 50}))
		var all []*Decision
		decided(t, rules, client("greedy"), Allow)
		for range 50 {
			all = append(all, decided(t, rules, client("greedy"), Delay))
		}
		for i := range 20 {
			decided(t, rules, client(fmt.Sprint("modest ", i)), Allow).Done(Feedback{})
		}
		for _, d := range all {
			d.Cancel()
		}
	})
}

func TestWhoLeavesTheQueueGivesItsPlaceToThoseBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{})
		rules := mustCompile(t, l, throttle(PerSecond(1), 1, Queue{Depth: 5}))
		decided(t, rules, client("a"), Allow)
		var all []*Decision
		for range 5 {
			all = append(all, decided(t, rules, client("a"), Delay))
		}
		decided(t, rules, client("a"), Refuse)

		// The second of the queue goes away while it waits, the fourth before.
		ctx, leave := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer leave()
		var gone sync.WaitGroup
		gone.Go(func() {
			if err := all[1].Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
		all[3].Cancel()
		begun := time.Now()
		order, at := waitAll(t, []*Decision{all[0], all[2], all[4]})
		gone.Wait()
		want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}
		if !slices.Equal(order, []int{0, 1, 2}) || !slices.Equal(at, want) {
			t.Errorf("in the order %v after %v, want %v", order, at, want)
		}
		if s := l.Snapshot()[0]; s.Cancelled != 2 || s.Waiting != 0 || s.Delayed != 5 {
			t.Errorf("%+v", s)
		}
		// What they gave back is there, and not more.
		if d := decided(t, rules, client("a"), Delay); d.Delay != 4*time.Second-time.Since(begun) {
			t.Errorf("the next waits %v", d.Delay)
		} else {
			d.Cancel()
		}
	})
}

func TestTheFirstThatLeavesLetsTheNextGoSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := mustCompile(t, New(Options{}), throttle(PerSecond(1), 1, Queue{}))
		decided(t, rules, client("a"), Allow)
		first, second := decided(t, rules, client("a"), Delay), decided(t, rules, client("a"), Delay)
		begun := time.Now()
		var all sync.WaitGroup
		all.Go(func() {
			if err := second.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(500 * time.Millisecond)
		first.Cancel()
		all.Wait()
		if got := time.Since(begun); got != time.Second {
			t.Errorf("the second went on after %v, want the second of the first", got)
		}
	})
}

func TestNobodyWaitsLongerThanTheQueueSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := mustCompile(t, New(Options{}), throttle(PerSecond(10), 1, Queue{Depth: 100, Wait: 350 * time.Millisecond}))
		decided(t, rules, client("a"), Allow)
		for range 3 {
			decided(t, rules, client("a"), Delay)
		}
		d := decided(t, rules, client("a"), Refuse)
		if d.Reason != ReasonQueueWait || d.RetryAfter != 50*time.Millisecond {
			t.Errorf("%v, come again after %v", d.Reason, d.RetryAfter)
		}
	})
}

func TestWithoutBoundsTheQueueHasTheDefaultOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := mustCompile(t, New(Options{}), throttle(PerSecond(1), 1, Queue{}))
		decided(t, rules, client("a"), Allow)
		for range 10 { // ten seconds
			decided(t, rules, client("a"), Delay)
		}
		if d := decided(t, rules, client("a"), Refuse); d.Reason != ReasonQueueWait {
			t.Errorf("%v", d.Reason)
		}
	})
}

func TestACostOfManyTakesManyPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := mustCompile(t, New(Options{}), throttle(PerSecond(1), 5, Queue{Depth: 7}))
		dear := client("a")
		dear.Cost = 5
		decided(t, rules, dear, Allow)
		if d := decided(t, rules, dear, Delay); d.Delay != 5*time.Second {
			t.Errorf("%v", d.Delay)
		}
		decided(t, rules, dear, Refuse)
		decided(t, rules, client("a"), Delay)
		decided(t, rules, client("a"), Delay)
		decided(t, rules, client("a"), Refuse)
	})
}

func TestOnlySoManyWaitAndNoClientTakesAllPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{MaxWaiting: 100})
		rules := mustCompile(t, l, throttle(PerSecond(1), 1, Queue{Depth: 1000}))
		fill := func(name string) (waiting int) {
			decided(t, rules, client(name), Allow)
			for range 200 {
				d := new(Decision)
				rules.Decide(context.Background(), client(name), d)
				if d.Verdict == Delay {
					waiting++
				} else if d.Reason != ReasonWaitingCap || d.Reason.Status() != 503 || d.RetryAfter <= 0 {
					t.Fatalf("%v for %v, come again after %v", d.Verdict, d.Reason, d.RetryAfter)
				}
			}
			return waiting
		}
		if a, b := fill("a"), fill("b"); a < 49 || a > 51 || b < 24 || b > 26 {
			t.Errorf("%d and %d wait, want half of 100 and half of the rest", a, b)
		}
		for i := range 100 {
			fill(fmt.Sprint("c", i))
		}
		if s := l.Stats(); s.Waiting != 100 || s.MaxWaiting != 100 {
			t.Errorf("%d of %d wait", s.Waiting, s.MaxWaiting)
		}
	})
}

func TestWhoIsRejectedByTheCapLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := mustCompile(t, New(Options{MaxWaiting: 1}), throttle(PerSecond(1), 1, Queue{}))
		decided(t, rules, client("a"), Allow)
		first := decided(t, rules, client("a"), Delay)
		for range 5 {
			decided(t, rules, client("a"), Refuse)
		}
		first.Cancel()
		if d := decided(t, rules, client("a"), Delay); d.Delay != time.Second {
			t.Errorf("the next waits %v", d.Delay)
		}
	})
}

func TestWhoIsRejectedByAnotherPolicyDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{})
		rules := mustCompile(t, l, throttle(PerSecond(1), 1, Queue{Depth: 9}), Policy{Name: "daily", Quota: []Quota{{2, Day}}})
		decided(t, rules, client("a"), Allow)
		second := decided(t, rules, client("a"), Delay)
		third := decided(t, rules, client("a"), Refuse)
		if third.Policy != "daily" || third.Reason != ReasonQuota || third.Delay != 0 {
			t.Errorf("by %s for %v, delay %v", third.Policy, third.Reason, third.Delay)
		}
		if s := l.Stats(); s.Waiting != 1 {
			t.Errorf("%d wait, want 1", s.Waiting)
		}
		second.Cancel()
		if d := decided(t, rules, client("a"), Delay); d.Delay != time.Second {
			t.Errorf("the next waits %v: the rejected one left something behind", d.Delay)
		}
	})
}

func TestOfTwoThrottlesTheSlowerOneHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{})
		everybody := Policy{Name: "all", Rate: PerSecond(10), Burst: 1, Mode: Throttle}
		rules := mustCompile(t, l, throttle(PerSecond(1), 1, Queue{}), everybody)
		decided(t, rules, client("a"), Allow)
		a := decided(t, rules, client("a"), Delay)
		b := decided(t, rules, client("b"), Delay)
		if a.Delay != time.Second || a.Policy != "default" || b.Delay != 200*time.Millisecond || b.Policy != "all" {
			t.Errorf("%v by %s and %v by %s", a.Delay, a.Policy, b.Delay, b.Policy)
		}
		if s := l.Stats(); s.Waiting != 2 {
			t.Errorf("%d places for two that wait", s.Waiting)
		}
		if order, at := waitAll(t, []*Decision{a, b}); order[0] != 1 || at[0] != 200*time.Millisecond || at[1] != time.Second {
			t.Errorf("%v after %v: the one that waits for itself held up the other", order, at)
		}
	})
}

func TestWhoNeverWaitsHoldsNobodyUpForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := mustCompile(t, New(Options{}), throttle(PerSecond(10), 1, Queue{}))
		decided(t, rules, client("a"), Allow)
		lost := decided(t, rules, client("a"), Delay)
		next := decided(t, rules, client("a"), Delay)
		begun := time.Now()
		if err := next.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if got := time.Since(begun); got > 2*time.Second {
			t.Errorf("went on after %v", got)
		}
		lost.Done(Feedback{})
	})
}

func TestNewcomersDoNotPassThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := mustCompile(t, New(Options{}), throttle(PerSecond(1), 1, Queue{}))
		decided(t, rules, client("a"), Allow)
		waiting := decided(t, rules, client("a"), Delay)
		time.Sleep(3 * time.Second) // its time has come, and more, but it was not woken yet
		newcomer := decided(t, rules, client("a"), Delay)
		if order, at := waitAll(t, []*Decision{waiting, newcomer}); !slices.Equal(order, []int{0, 1}) || at[1] != 0 {
			t.Errorf("in the order %v after %v", order, at)
		}
	})
}

func TestWhoWaitsCanBeSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{})
		rules := mustCompile(t, l, throttle(PerSecond(1), 1, Queue{}))
		now := time.Now()
		for _, name := range []string{"a", "b", strings.Repeat("long", 100)} {
			decided(t, rules, client(name), Allow)
			decided(t, rules, client(name), Delay)
		}
		second := decided(t, rules, client("a"), Delay)
		got := l.Waiting("default", 2)
		if len(got) != 2 || got[0].Key != "sub:a" || got[1].Key != "sub:b" || !got[0].Since.Equal(now) || !got[0].Until.Equal(now.Add(time.Second)) {
			t.Errorf("%+v", got)
		}
		all := l.Waiting("", 100)
		if len(all) != 4 || all[3].Key != "sub:a" || len(all[2].Key) != maxLabel {
			t.Errorf("%+v", all)
		}
		if none := l.Waiting("other", 100); len(none) != 0 {
			t.Errorf("%+v", none)
		}
		second.Cancel()
		if n := len(l.Waiting("", 100)); n != 3 {
			t.Errorf("%d wait, want 3", n)
		}
	})
}

func TestNewRulesKeepTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{})
		rules := mustCompile(t, l, throttle(PerSecond(1), 1, Queue{}))
		decided(t, rules, client("a"), Allow)
		before := decided(t, rules, client("a"), Delay)
		after := decided(t, mustCompile(t, l, throttle(PerSecond(1), 1, Queue{})), client("a"), Delay)
		if after.Delay != 2*time.Second {
			t.Errorf("%v", after.Delay)
		}
		if order, _ := waitAll(t, []*Decision{before, after}); !slices.Equal(order, []int{0, 1}) {
			t.Errorf("in the order %v", order)
		}
	})
}

// Many clients come, wait, leave and go on at the same time; nothing is left.
func TestQueuesUnderConcurrency(t *testing.T) {
	l := New(Options{MaxWaiting: 64})
	rules := mustCompile(t, l, throttle(PerSecond(5000), 5, Queue{Depth: 20}), Policy{Name: "running", InUse: 1000})
	var all sync.WaitGroup
	for worker := range 16 {
		all.Go(func() {
			var d Decision
			for i := range 200 {
				rules.Decide(context.Background(), client(strconv.Itoa(i%3)), &d)
				ctx, cancel := context.WithCancel(context.Background())
				switch (i + worker) % 4 {
				case 0:
					cancel()
				case 1:
					d.Cancel()
				}
				if err := d.Wait(ctx); err == nil {
					d.Done(Feedback{})
				}
				cancel()
			}
		})
	}
	all.Wait()
	s := l.Stats()
	if s.Waiting != 0 {
		t.Errorf("%d wait", s.Waiting)
	}
	for _, p := range l.Snapshot() {
		if p.Waiting != 0 || p.InUse != 0 {
			t.Errorf("%+v", p)
		}
	}
	for i := range l.lines.shards {
		if s := &l.lines.shards[i]; len(s.lines) != 0 || s.count.Load() != 0 {
			t.Errorf("shard %d has %d queues and %d in them", i, len(s.lines), s.count.Load())
		}
	}
}
