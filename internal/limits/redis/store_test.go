package redis

import (
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/limits/redistest"
	"lapwing.dev/lapwing/middleware/limit"
)

func direct(o *Options) { o.NoLeases = true }

func TestABurstIsLetInAndTheRestSoonAfter(t *testing.T) {
	s := open(t, redistest.Start(t), direct)
	slow := rateOf("slow", 1, limit.PerHour(10), 3)
	for i, want := range []int64{2, 1, 0} {
		o := take(t, s, slow)[0]
		if !o.Allowed || o.Remaining != want {
			t.Errorf("request %d: let in %t, %d remain, want %d", i+1, o.Allowed, o.Remaining, want)
		}
	}
	o := take(t, s, slow)[0]
	if o.Allowed || o.RetryAfter <= 359*time.Second || o.RetryAfter > 360*time.Second || o.Remaining != 0 {
		t.Errorf("the fourth is let in %t, %d remain, retry after %s, want a little less than 6m", o.Allowed, o.Remaining, o.RetryAfter)
	}
	if o.Reset <= 359*time.Second || o.Reset > 360*time.Second {
		t.Errorf("one more remains in %s, want a little less than 6m", o.Reset)
	}
	if other := take(t, s, rateOf("slow", 2, limit.PerHour(10), 3))[0]; !other.Allowed {
		t.Error("another key is refused for it")
	}
}

func TestOneRefusesAndNoneIsCharged(t *testing.T) {
	s := open(t, redistest.Start(t), direct)
	wide, narrow := rateOf("wide", 1, limit.PerHour(1), 10), rateOf("narrow", 1, limit.PerHour(1), 1)
	quota := limit.Take{Policy: "wide", Kind: limit.KindQuota, Key: 1, Cost: 1, Enforced: true, Quota: limit.Quota{Count: 10, Period: limit.Day}, Window: today()}
	place := limit.Take{Policy: "wide", Kind: limit.KindInUse, Key: 1, Cost: 1, Enforced: true, Most: 10}
	if got := letIn(take(t, s, wide, quota, place, narrow)); got != "true true true true" {
		t.Fatalf("first: %s", got)
	}
	for range 3 {
		if got := letIn(take(t, s, wide, quota, place, narrow)); !strings.HasSuffix(got, "false") {
			t.Fatalf("the narrow limit lets too many in: %s", got)
		}
	}
	for _, ask := range []limit.Take{wide, quota, place} {
		ask.Cost = 0
		if o := take(t, s, ask)[0]; o.Remaining != 9 {
			t.Errorf("%s has %d left, want 9: refused requests were charged", ask.Kind, o.Remaining)
		}
	}
}

func TestAShadowRefusesNobody(t *testing.T) {
	s := open(t, redistest.Start(t), direct)
	enforced, shadow := rateOf("real", 1, limit.PerHour(1), 3), rateOf("shadow", 1, limit.PerHour(1), 1)
	shadow.Enforced = false
	for i, want := range []string{"true true", "true false", "true false", "false false"} {
		if got := letIn(take(t, s, enforced, shadow)); got != want {
			t.Errorf("request %d: %s, want %s", i+1, got, want)
		}
	}
}

func TestThrottledRequestsWaitInOrder(t *testing.T) {
	s := open(t, redistest.Start(t), direct)
	r := rateOf("throttle", 1, limit.PerHour(60), 1)
	r.Rate.Ahead = 3 * time.Minute
	before := time.Duration(-1)
	for i := range 4 {
		o := take(t, s, r)[0]
		want := time.Duration(i) * time.Minute
		if !o.Allowed || o.Delay > want || o.Delay < want-5*time.Second || o.Delay <= before && i > 0 {
			t.Errorf("request %d: let in %t after %s, want about %s", i+1, o.Allowed, o.Delay, want)
		}
		before = o.Delay
	}
	if o := take(t, s, r)[0]; o.Allowed || o.RetryAfter <= 0 || o.RetryAfter > time.Minute {
		t.Errorf("the fifth is let in %t, retry after %s; want a refusal until the queue has a place", o.Allowed, o.RetryAfter)
	}
	// One that leaves the queue makes room for one.
	gone := r
	gone.Cost = -1
	s.Settle(t.Context(), []limit.Take{gone})
	waitFor(t, "the place to come back", func() bool { return take(t, s, r)[0].Allowed })
}

func TestQuotasEndWithTheirWindow(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, direct)
	q := limit.Take{Policy: "q", Kind: limit.KindQuota, Key: 1, Cost: 2, Enforced: true, Quota: limit.Quota{Count: 5, Period: limit.Day}, Window: today()}
	for i, want := range []int64{3, 1} {
		if o := take(t, s, q)[0]; !o.Allowed || o.Remaining != want {
			t.Errorf("request %d: let in %t, %d remain, want %d", i+1, o.Allowed, o.Remaining, want)
		}
	}
	o := take(t, s, q)[0]
	until := time.Until(time.Unix(q.Window[1], 0))
	if o.Allowed || o.Remaining != 1 || o.RetryAfter > until+time.Minute || o.RetryAfter < until-time.Minute {
		t.Errorf("the third is let in %t, %d remain, retry after %s, want %s", o.Allowed, o.Remaining, o.RetryAfter, until)
	}
	q.Window[0], q.Window[1] = q.Window[1], q.Window[1]+86400
	if o := take(t, s, q)[0]; !o.Allowed || o.Remaining != 3 {
		t.Errorf("the next day: let in %t, %d remain", o.Allowed, o.Remaining)
	}
	for key := range strings.FieldsSeq(server.Command("keys", "*:q:*")) {
		if server.Command("pttl", key) == "-1" {
			t.Errorf("%s is kept for ever", key)
		}
	}
}

func TestTheDeadLeakNoPlaces(t *testing.T) {
	server := redistest.Start(t)
	place := limit.Take{Policy: "p", Kind: limit.KindInUse, Key: 1, Cost: 1, Enforced: true, Most: 2}
	alive := open(t, server, nil)
	// A server that died: its places are counted, and it gives no sign of life.
	server.Command("hset", "lapwing:c:p:1", "dead", "2")
	server.Command("zadd", "lapwing:nodes", "9999999999999", "dead")
	if o := take(t, alive, place)[0]; o.Allowed {
		t.Fatal("the places of a server that was heard of just now do not count")
	}
	server.Command("zadd", "lapwing:nodes", "1", "dead")
	first := place
	if o := take(t, alive, first)[0]; !o.Allowed || o.Remaining != 1 {
		t.Fatalf("after its death: let in %t, %d remain, want 1", o.Allowed, o.Remaining)
	}
	if got := server.Command("hget", "lapwing:c:p:1", "dead"); got != "" {
		t.Errorf("the dead server's places are still there: %s", got)
	}
}

func TestPlacesComeBack(t *testing.T) {
	server := redistest.Start(t)
	s, end := openUntil(t, server, nil)
	places := make([]limit.Take, 3)
	for i := range places {
		places[i] = limit.Take{Policy: "p", Kind: limit.KindInUse, Key: 1, Cost: 1, Enforced: true, Most: 2}
		if err := s.Take(t.Context(), places[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if got := letIn([]limit.Outcome{places[0].Outcome, places[1].Outcome, places[2].Outcome}); got != "true true false" {
		t.Fatalf("let in: %s", got)
	}
	s.Settle(t.Context(), places) // the refused one has no place to give back
	waitFor(t, "both places to be free", func() bool { return server.Command("hlen", "lapwing:c:p:1") == "0" })
	end()
	if got := server.Command("zcard", "lapwing:nodes"); got != "0" {
		t.Errorf("%s servers are there after the only one has left", got)
	}
}

// TestRatesAreExact compares the script with GCRA in exact arithmetic: whatever
// was let in by a time is what the rate gives, rounded down, without drift.
func TestRatesAreExact(t *testing.T) {
	s := open(t, redistest.Start(t), direct)
	for key, c := range []struct {
		rate limit.Rate
		cost int64
	}{
		{limit.PerSecond(700), 37},
		{limit.PerSecond(999_983), 10_007},
		{limit.Rate{Count: 3, Period: time.Second}, 37},
		{limit.Rate{Count: 1, Period: 100 * time.Nanosecond}, 100_003},
	} {
		charge := rateOf("exact", uint64(key), c.rate, c.cost*300)
		charge.Cost = c.cost
		var first, last time.Time
		var out limit.Outcome
		const n = 250
		for range n {
			at, _, verdicts, err := s.run(t.Context(), s.conn.Load(), modeTake, []item{{take: &charge}})
			if err != nil {
				t.Fatal(err)
			}
			if first.IsZero() {
				first = at
			}
			last = at
			out = verdicts[0].outcome(&charge, at)
		}
		gained := int64(last.Sub(first)) * c.rate.Count / int64(c.rate.Period)
		want := n*c.cost - gained
		if used := charge.Rate.Burst - out.Remaining; used > want+1 || used < want-1 || gained > n*c.cost/2 {
			t.Errorf("%s: %d are used after %s, want %d", c.rate, used, last.Sub(first), want)
		}
	}
}

func TestADebtIsForgivenAfterADay(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, direct)
	r := rateOf("debt", 1, limit.PerMinute(1), 1)
	r.Cost = 1_000_000
	s.Settle(t.Context(), []limit.Take{r})
	r.Cost = 1
	waitFor(t, "the debt to be noted", func() bool { return !take(t, s, r)[0].Allowed })
	if o := take(t, s, r)[0]; o.RetryAfter > 25*time.Hour || o.RetryAfter < 23*time.Hour {
		t.Errorf("retry after %s, want about a day", o.RetryAfter)
	}
}

func TestNothingIsKeptForEver(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, direct)
	place := limit.Take{Policy: "p", Kind: limit.KindInUse, Key: 1, Cost: 1, Enforced: true, Most: 2}
	take(t, s, rateOf("r", 1, limit.PerHour(1), 3), place)
	for key := range strings.FieldsSeq(server.Command("keys", "*")) {
		if server.Command("pttl", key) == "-1" {
			t.Errorf("%s is kept for ever", key)
		}
	}
}

func TestGarbageInTheStoreIsAnEmptyBucket(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, direct)
	server.Command("set", "lapwing:r:r:1", "not ours")
	if o := take(t, s, rateOf("r", 1, limit.PerHour(1), 3))[0]; !o.Allowed || o.Remaining != 2 {
		t.Errorf("let in %t, %d remain", o.Allowed, o.Remaining)
	}
}

func TestSomebodyElsesValueHarmsOneKeyOnly(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, server, direct)
	server.Command("rpush", "lapwing:r:r:1", "a list")
	if err := s.Take(t.Context(), []limit.Take{rateOf("r", 1, limit.PerHour(1), 3)}); err == nil {
		t.Error("a list is taken for a rate")
	}
	if o := take(t, s, rateOf("r", 2, limit.PerHour(1), 3))[0]; !o.Allowed {
		t.Error("another key is refused for it")
	}
}

// TestAFloodOfKeysIsBounded: no number of clients makes this server remember more.
func TestAFloodOfKeysIsBounded(t *testing.T) {
	l, book, without := newLeases(), newLedger(), newMeanwhile()
	const clients = 100_000
	for key := range uint64(clients) {
		r := rateOf("flood", key, limit.PerSecond(1000), 1000)
		l.grant(&r, 50, 50, &verdict{}, 1)
		l.deny(&r, time.Second, &verdict{}, 1)
		book.add(&r, 1)
		without.note([]limit.Take{r}, 1)
	}
	if n, _ := l.figures(); n > leaseShards*shardLeases {
		t.Errorf("%d leases", n)
	}
	if n, lost := book.figures(); n > mostEntries || n+int(lost) != clients {
		t.Errorf("%d entries, %d lost", n, lost)
	}
	if n := len(without.tallies); n > mostEntries {
		t.Errorf("%d tallies", n)
	}
}

func TestThePasswordIsNotInErrors(t *testing.T) {
	server := redistest.Start(t)
	if _, err := New(Options{URL: "redis://:hunter2@[::1"}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a malformed URL: %v", err)
	}
	s, err := New(Options{URL: "redis://:hunter2@127.0.0.1:" + server.Port})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.try(t.Context()); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a wrong password: %v", err)
	}
}

func today() [2]int64 {
	start, end := limit.Day.Window(time.Now())
	return [2]int64{start.Unix(), end.Unix()}
}
