package limit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memoryStore is a QuotaStore that tests can look into.
type memoryStore struct {
	mu     sync.Mutex
	counts map[string]QuotaCount
	adds   int
	away   error
}

func (s *memoryStore) Load(_ context.Context, now time.Time, each func(QuotaCount)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.counts {
		if c.End.After(now) {
			each(c)
		}
	}
	return s.away
}

func (s *memoryStore) Add(_ context.Context, deltas []QuotaCount) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil {
		return s.away
	}
	s.adds++
	if s.counts == nil {
		s.counts = make(map[string]QuotaCount)
	}
	for _, d := range deltas {
		id := fmt.Sprint(d.Policy, d.Key, d.Period, d.Start.Unix())
		d.Count += s.counts[id].Count
		s.counts[id] = d
	}
	return nil
}

func (s *memoryStore) total() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.counts {
		n += c.Count
	}
	return n
}

func (s *memoryStore) goAway(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = err
}

var secret = [16]byte{1, 2, 3}

func TestQuotasBeginAnewWithTheirWindow(t *testing.T) {
	clock := newClock("2026-11-30T23:59:58Z")
	rules := mustCompile(t, New(Options{Now: clock.now}), Policy{Name: "p", Key: []KeyPart{TokenClaim("sub")}, Quota: []Quota{{3, Day}, {5, Month}}})
	if got := in(rules, client("a"), 9); got != 3 {
		t.Errorf("%d on the first day, want 3", got)
	}
	d := once(rules, client("a"))
	if d.Reason != ReasonQuota || d.RetryAfter != 2*time.Second {
		t.Errorf("%v, come again after %v", d.Reason, d.RetryAfter)
	}
	clock.advance(2 * time.Second) // a new month
	if got := in(rules, client("a"), 9); got != 3 {
		t.Errorf("%d on the next day, want 3", got)
	}
	clock.advance(day)
	if got := in(rules, client("a"), 9); got != 2 {
		t.Errorf("%d on the day after, want the 2 that are left of the month", got)
	}
	if got := in(rules, client("b"), 9); got != 3 {
		t.Errorf("%d of another client, want 3", got)
	}
}

func TestWhatIsGivenBackLateGoesToTheWindowItCameFrom(t *testing.T) {
	clock := newClock("2026-11-23T23:59:59Z")
	rules := mustCompile(t, New(Options{Now: clock.now}), Policy{Name: "p", Quota: []Quota{{2, Day}}})
	var d Decision
	rules.Decide(context.Background(), &Request{}, &d)
	clock.advance(time.Second)
	if got := in(rules, &Request{}, 5); got != 2 {
		t.Errorf("%d, want 2", got)
	}
	d.Cancel()
	if got := in(rules, &Request{}, 5); got != 0 {
		t.Errorf("yesterday's request gave %d back today", got)
	}
}

func TestAWallClockThatGoesBackGivesNothingAndTakesNothing(t *testing.T) {
	table := newQuotaTable(1<<10, new(hasher), new(bookNames), false)
	at := func(text string) (n int) {
		u, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		start, _ := Day.window(u.Unix())
		for range 9 {
			if _, ok := table.take(7, &quotaMove{quota: Quota{5, Day}, start: start, by: 1, most: 5}); ok {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		at   string
		want int
	}{
		{"2026-11-23T23:59:59Z", 5},
		{"2026-11-24T00:00:00Z", 5},
		{"2026-11-23T23:59:58Z", 0}, // a step back over midnight
		{"2026-11-24T00:00:00Z", 0},
		{"2036-01-01T12:00:00Z", 5}, // a clock that was wrong for a moment
		{"2026-11-24T12:00:00Z", 0},
		{"2026-11-25T12:00:00Z", 5},
	} {
		if got := at(c.at); got != c.want {
			t.Errorf("at %s %d are let in, want %d", c.at, got, c.want)
		}
	}
}

func TestQuotasSurviveAStopAndAKill(t *testing.T) {
	for _, kill := range []bool{false, true} {
		t.Run(fmt.Sprint("kill ", kill), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := new(memoryStore)
				policy := Policy{Name: "p", Key: []KeyPart{TokenClaim("sub")}, Quota: []Quota{{1000, Day}}}
				begin := func() (*Limiter, *Rules, func()) {
					l := New(Options{Secret: secret, Quotas: store})
					rules := mustCompile(t, l, policy)
					if err := l.Load(t.Context()); err != nil {
						t.Fatal(err)
					}
					ctx, stop := context.WithCancel(t.Context())
					var run sync.WaitGroup
					run.Go(func() {
						if err := l.Run(ctx); err != nil && !kill {
							t.Error(err)
						}
					})
					return l, rules, func() { stop(); run.Wait() }
				}
				_, rules, stop := begin()
				in(rules, client("a"), 400)
				in(rules, client("b"), 1)
				time.Sleep(time.Second)
				if kill { // nothing is written any more
					in(rules, client("a"), 3) // within the block that is written ahead
					store.goAway(errors.New("killed"))
				}
				stop()
				store.goAway(nil)

				_, rules, stop = begin()
				got := in(rules, client("a"), 1000)
				if kill && (got > 597 || got < 587) || !kill && got != 600 {
					t.Errorf("%d more are let in", got)
				}
				stop()
			})
		})
	}
}

func TestAStoreThatIsAwayLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memoryStore{away: errors.New("disk full")}
		l := New(Options{Secret: secret, Quotas: store})
		rules := mustCompile(t, l, Policy{Name: "p", Quota: []Quota{{50, Day}}})
		ctx, stop := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() {
			if err := l.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		in(rules, &Request{}, 20)
		time.Sleep(10 * time.Second)
		in(rules, &Request{}, 20)
		store.goAway(nil)
		time.Sleep(2 * time.Second)
		if got := store.total(); got != 40 {
			t.Errorf("%d are stored, want 40", got)
		}
		stop()
		run.Wait()
	})
}

func TestAFloodOfClientsKeepsQuotasBounded(t *testing.T) {
	store := new(memoryStore)
	clock := newClock("2026-11-23T12:00:00Z")
	l := New(Options{Secret: secret, Quotas: store, QuotaBytes: 1 << 14, Now: clock.now})
	rules := mustCompile(t, l, Policy{Name: "p", Key: []KeyPart{TokenClaim("sub")}, Quota: []Quota{{100, Day}}})
	if got := in(rules, client("steady"), 60); got != 60 {
		t.Fatalf("%d", got)
	}
	for i := range 20_000 {
		if got := in(rules, client(strconv.Itoa(i)), 1); got != 1 {
			t.Fatal("a new client is rejected")
		}
	}
	if got := in(rules, client("steady"), 60); got != 40 {
		t.Errorf("%d more of the client that used most, want 40", got)
	}
	s := l.Stats()
	if s.QuotaKeys > s.QuotaCapacity || s.QuotaCapacity*bytesPerQuota > 1<<14 || s.QuotaEvicted == 0 {
		t.Errorf("%+v", s)
	}
	if err := l.quotas.Load().flush(t.Context(), store, true); err != nil {
		t.Error(err)
	}
	if got := store.total() + int64(s.QuotaLost); got != 20_100 {
		t.Errorf("%d are stored or counted as lost, want 20100", got)
	}
}

func TestTheBlockIsOnePercent(t *testing.T) {
	for quota, want := range map[int64]int64{10: 0, 99: 0, 100: 1, 1000: 8, 100_000: 512, maxQuota: 512} {
		c := quotaCounter{block: blockOf(quota)}
		if got := c.ahead(); got != want || got > quota/100 {
			t.Errorf("of %d the store runs %d ahead, want %d", quota, got, want)
		}
	}
}

func TestWhatAStoreMayNotSayIsLeftOut(t *testing.T) {
	store := new(memoryStore)
	now := time.Now().UTC()
	_ = store.Add(t.Context(), []QuotaCount{
		{Policy: "p", Key: 0, Period: Day, Start: now, End: now.Add(time.Hour), Count: 5},
		{Policy: "p", Key: 7, Period: 99, Start: now, End: now.Add(time.Hour), Count: 5},
		{Policy: "p", Key: 8, Period: Day, Start: now, End: now.Add(time.Hour), Count: -5},
	})
	l := New(Options{Quotas: store})
	if err := l.Load(t.Context()); err != nil {
		t.Error(err)
	}
	if s := l.Stats(); s.QuotaKeys != 0 {
		t.Errorf("%d counters", s.QuotaKeys)
	}
	store.away = errors.New("no such file")
	if err := l.Load(t.Context()); err == nil {
		t.Error("a store that is away is no error")
	}
}
