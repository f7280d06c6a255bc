package slo_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/slo"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/observe"
)

// firesWithin lets traffic go on until an alert fires, and returns how long it took.
func (b *bench) firesWithin(most time.Duration, send func()) time.Duration {
	b.t.Helper()
	began := time.Now()
	for time.Since(began) < most {
		send()
		time.Sleep(time.Second)
		if slices.ContainsFunc(b.now(), func(c string) bool { return strings.HasSuffix(c, "firing") }) {
			return time.Since(began)
		}
	}
	b.t.Fatalf("nothing fires within %s: %q", most, b.now())
	return 0
}

func TestAnEndpointThatFailsIsToldWithinTwentySeconds(t *testing.T) {
	for _, c := range []struct {
		name    string
		rate    int
		failing float64
	}{
		{"all fail, few requests", 1, 1},
		{"all fail, many requests", 50, 1},
		{"half fail", 20, .5},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := work(t, &memory{}, api())
				b.traffic("/refunds", c.rate, 0, 10*time.Minute) // fine for long: the window is full of successes
				b.want()
				owed := 0.0
				took := b.firesWithin(20*time.Second, func() {
					owed += float64(c.rate) * c.failing
					b.send("/refunds", 500, int(owed), time.Millisecond)
					b.send("/refunds", 200, c.rate-int(owed), time.Millisecond)
					owed -= float64(int(owed))
				})
				t.Logf("after %s", took)
				b.want("critical ErrorRateHigh GET /refunds firing")
			})
		})
	}
}

func TestAWarningWaitsAndIsOverWithHysteresis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := work(t, &memory{}, api())
		b.traffic("/refunds", 10, .08, 30*time.Second)
		b.want("warning ErrorRateHigh GET /refunds pending")
		b.traffic("/refunds", 10, .08, 40*time.Second)
		b.want("warning ErrorRateHigh GET /refunds firing")
		c := b.one()
		if c.Summary != "GET /refunds (orders) fails: 8 % of 650 requests in 5m" && !strings.HasPrefix(c.Summary, "GET /refunds (orders) fails: 8 % of ") {
			t.Error(c.Summary)
		}
		if want := "/endpoints/GET/refunds?api=orders&from="; !strings.HasPrefix(c.Page, want) {
			t.Errorf("the page is %s, want %s…", c.Page, want)
		}
		// 4.5 % is below the threshold, but too close to say that it is over.
		b.traffic("/refunds", 10, .045, 15*time.Minute)
		b.want("warning ErrorRateHigh GET /refunds firing")
		b.traffic("/refunds", 10, 0, 2*time.Minute)
		b.want("warning ErrorRateHigh GET /refunds firing")
		b.traffic("/refunds", 10, 0, 5*time.Minute)
		b.want()
	})
}

func TestABriefWarningIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := work(t, &memory{}, api())
		b.traffic("/refunds", 10, .08, 30*time.Second)
		b.want("warning ErrorRateHigh GET /refunds pending")
		b.traffic("/refunds", 40, 0, 2*time.Minute)
		b.want()
		if len(b.fired()) > 0 {
			t.Errorf("fired: %v", b.fired())
		}
	})
}

func TestOneErrorAtNightPagesNobody(t *testing.T) {
	for _, c := range []struct {
		name             string
		requests, errors int
	}{
		{"one of one", 1, 1},
		{"two of two hundred thousandths of a day", 2, 2},
		{"all of nineteen", 19, 19},
		{"two of twenty", 20, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := work(t, &memory{}, api())
				b.send("/refunds", 500, c.errors, time.Millisecond)
				b.send("/refunds", 200, c.requests-c.errors, time.Millisecond)
				for range 20 {
					time.Sleep(30 * time.Second)
					b.want()
				}
			})
		})
	}
}

func TestNoRequestsAreNeitherHealthyNorAnAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := work(t, &memory{}, api())
		time.Sleep(time.Hour)
		b.want()
		b.send("/ok", 200, 1, time.Millisecond)
		time.Sleep(10 * time.Minute)
		e, found := b.Endpoint("orders", "GET /ok")
		if !found || e.State != "no_data" || e.Requests != 0 {
			t.Errorf("found %v: %s with %d requests", found, e.State, e.Requests)
		}

		b.traffic("/refunds", 10, .5, 2*time.Minute)
		b.want("critical ErrorRateHigh GET /refunds firing")
		time.Sleep(6 * time.Minute) // nobody asks any more
		b.want("critical ErrorRateHigh GET /refunds no_data")
		if c := b.one(); !strings.HasPrefix(c.Summary, "GET /refunds (orders) failed, and has had no requests since ") {
			t.Error(c.Summary)
		}
		b.traffic("/refunds", 10, .5, time.Minute) // it still fails
		b.want("critical ErrorRateHigh GET /refunds firing")
		time.Sleep(5*time.Minute + 14*time.Minute)
		b.want("critical ErrorRateHigh GET /refunds no_data")
		time.Sleep(2 * time.Minute)
		b.want()
	})
}

func TestWhatIsNotTheAPIsFaultIsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := work(t, &memory{}, api())
		observed := func(n int, change func(*observe.Exchange)) {
			e := exchange("/orders", 200, time.Now(), time.Millisecond)
			change(e)
			for range n {
				b.Observe(e)
			}
		}
		observed(100, func(e *observe.Exchange) { e.Status = 200 })
		observed(10, func(e *observe.Exchange) { e.Status = 404 })
		observed(20, func(e *observe.Exchange) { e.Status, e.Verdict = 429, observe.Rejected })
		observed(30, func(e *observe.Exchange) { e.Status, e.Verdict = 503, observe.Rejected })
		observed(5, func(e *observe.Exchange) { e.Status, e.Verdict = 403, observe.Blocked })
		observed(7, func(e *observe.Exchange) { e.Status, e.Verdict = 401, observe.Unauthorized })
		observed(40, func(e *observe.Exchange) { e.Status, e.Error = 0, observe.ErrorClientGone })
		observed(2, func(e *observe.Exchange) { e.Status = 499 })
		observed(1000, func(e *observe.Exchange) { e.Source = observe.SourceDecision })
		observed(1, func(e *observe.Exchange) { e.Status, e.Error = 502, observe.ErrorConnect })
		observed(1, func(e *observe.Exchange) { e.Status, e.Error = 0, observe.ErrorReset })
		observed(50, func(e *observe.Exchange) { e.API = "unknown" })
		time.Sleep(6 * time.Second)
		synctest.Wait()
		e, _ := b.Endpoint("orders", "GET /orders")
		if e.Requests != 112 || e.Errors != 2 || e.Refused != 62 || e.Aborted != 42 || e.Status != [6]uint64{1, 0, 100, 0, 10, 1} {
			t.Errorf("got %+v", e)
		}
		if whole := b.APIs()[0]; whole.Requests != 112 || whole.Operation != "" {
			t.Errorf("the API: %+v", whole)
		}
	})
}

func TestWhatCountsIsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := api()
		a.ErrorRate = catalog.ErrorRate{
			Count: []string{"404", "transport"}, Over: units.Duration(time.Minute), Warning: share(.5), Critical: share(.5), MinRequests: new(4), MinErrors: new(1),
			Operations: map[string]catalog.ErrorRateOverride{"GET /quiet": {Enabled: new(false)}, "GET /strict": {Warning: share(.1)}},
		}
		b := work(t, &memory{}, a)
		for _, route := range []string{"/a", "/quiet", "/strict"} {
			b.send(route, 404, 1, time.Millisecond)
			b.send(route, 500, 4, time.Millisecond)
		}
		b.send("/a", 404, 5, time.Millisecond)
		time.Sleep(6 * time.Second)
		b.want("critical ErrorRateHigh GET /a firing", "warning ErrorRateHigh GET /strict pending")
		e, _ := b.Endpoint("orders", "GET /quiet")
		if e.Errors != 1 || e.Requests != 5 || e.Over != time.Minute {
			t.Errorf("got %+v", e)
		}
		if e, _ := b.Endpoint("orders", "GET /strict"); e.Warning != .1 || e.Critical != .5 {
			t.Errorf("thresholds %v, %v", e.Warning, e.Critical)
		}
	})
}

func TestAnAPIOfManyFailingOperationsIsToldAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := work(t, &memory{}, api())
		for range 60 {
			for _, route := range []string{"/a", "/b", "/c", "/d", "/e"} {
				b.send(route, 500, 1, time.Millisecond) // each one alone is too little at first
			}
			time.Sleep(time.Second)
		}
		got := b.now()
		if len(got) != 6 || !slices.Contains(got, "critical ErrorRateHigh  firing") {
			t.Errorf("got %q", got)
		}
	})
}

func TestLateAndFutureLinesCountForTheirOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		b := work(t, store, with(catalog.Objective{Name: "availability", Target: .99, Over: units.Duration(units.Day)}))
		time.Sleep(time.Hour)
		now := time.Now()
		at := func(d time.Duration, n int) {
			for range n {
				b.Observe(exchange("/orders", 500, now.Add(d), time.Millisecond))
			}
		}
		at(-2*time.Minute, 7)     // within the window: counts there
		at(-30*time.Minute, 1000) // later than the window
		at(-3*time.Hour, 500)
		at(-90*24*time.Hour, 9) // older than what is kept
		at(2*time.Minute, 3)    // another machine's clock
		at(time.Hour, 11)       // nobody's clock
		time.Sleep(40 * time.Second)
		synctest.Wait()
		b.want("warning ErrorBudgetBurn  firing") // of the day's budget; ten errors in five minutes are too few
		e, _ := b.Endpoint("orders", "GET /orders")
		if e.Requests != 10 {
			t.Errorf("%d requests in the window, want 10", e.Requests)
		}
		if got := b.Budgets()[0]; got.Requests != 1510 || !got.Since.Before(now.Add(-2*time.Hour)) {
			t.Errorf("the budget has %d requests since %s, want 1510", got.Requests, got.Since)
		}
		points, err := b.Series("orders", "", now.Add(-4*time.Hour), now.Add(time.Minute), 300)
		if err != nil {
			t.Fatal(err)
		}
		sums := map[int]uint64{}
		for _, p := range points {
			sums[int(now.Sub(p.At).Hours())] += p.Requests
		}
		if sums[3] != 500 && sums[2] != 500 || sums[0] < 1000 {
			t.Errorf("requests by hours ago: %v", sums)
		}
		time.Sleep(time.Hour)
		if got := b.Budgets()[0]; got.Requests != 1510 {
			t.Errorf("an hour later the budget has %d requests", got.Requests)
		}
	})
}

func TestOperationsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := work(t, &memory{}, api())
		for i := range slo.MaxOperations + 50 {
			e := exchange("/r"+strings.Repeat("x", i), 200, time.Now(), time.Millisecond)
			e.Operation = ""
			b.Observe(e)
			missing := exchange("/scan"+strings.Repeat("y", i), 404, time.Now(), time.Millisecond)
			missing.Operation = ""
			b.Observe(missing)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		list := b.Endpoints("")
		if len(list) > slo.MaxOperations+1 {
			t.Fatalf("%d operations", len(list))
		}
		var sum uint64
		for _, e := range list {
			sum += e.Requests
		}
		if other, found := b.Endpoint("orders", slo.Other); !found || other.Requests == 0 || sum != 2*(slo.MaxOperations+50) {
			t.Errorf("%d requests over all, %d in other", sum, other.Requests)
		}
		if e, found := b.Endpoint("orders", "GET"); !found || e.Route != "" || e.Requests == 0 {
			t.Errorf("what matched nothing: %+v", e)
		}
	})
}
