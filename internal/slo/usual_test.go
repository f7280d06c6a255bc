package slo_test

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/slo"
)

// week is traffic as people make it: by day more than at night, at the weekend
// less, never quite the same.
func week(at time.Time) (operation string, perSecond, failing float64, took time.Duration) {
	day := 1 + math.Sin(float64(at.Hour()-6)/24*2*math.Pi)
	if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
		day /= 3
	}
	noise := 1 + float64(at.Unix()/3600%7-3)/30
	return "GET /orders", (1 + 4*day) * noise, 0, time.Duration(float64(80*time.Millisecond) * noise)
}

// like sends what is usual, changed by factors of rate and duration.
func (b *bench) like(rate, slower float64, length time.Duration) {
	owed := 0.0
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(5 * time.Second) {
		_, perSecond, _, took := week(time.Now())
		owed += perSecond * 5 * rate
		b.send("/orders", 200, int(owed), time.Duration(float64(took)*slower))
		owed -= float64(int(owed))
	}
}

// atNoonAfter sleeps until a Tuesday noon after so many weeks.
func atNoonAfter(weeks int) {
	at := time.Now().Add(time.Duration(weeks) * 7 * 24 * time.Hour).Truncate(24 * time.Hour).Add(12 * time.Hour)
	for at.Weekday() != time.Tuesday {
		at = at.Add(24 * time.Hour)
	}
	time.Sleep(time.Until(at))
}

func TestWhatIsUnusualForTheHourIsTold(t *testing.T) {
	for _, c := range []struct {
		name         string
		rate, slower float64
		want         string // with what the summary begins
		alert        string
	}{
		{"as ever", 1, 1, "", ""},
		{"a little more and slower", 1.5, 1.25, "", ""},
		{"half", .5, 1, "", ""},
		{"a spike", 4, 1, "orders has unusually many requests: ", slo.TrafficSpike},
		{"a drop", .2, 1, "orders has unusually few requests: ", slo.TrafficDrop},
		{"nothing any more", 0, 1, "orders has no requests any more; usual for this hour are ", slo.TrafficDrop},
		{"slower", 1, 2, "orders is slow: p95 ", slo.LatencyRegression},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				atNoonAfter(6)
				b := work(t, past(35*24*time.Hour, week), api())
				b.like(1, 1, 20*time.Minute)
				b.want()
				b.like(c.rate, c.slower, 9*time.Minute)
				if len(b.fired()) > 0 {
					t.Errorf("it fires before it has gone on for ten minutes: %v", b.fired())
				}
				b.like(c.rate, c.slower, 16*time.Minute)
				if c.alert == "" {
					b.want()
					return
				}
				// The whole API is told; the operation would say the same.
				b.want("warning " + c.alert + "  firing")
				if got := b.one(); !strings.HasPrefix(got.Summary, c.want) || strings.Contains(got.Description, "Inf") {
					t.Errorf("%s\n%s", got.Summary, got.Description)
				} else {
					t.Logf("%s\n%s", got.Summary, got.Description)
				}
				b.like(1, 1, 30*time.Minute)
				b.want()
			})
		})
	}
}

func TestAWeekOfOrdinaryTrafficIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		atNoonAfter(6)
		b := work(t, past(35*24*time.Hour, week), api())
		for end := time.Now().Add(7 * 24 * time.Hour); time.Now().Before(end); {
			b.like(1, 1, time.Hour)
			if got := b.now(); len(got) > 0 {
				t.Fatalf("at %s: %q", time.Now().Format(time.RFC1123), got)
			}
		}
	})
}

func TestNothingIsUnusualWithoutHistory(t *testing.T) {
	for name, b := range map[string]struct {
		history time.Duration
		change  func(*catalog.API)
	}{
		"ten days":                    {10 * 24 * time.Hour, func(*catalog.API) {}},
		"switched off":                {35 * 24 * time.Hour, func(a *catalog.API) { a.Unusual.Enabled = new(false) }},
		"few requests":                {35 * 24 * time.Hour, func(a *catalog.API) { a.Unusual.MinRequests = new(100_000) }},
		"three weeks, asked for four": {22 * 24 * time.Hour, func(a *catalog.API) { a.Unusual.Weeks = new(4) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				atNoonAfter(6)
				a := api()
				b.change(&a)
				work := work(t, past(b.history, week), a)
				work.like(0, 1, 40*time.Minute)
				work.want()
				work.like(6, 3, 40*time.Minute)
				work.want()
			})
		})
	}
}

// What Lapwing did not see because it was not running is no drop.
func TestAServerThatWasDownSawNoDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		atNoonAfter(6)
		store := past(35*24*time.Hour, week)
		time.Sleep(3 * time.Hour)
		b := work(t, store, api())
		b.like(1, 1, 45*time.Minute)
		b.want()
		if len(b.fired()) > 0 {
			t.Errorf("fired: %v", b.fired())
		}
	})
}
