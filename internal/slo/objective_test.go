package slo_test

import (
	"math"
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

// availability is a promise of 99.9 % over 30 days.
func availability() catalog.Objective {
	return catalog.Objective{Name: "availability", Target: .999, MinRequests: new(20)}
}

// past is a store with a step for every five minutes and every hour of the time
// before now, as if a Manager had counted so many requests a second.
func past(length time.Duration, each func(at time.Time) (operation string, perSecond float64, failing float64, took time.Duration)) *memory {
	store := &memory{steps: map[time.Duration]map[int64]slo.Step{5 * time.Minute: {}, time.Hour: {}}}
	now := time.Now().UTC()
	for _, step := range []time.Duration{5 * time.Minute, time.Hour} {
		keep := length
		if step == 5*time.Minute {
			keep = min(length, slo.KeepFine)
		}
		for at := now.Add(-keep).Truncate(step); at.Add(step).Compare(now) <= 0; at = at.Add(step) {
			s := slo.Step{Start: at, Length: step, Covered: step}
			if operation, rate, failing, took := each(at); rate > 0 {
				n := uint64(math.Round(rate * step.Seconds()))
				bad := uint64(math.Round(float64(n) * failing))
				latency := make([]uint32, slo.BucketOf(took)+1)
				latency[slo.BucketOf(took)] = uint32(n)
				s.Counts = []slo.Counts{{
					API: "orders", Operation: operation, Requests: n, Errors: bad, Status: [6]uint64{2: n - bad, 5: bad}, Latency: latency,
				}}
			}
			store.steps[step][at.Unix()] = s
		}
	}
	return store
}

func steady(rate, failing float64) func(time.Time) (string, float64, float64, time.Duration) {
	return func(time.Time) (string, float64, float64, time.Duration) {
		return "GET /orders", rate, failing, 20 * time.Millisecond
	}
}

// within is a number that is as good as another.
func within(got, want, by float64) bool { return math.Abs(got-want) <= by }

func TestABudgetIsWhatHistorySays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * 24 * time.Hour)
		b := work(t, past(40*24*time.Hour, steady(20, .0005)), with(availability()))
		got := b.Budgets()[0]
		if !within(got.Left, .5, .01) || !within(got.Achieved, .9995, 1e-5) || !within(float64(got.Requests), 30*86400*20, 80000) {
			t.Errorf("got %+v", got)
		}
		for _, burn := range got.Burns {
			if !burn.Ready || burn.Firing || !within(burn.LongRate, .5, .05) || !within(burn.ShortRate, .5, .35) {
				t.Errorf("%s: %+v", burn.Long, burn)
			}
		}
		points, err := b.BurnDown("orders", "availability", 60)
		if err != nil || len(points) != 60 {
			t.Fatalf("%d points, %v", len(points), err)
		}
		if !within(points[59].Left, got.Left, 1e-9) || !within(points[29].Left, .75, .01) || !slices.IsSortedFunc(points, func(a, b slo.BudgetPoint) int { return a.At.Compare(b.At) }) {
			t.Errorf("from %+v by %+v to %+v", points[0], points[29], points[59])
		}
		if _, err := b.BurnDown("orders", "nothing", 60); err == nil {
			t.Error("there is a chart of no objective")
		}
	})
}

func TestABudgetThatBurnsPagesBeforeItIsSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * 24 * time.Hour)
		a := with(availability())
		a.ErrorRate.Enabled = new(false)
		b := work(t, past(31*24*time.Hour, steady(10, 0)), a)
		began := time.Now()
		for len(b.now()) == 0 && time.Since(began) < 2*time.Hour {
			b.traffic("/orders", 10, .02, 10*time.Second) // twenty times the budget
		}
		b.want("critical ErrorBudgetBurn  firing")
		c := b.one()
		// 14.4 times over an hour: with 20 times from now on, after 43 minutes.
		if took := time.Since(began); took < 40*time.Minute || took > 46*time.Minute {
			t.Errorf("it took %s", took)
		}
		if c.Objective != "availability" || c.Window != "1h" || c.Threshold < 14.39 || !strings.HasPrefix(c.Summary, "the error budget of availability of orders burns 14.4 times too fast: ") {
			t.Errorf("got %+v", c)
		}
		if left := b.Budgets()[0].Left; left < .95 {
			t.Errorf("only %v is left", left)
		}
		// It ends soon after the failures do: the short window is five minutes.
		b.traffic("/orders", 10, 0, 10*time.Minute)
		b.want()
	})
}

func TestObjectivesAreSilentUntilThereIsHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := with(availability())
		a.ErrorRate.Enabled = new(false)
		b := work(t, &memory{}, a)
		b.traffic("/orders", 2, .5, 55*time.Minute)
		b.want()
		b.traffic("/orders", 2, .5, 6*time.Minute)
		b.want("critical ErrorBudgetBurn  firing")
	})
}

// Each window alone must have traffic: a single error among three requests is no
// burn rate (pyrra-dev/pyrra#1925).
func TestFewRequestsDoNotBurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * 24 * time.Hour)
		a := with(availability())
		a.ErrorRate.Enabled = new(false)
		b := work(t, past(31*24*time.Hour, steady(.001, 0)), a)
		b.send("/orders", 500, 1, time.Millisecond)
		time.Sleep(10 * time.Second)
		b.want()
	})
}

// The reverse: an endpoint with few requests fails for days, and no pair of
// windows ever has enough of them.
func TestASlowFailureAtLowVolumeIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * 24 * time.Hour)
		failing := time.Now().Add(-36 * time.Hour)
		b := work(t, past(31*24*time.Hour, func(at time.Time) (string, float64, float64, time.Duration) {
			bad := 0.0
			if at.After(failing) {
				bad = 1
			}
			if at.Minute() != 0 {
				return "", 0, 0, 0
			}
			return "GET /orders", 1 / 300.0, bad, time.Millisecond // one request an hour
		}), with(catalog.Objective{Name: "availability", Target: .99, MinRequests: new(100)}))
		time.Sleep(10 * time.Second)
		b.want("warning ErrorBudgetBurn  firing")
		if c := b.one(); c.Window != "30d" || !strings.HasPrefix(c.Summary, "the error budget of availability of orders is spent: ") {
			t.Errorf("got %+v", c)
		}
	})
}

func TestALatencyObjectiveCountsWhatIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := with(
			catalog.Objective{Name: "fast", Target: .9, Latency: units.Duration(300 * time.Millisecond)},
			catalog.Objective{Name: "orders", Operation: "GET /orders", Target: .9, Latency: units.Duration(100 * time.Millisecond)},
		)
		store := &memory{}
		b := work(t, store, a)
		b.send("/orders", 200, 90, 100*time.Millisecond)
		b.send("/orders", 200, 5, 300*time.Millisecond)
		b.send("/orders", 200, 5, 300*time.Millisecond+time.Nanosecond)
		b.send("/refunds", 200, 100, 301*time.Millisecond)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		list := b.Budgets()
		if list[0].Requests != 200 || list[0].Bad != 105 || list[1].Requests != 100 || list[1].Bad != 10 {
			t.Errorf("got %+v", list)
		}
		// A threshold that nobody counted is estimated from durations.
		b.stop()
		a.Objectives[0].Latency = units.Duration(200 * time.Millisecond)
		b = work(t, store, a)
		if got := b.Budgets()[0]; got.Requests != 200 || got.Bad != 110 {
			t.Errorf("after a change: %+v", got)
		}
	})
}

// What a log does not say how long it took is neither fast nor slow, and the time
// in a throttle's queue is not the API's.
func TestALatencyObjectiveJudgesWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := with(catalog.Objective{Name: "fast", Target: .9, Latency: units.Duration(300 * time.Millisecond)})
		store := &memory{}
		b := work(t, store, a)
		for range 50 {
			b.Observe(&observe.Exchange{Time: time.Now(), API: "orders", Method: "GET", Route: "/orders", Status: 200, Source: observe.SourceAccessLog, Verdict: observe.Allowed})
			b.Observe(&observe.Exchange{
				Time: time.Now(), Duration: 2 * time.Second, Phases: observe.Phases{Queued: 1900 * time.Millisecond},
				API: "orders", Method: "GET", Route: "/orders", Status: 200, Source: observe.SourceGateway, Verdict: observe.Delayed,
			})
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		judge := func(when string) {
			t.Helper()
			if got := b.Budgets()[0]; got.Requests != 50 || got.Bad != 0 {
				t.Errorf("%s: %+v", when, got)
			}
			if e, _ := b.Endpoint("orders", "GET /orders"); e.Requests != 100 || e.P95 > 110*time.Millisecond || e.P50 < 90*time.Millisecond {
				t.Errorf("%s: %d requests, p50 %s, p95 %s", when, e.Requests, e.P50, e.P95)
			}
		}
		judge("as they came")
		b.stop()
		b = work(t, store, a)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		judge("after a restart")
	})
}

func TestAnObjectiveThatIsAddedLaterHasItsHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * 24 * time.Hour)
		a := with(availability())
		b := work(t, past(31*24*time.Hour, steady(10, .0005)), a)
		time.Sleep(time.Minute)
		before := b.Budgets()[0]
		second := availability()
		second.Name = "again"
		a.Objectives = append(slices.Clone(a.Objectives), second)
		b.configure(a)
		time.Sleep(time.Minute)
		synctest.Wait()
		after := b.Budgets()
		if after[0].Requests != before.Requests || after[1].Requests < before.Requests*999/1000 || !within(after[1].Left, before.Left, .01) {
			t.Errorf("before %+v\nafter %+v", before, after)
		}
	})
}

func TestWindowsFollowThePeriod(t *testing.T) {
	for _, c := range []struct {
		name    string
		period  time.Duration
		allowed float64
		want    []string
	}{
		{"30 days: Sloth's", 30 * units.Day, .001, []string{"critical 1h 14.4", "critical 6h 6", "warning 1d 3", "warning 3d 1"}},
		{"a week", 7 * units.Day, .001, []string{"critical 1h 3.4", "critical 6h 1.4", "warning 16h48m 1"}},
		{"90 days", 90 * units.Day, .001, []string{"critical 1h 43.2", "critical 6h 18", "warning 1d 9", "warning 3d 3"}},
		{"a day: those of a week in proportion", units.Day, .001, []string{"critical 8m34s 3.4", "critical 51m26s 1.4", "warning 2h24m 1"}},
		{"a promise so low that no outage is 14.4 times too much", 30 * units.Day, .1, []string{"critical 1h 9", "critical 6h 6", "warning 1d 3", "warning 3d 1"}},
	} {
		if got := slo.Windows(c.period, c.allowed); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
