package limit

import (
	"context"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a time that tests move.
type clock struct{ ns atomic.Int64 }

func newClock(text string) *clock {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	c := new(clock)
	c.ns.Store(t.UnixNano())
	return c
}

func (c *clock) now() int64              { return c.ns.Load() }
func (c *clock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func mustCompile(t testing.TB, l *Limiter, policies ...Policy) *Rules {
	t.Helper()
	rules, err := l.Compile(policies, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func from(address string) *Request { return &Request{Client: netip.MustParseAddr(address)} }

// once is a whole request.
func once(rules *Rules, q *Request) *Decision {
	d := new(Decision)
	rules.Decide(context.Background(), q, d)
	d.Done(Feedback{Status: 200})
	return d
}

// in is how many of n requests are let in at once.
func in(rules *Rules, q *Request, n int) (allowed int) {
	for range n {
		if once(rules, q).Verdict == Allow {
			allowed++
		}
	}
	return allowed
}

func TestFromOneADayToTenMillionASecond(t *testing.T) {
	for _, c := range []struct {
		rate  Rate
		burst int64
		after time.Duration
		want  int // let in at once, and after that time again
		again int
	}{
		{PerDay(1), 0, day - 1, 1, 0},
		{PerDay(1), 0, day, 1, 1},
		{PerMinute(500), 50, time.Second, 50, 8},
		{PerSecond(10), 1, time.Second, 1, 1},
		{PerSecond(10_000_000), 1000, 10 * time.Microsecond, 1000, 100},
		{PerSecond(7_000_000), 5000, 100 * time.Microsecond, 5000, 699},
		{Rate{1, 366 * day}, 0, 365 * day, 1, 0},
		{Rate{3, 10 * time.Minute}, 0, 200 * time.Second, 3, 1},
	} {
		t.Run(c.rate.String(), func(t *testing.T) {
			clock := newClock("2026-11-23T12:00:00Z")
			rules := mustCompile(t, New(Options{Now: clock.now}), Policy{Name: "p", Rate: c.rate, Burst: c.burst})
			if got := in(rules, &Request{}, c.want+10); got != c.want {
				t.Errorf("%d at once, want %d", got, c.want)
			}
			clock.advance(c.after)
			if got := in(rules, &Request{}, c.want+10); got < c.again || float64(got) > float64(c.again)*1.01+1 {
				t.Errorf("%d after %v, want %d within one percent", got, c.after, c.again)
			}
		})
	}
}

func TestOverAnHourTheRateIsKept(t *testing.T) {
	clock := newClock("2026-11-23T12:00:00Z")
	rules := mustCompile(t, New(Options{Now: clock.now}), Policy{Name: "p", Rate: PerMinute(500), Burst: 50})
	admitted := 0
	for range 60 * 60 * 20 { // 20 a second: more than the 8.3 that are allowed
		admitted += in(rules, &Request{}, 1)
		clock.advance(50 * time.Millisecond)
	}
	if want := 500*60 + 50; math.Abs(float64(admitted-want)) > 1 {
		t.Errorf("%d in an hour, want %d", admitted, want)
	}
}

func TestAClockThatStepsBackStandsStill(t *testing.T) {
	clock := newClock("2026-11-23T12:00:00Z")
	rules := mustCompile(t, New(Options{Now: clock.now}), Policy{Name: "p", Rate: PerMinute(60), Burst: 10})
	in(rules, &Request{}, 5)
	clock.advance(-time.Hour)
	if got := in(rules, &Request{}, 20); got != 5 {
		t.Errorf("%d after the step back, want the 5 that were left", got)
	}
	d := once(rules, &Request{})
	if d.RetryAfter <= 0 || d.RetryAfter > time.Second {
		t.Errorf("come again after %v, want a second", d.RetryAfter)
	}
	clock.advance(time.Hour + 2*time.Second)
	if got := in(rules, &Request{}, 20); got != 2 {
		t.Errorf("%d two seconds later, want 2", got)
	}
}

func TestMoreThanCanEverComeAtOnceIsRejectedForThat(t *testing.T) {
	for _, p := range []Policy{
		{Name: "p", Rate: PerMinute(10), Burst: 5},
		{Name: "p", Rate: PerMinute(10), Burst: 5, Mode: Throttle},
		{Name: "p", Quota: []Quota{{5, Day}}},
	} {
		rules := mustCompile(t, New(Options{}), p)
		for _, cost := range []int64{6, math.MaxInt64} {
			d := once(rules, &Request{Cost: cost})
			if d.Verdict != Refuse || d.Reason != ReasonCost || d.RetryAfter != 0 {
				t.Errorf("cost %d: %v, %v, %v", cost, d.Verdict, d.Reason, d.RetryAfter)
			}
		}
		if d := once(rules, &Request{Cost: 5}); d.Verdict != Allow {
			t.Errorf("cost 5: %v, %v", d.Verdict, d.Reason)
		}
	}
}

func TestNobodyEarnsByANegativeCost(t *testing.T) {
	rules := mustCompile(t, New(Options{}), Policy{Name: "p", Rate: PerDay(1)})
	for range 3 {
		if d := once(rules, &Request{Cost: -100}); d.Verdict != Allow {
			t.Errorf("%v", d.Verdict)
		}
	}
	if got := in(rules, &Request{}, 5); got != 1 {
		t.Errorf("%d, want 1", got)
	}
}

func TestTheFirstTierThatHoldsIsTaken(t *testing.T) {
	plan := func(name string) func(*Request) bool {
		return func(q *Request) bool { return q.Token != nil && q.Token.Get("plan") == name }
	}
	rules, err := New(Options{}).Compile(
		[]Policy{{Name: "default", Rate: PerDay(1), Burst: 2}, {Name: "other", Rate: PerDay(3)}},
		[]Tier{
			{Name: "gold", When: plan("gold"), Upstream: "fast", Rates: map[string]Rate{"default": PerDay(9), "elsewhere": PerDay(1)}},
			{Name: "free of the rate", When: plan("staff"), Rates: map[string]Rate{"default": {}, "other": PerDay(7)}},
			{Name: "everybody"},
			{Name: "nobody"},
		})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		plan, tier, upstream string
		in                   int
	}{
		{"gold", "gold", "fast", 2}, // its rate is higher, the burst is that of the policy
		{"staff", "free of the rate", "", 7},
		{"", "everybody", "", 1}, // gold has taken two of the other's three already
	} {
		q := &Request{Token: claims{"plan": c.plan}}
		if got := rules.Tier(q); got != c.tier {
			t.Errorf("%q is of tier %q, want %q", c.plan, got, c.tier)
		}
		d := once(rules, q)
		if d.Tier != c.tier || d.Upstream != c.upstream {
			t.Errorf("%q: tier %q to %q, want %q to %q", c.plan, d.Tier, d.Upstream, c.tier, c.upstream)
		}
		if got := in(rules, q, 20) + 1; got != c.in {
			t.Errorf("%q: %d are let in, want %d", c.plan, got, c.in)
		}
	}
}

func TestWhoIsExemptIsNotCounted(t *testing.T) {
	l := New(Options{})
	rules := mustCompile(t, l, Policy{Name: "p", Rate: PerDay(1), Exempt: func(q *Request) bool { return q.APIKey == "checker" }})
	if got := in(rules, &Request{APIKey: "checker"}, 9); got != 9 {
		t.Errorf("%d of 9", got)
	}
	if got := in(rules, &Request{}, 9); got != 1 {
		t.Errorf("%d, want 1", got)
	}
	if s := l.Snapshot()[0]; s.Exempt != 9 || s.Allowed != 1 || s.Rejected[ReasonRate] != 8 {
		t.Errorf("%+v", s)
	}
}

func TestAShareOfTheKeysIsEnforced(t *testing.T) {
	l := New(Options{})
	rules := mustCompile(t, l, Policy{Name: "p", Key: []KeyPart{TokenClaim("sub")}, Rate: PerDay(1), Enforce: 0.1})
	enforced := 0
	const clients = 5000
	for i := range clients {
		q := &Request{Token: claims{"sub": strings.Repeat("x", i%7) + time.Duration(i).String()}}
		once(rules, q)
		second, third := once(rules, q), once(rules, q)
		if second.Verdict != third.Verdict {
			t.Fatal("a key is enforced at one time and not at another")
		}
		if second.Verdict == Refuse {
			enforced++
		} else if second.Shadow != "p" {
			t.Fatal("nothing says that it would have been rejected")
		}
	}
	if share := float64(enforced) / clients; share < 0.08 || share > 0.12 {
		t.Errorf("%.3f of the keys, want 0.1", share)
	}
}

func TestARateIsTriedBesideTheRealOne(t *testing.T) {
	l := New(Options{})
	tried := PerDay(2)
	rules := mustCompile(t, l, Policy{Name: "p", Rate: PerDay(5), Test: &tried})
	if got := in(rules, &Request{}, 8); got != 5 {
		t.Errorf("%d, want 5", got)
	}
	if s := l.Snapshot()[0]; s.Tested != [2]uint64{2, 6} {
		t.Errorf("it would have let in and rejected %v, want 2 and 6", s.Tested)
	}
}

func TestAllOfSeveralPoliciesOrNone(t *testing.T) {
	l := New(Options{})
	day := func(n int64) []Quota { return []Quota{{n, Day}} }
	rules := mustCompile(t, l,
		Policy{Name: "a", Rate: PerDay(10), Quota: day(10), InUse: 10},
		Policy{Name: "tried", Rate: PerDay(10), Mode: Shadow},
		Policy{Name: "b", Quota: day(4)},
	)
	if got := in(rules, &Request{}, 100); got != 4 {
		t.Fatalf("%d, want 4", got)
	}
	d := once(rules, &Request{})
	if d.Verdict != Refuse || d.Policy != "b" || d.Reason != ReasonQuota {
		t.Errorf("%v by %s for %v", d.Verdict, d.Policy, d.Reason)
	}
	for _, s := range d.States[:d.N] {
		want := s.Limit - 4
		if s.Unit == ConcurrentRequests {
			want = 10
		}
		if s.Remaining != want || s.Violated != (s.Name == "b.day") {
			t.Errorf("%s has %d left and is violated: %v", s.Name, s.Remaining, s.Violated)
		}
	}
}

func TestRetryAfterIsThatOfAllThatReject(t *testing.T) {
	rules := mustCompile(t, New(Options{}), Policy{Name: "short", Rate: PerSecond(1)}, Policy{Name: "long", Rate: PerHour(1)})
	once(rules, &Request{})
	d := once(rules, &Request{})
	if d.Policy != "short" || d.RetryAfter < 59*time.Minute {
		t.Errorf("%s says to come again after %v, want an hour", d.Policy, d.RetryAfter)
	}
}

func TestWhatTheAnswerCosts(t *testing.T) {
	clock := newClock("2026-11-23T12:00:00Z")
	rules := mustCompile(t, New(Options{Now: clock.now}), Policy{
		Name: "p", Rate: PerMinute(60), Burst: 10, Quota: []Quota{{100, Day}}, Cost: Cost{ResponseHeader: "X-Cost"},
	})
	cost := func(text string) {
		d := new(Decision)
		rules.Decide(context.Background(), &Request{}, d)
		d.Done(Feedback{Headers: http.Header{"X-Cost": {text}}})
	}
	left := func() [2]int64 {
		d := new(Decision)
		rules.Decide(context.Background(), &Request{}, d)
		d.Cancel()
		return [2]int64{d.States[0].Remaining, d.States[1].Remaining}
	}
	cost("") // none told: what was charged stays
	cost("nonsense")
	cost("-7")
	if got := left(); got != [2]int64{6, 96} {
		t.Errorf("after three requests %v are left, want 6 and 96 after one more", got)
	}
	cost("0")
	if got := left(); got != [2]int64{6, 96} {
		t.Errorf("after one that cost nothing %v are left", got)
	}
	cost("27")
	d := once(rules, &Request{})
	if d.Verdict != Refuse || d.RetryAfter != 21*time.Second {
		t.Errorf("in debt: %v, come again after %v", d.Verdict, d.RetryAfter)
	}
	clock.advance(21 * time.Second)
	if got := in(rules, &Request{}, 5); got != 1 {
		t.Errorf("%d after the debt, want 1", got)
	}
	clock.advance(time.Minute)
	cost("9223372036854775807") // no debt lasts for ever
	clock.advance(25 * time.Hour)
	if got := in(rules, &Request{}, 1); got != 1 {
		t.Error("a debt of more than a day")
	}
}

func TestRunningRequests(t *testing.T) {
	l := New(Options{})
	rules := mustCompile(t, l, Policy{Name: "p", Key: []KeyPart{ClientAddress()}, InUse: 2})
	q := from("203.0.113.7")
	var first, second, third Decision
	rules.Decide(context.Background(), q, &first)
	rules.Decide(context.Background(), q, &second)
	rules.Decide(context.Background(), q, &third)
	if first.Verdict != Allow || second.Verdict != Allow || third.Reason != ReasonConcurrency || third.Reason.Status() != 429 {
		t.Errorf("%v, %v, %v for %v", first.Verdict, second.Verdict, third.Verdict, third.Reason)
	}
	if s := l.Snapshot()[0]; s.InUse != 2 {
		t.Errorf("%d run, want 2", s.InUse)
	}
	third.Done(Feedback{}) // was rejected: frees nothing
	for range 3 {
		first.Done(Feedback{})
		first.Cancel()
	}
	rules.Decide(context.Background(), q, &first)
	rules.Decide(context.Background(), q, &third)
	if first.Verdict != Allow || third.Verdict != Refuse {
		t.Errorf("%v and %v: one place was free", first.Verdict, third.Verdict)
	}
	first.Cancel()
	second.Done(Feedback{})
	if s := l.Snapshot()[0]; s.InUse != 0 || l.inUse.running(first.holds[0].key) != 0 {
		t.Errorf("%d still run", s.InUse)
	}
}

func TestADecisionEndsOnce(t *testing.T) {
	var nothing Decision
	nothing.Done(Feedback{})
	nothing.Cancel()
	if err := nothing.Wait(context.Background()); err != nil {
		t.Error(err)
	}
	l := New(Options{})
	rules := mustCompile(t, l, Policy{Name: "p", Rate: PerDay(1000), InUse: 1000})
	var d Decision
	rules.Decide(context.Background(), &Request{}, &d)
	var all sync.WaitGroup
	for range 8 {
		all.Go(d.Cancel)
		all.Go(func() { d.Done(Feedback{}) })
	}
	all.Wait()
	if s := l.Snapshot()[0]; s.InUse != 0 {
		t.Errorf("%d run", s.InUse)
	}
}

func TestDecidingDoesNotAllocate(t *testing.T) {
	tried := PerSecond(5)
	rules, err := New(Options{}).Compile([]Policy{
		{Name: "address", Key: []KeyPart{ClientAddress()}, Rate: PerSecond(1_000_000), Test: &tried},
		{Name: "header", Key: []KeyPart{Header("X-Client"), OperationKey()}, Rate: PerSecond(1_000_000), Mode: Throttle},
		{Name: "quota", Quota: []Quota{{1_000_000, Day}, {100_000_000, Month}}},
		{Name: "running", InUse: 5, Adapt: &Adapt{}},
		{Name: "tight", Rate: PerDay(1), Mode: Shadow},
	}, []Tier{{Name: "t", When: func(*Request) bool { return false }}})
	if err != nil {
		t.Fatal(err)
	}
	q := from("203.0.113.7")
	q.Headers, q.Operation = http.Header{"X-Client": {"somebody"}}, "GET /"
	var d Decision
	ctx := context.Background()
	if n := testing.AllocsPerRun(1000, func() {
		rules.Decide(ctx, q, &d)
		if err := d.Wait(ctx); err != nil {
			t.Error(err)
		}
		d.Done(Feedback{Latency: time.Millisecond})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestWhatCannotBeAPolicyIsTold(t *testing.T) {
	rate := PerMinute(10)
	for want, policies := range map[string][]Policy{
		"limits nothing":                      {{Name: "p"}},
		"characters of ASCII":                 {{Name: "p\n", Rate: rate}},
		"1 to 64":                             {{Rate: rate}},
		"is there twice":                      {{Name: "p", Rate: rate}, {Name: "p", Rate: rate}},
		"a throttle needs a rate":             {{Name: "p", InUse: 1, Mode: Throttle}},
		"from 0 to 1":                         {{Name: "p", Rate: rate, Enforce: 1.5}},
		"a share of NaN":                      {{Name: "p", Rate: rate, Enforce: math.NaN()}},
		"cannot be negative":                  {{Name: "p", Rate: rate, Burst: -1}},
		"depth and wait":                      {{Name: "p", Rate: rate, Queue: Queue{Depth: -1}}},
		"more than 18 years":                  {{Name: "p", Rate: PerDay(1), Burst: 1_000_000}},
		"no more than 10 can come at once":    {{Name: "p", Rate: rate, Cost: Cost{Fixed: 11}}},
		"allows nothing":                      {{Name: "p", Rate: Rate{0, time.Second}}},
		"two quotas of a day":                 {{Name: "p", Quota: []Quota{{1, Day}, {2, Day}}}},
		"the count must be from 1":            {{Name: "p", Quota: []Quota{{0, Day}}}},
		"has no period":                       {{Name: "p", Quota: []Quota{{1, 0}}}},
		"mode 9 is not known":                 {{Name: "p", Rate: rate, Mode: 9}},
		"outage 9 is not known":               {{Name: "p", Rate: rate, OnOutage: 9}},
		"key: the part is empty":              {{Name: "p", Rate: rate, Key: []KeyPart{{}}}},
		"1 ≤ min ≤ max":                       {{Name: "p", Adapt: &Adapt{Min: 5, Max: 4}}},
		"begins at 9":                         {{Name: "p", Adapt: &Adapt{Max: 8, Initial: 9}}},
		"at most 8":                           make([]Policy, 9),
		"17 rates, quotas":                    tooManyStates(),
		"rate 20000000/second is above":       {{Name: "p", Rate: PerSecond(20_000_000)}},
		"a request costs 5, more than the qu": {{Name: "p", Quota: []Quota{{4, Day}}, Cost: Cost{Fixed: 5}}},
	} {
		_, err := New(Options{}).Compile(policies, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want something with %q", err, want)
		}
	}
	for want, tiers := range map[string][]Tier{
		`tier 1 is named ""`:  {{}},
		`tier 2 is named "a"`: {{Name: "a"}, {Name: "a"}},
		`tier "a": policy "p": rate 0/minute allows nothing`: {{Name: "a", Rates: map[string]Rate{"p": {0, time.Minute}}}},
	} {
		_, err := New(Options{}).Compile([]Policy{{Name: "p", Rate: rate}}, tiers)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want something with %q", err, want)
		}
	}
}

func tooManyStates() (policies []Policy) {
	for _, name := range []string{"a", "b", "c"} {
		policies = append(policies, Policy{Name: name, Rate: PerDay(1), Quota: []Quota{{1, Minute}, {1, Hour}, {1, Day}, {1, Week}}})
	}
	policies[0].InUse, policies[1].InUse = 1, 1
	return policies
}

func TestEnumerationsAreTexts(t *testing.T) {
	for _, m := range []Mode{Reject, Throttle, Shadow} {
		var again Mode
		if err := again.UnmarshalText([]byte(m.String())); err != nil || again != m {
			t.Errorf("%v became %v, %v", m, again, err)
		}
	}
	for _, o := range []Outage{LocalShare, LocalFull, Open, Closed} {
		var again Outage
		if err := again.UnmarshalText([]byte(o.String())); err != nil || again != o {
			t.Errorf("%v became %v, %v", o, again, err)
		}
	}
	var m Mode
	if err := m.UnmarshalText([]byte("block")); err == nil || !strings.Contains(err.Error(), "use one of reject, throttle, shadow") {
		t.Errorf("%v", err)
	}
	var p Period
	if err := p.UnmarshalText(nil); err == nil {
		t.Error("nothing is a period")
	}
	for _, r := range Reasons() {
		if r.String() == "" || r.String() == "unknown" || r.ProblemType() == "" {
			t.Errorf("reason %d is %q", r, r)
		}
	}
	if Mode(77).String() != "unknown" || Refuse.String() != "reject" {
		t.Error("texts of verdicts and unknown values")
	}
}
