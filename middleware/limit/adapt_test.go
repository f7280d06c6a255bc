package limit

import (
	"context"
	"testing"
	"time"
)

// server is an upstream that serves so many at the same time without effort and
// takes longer in proportion when there are more.
func serve(a *adaptive, clock *int64, capacity int64, offered int64, rounds int) {
	for range rounds {
		running := int64(0)
		for running < offered && a.take() {
			running++
		}
		latency := 10 * time.Millisecond
		if running > capacity {
			latency = latency * time.Duration(running) / time.Duration(capacity)
		}
		*clock += int64(latency)
		for range running {
			a.done(latency, false, *clock)
		}
	}
}

func TestTheBoundFindsWhatTheUpstreamBears(t *testing.T) {
	var clock int64
	a := newAdaptive(Adapt{Max: 500}.withDefaults())
	serve(a, &clock, 50, 1000, 1500)
	if got := a.bound.Load(); got < 40 || got > 160 {
		t.Errorf("the upstream bears 50, the bound is %d", got)
	}
	if got := a.running.Load(); got != 0 {
		t.Errorf("%d still run", got)
	}
}

func TestTheBoundFallsWhenTheUpstreamGetsSlow(t *testing.T) {
	var clock int64
	a := newAdaptive(Adapt{Initial: 100, Max: 100}.withDefaults())
	serve(a, &clock, 1000, 100, 200)
	before := a.bound.Load()
	serve(a, &clock, 10, 100, 20)
	if got := a.bound.Load(); got >= before/2 {
		t.Errorf("from %d to %d: want less than half", before, got)
	}
}

func TestABoundThatNobodyReachesStays(t *testing.T) {
	var clock int64
	a := newAdaptive(Adapt{Initial: 100}.withDefaults())
	serve(a, &clock, 50, 5, 500)
	if got := a.bound.Load(); got != 100 {
		t.Errorf("%d, want the 100 it began with", got)
	}
}

func TestDropsLowerTheBoundToItsMinimum(t *testing.T) {
	clock := int64(0)
	a := newAdaptive(Adapt{Initial: 100, Min: 7}.withDefaults())
	for range 500 {
		clock += int64(50 * time.Millisecond)
		if a.take() {
			a.done(0, true, clock)
		}
	}
	if got := a.bound.Load(); got != 7 {
		t.Errorf("%d, want the minimum of 7", got)
	}
}

func TestOverloadIs503AndTiersLearnApart(t *testing.T) {
	l := New(Options{})
	rules, err := l.Compile(
		[]Policy{{Name: "upstream", Adapt: &Adapt{Min: 2, Max: 2}}},
		[]Tier{{Name: "fast", Upstream: "fast", When: func(q *Request) bool { return q.APIKey == "fast" }}})
	if err != nil {
		t.Fatal(err)
	}
	var held [2]Decision
	for i := range held {
		rules.Decide(context.Background(), &Request{}, &held[i])
	}
	d := once(rules, &Request{})
	if d.Reason != ReasonOverload || d.Reason.Status() != 503 || d.Reason.ProblemType() != ProblemReducedCapacity || d.RetryAfter <= 0 {
		t.Errorf("%v for %v: %d, come again after %v", d.Verdict, d.Reason, d.Reason.Status(), d.RetryAfter)
	}
	if d := once(rules, &Request{APIKey: "fast"}); d.Verdict != Allow {
		t.Errorf("the other upstream: %v", d.Reason)
	}
	held[0].Done(Feedback{Latency: time.Millisecond})
	held[1].Cancel()
	for range 2 {
		if d := once(rules, &Request{}); d.Verdict != Allow {
			t.Errorf("after they ended: %v", d.Reason)
		}
	}
	if s := l.Snapshot()[0]; s.Bound != 2 || s.InUse != 0 {
		t.Errorf("%+v", s)
	}
}

func TestNewRulesKeepWhatWasLearnt(t *testing.T) {
	l := New(Options{})
	conf := &Adapt{Initial: 50, Max: 90}
	mustCompile(t, l, Policy{Name: "p", Adapt: conf})
	a := l.books["p"].adaptive[""]
	a.set(70)
	mustCompile(t, l, Policy{Name: "p", Adapt: conf})
	if got := a.bound.Load(); got != 70 {
		t.Errorf("%d, want 70", got)
	}
	mustCompile(t, l, Policy{Name: "p", Adapt: &Adapt{Max: 60}})
	if got := a.bound.Load(); got != 60 {
		t.Errorf("%d, want the new most of 60", got)
	}
}
