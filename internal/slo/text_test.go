package slo_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/slo"
	"lapwing.dev/lapwing/middleware/observe"
)

func TestThePageOfAConditionIsOne(t *testing.T) {
	from := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ method, route, want string }{
		{"GET", "/orders/{id}", "/endpoints/GET/orders/%7Bid%7D?"},
		{"GET", "/", "/endpoints/GET/?"},
		{"POST", "", "/endpoints/POST?"},
		{"", "", "/endpoints?"},
		{"GET", "/a b/c%2F?d#e", "/endpoints/GET/a%20b/c%252F%3Fd%23e?"},
		{"GET", "/a/../b", "/endpoints/GET?"},
	} {
		got := slo.PageOf("or&ders", c.method, c.route, from, from.Add(time.Hour))
		if !strings.HasPrefix(got, c.want+"api=or%26ders&from=2026-11-23T12%3A00%3A00Z") || !strings.Contains(got, "to=2026-11-23T13%3A00%3A00Z") {
			t.Errorf("%s %s leads to %s", c.method, c.route, got)
		}
	}
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for share, want := range map[float64]string{
		.42: "42 %", .053: "5.3 %", .0012: "0.12 %", 1: "100 %", 0: "0 %", .999: "99.9 %", .9995: "99.95 %", .4267: "43 %", .00004: "0.004 %", 27.3: "2730 %",
	} {
		if got := slo.Percent(share); got != want {
			t.Errorf("%v is written %s, want %s", share, got, want)
		}
	}
}

func TestMetricsTellWhatPagesTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := work(t, &memory{}, with(availability()))
		b.traffic("/refunds", 10, .5, time.Minute)
		synctest.Wait()
		got := map[string]float64{}
		err := b.WriteMetrics(func(f *dto.MetricFamily) error {
			for _, m := range f.Metric {
				parts := []string{f.GetName()}
				for _, l := range m.Label {
					parts = append(parts, l.GetName()+"="+l.GetValue())
				}
				got[strings.Join(parts, " ")] = m.Gauge.GetValue()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]float64{
			"lapwing_slo_error_ratio api=orders operation=":                                   .5,
			"lapwing_slo_error_ratio api=orders operation=GET /refunds":                       .5,
			"lapwing_slo_objective_target_ratio api=orders objective=availability operation=": .999,
			"lapwing_slo_burn_rate api=orders objective=availability operation= window=1h":    500,
			"lapwing_slo_burn_rate api=orders objective=availability operation= window=5m":    500,
			"lapwing_slo_budget_remaining_ratio api=orders objective=availability operation=": -499,
			"lapwing_slo_conditions alert=ErrorRateHigh severity=critical state=firing":       1,
		} {
			if value, found := got[name]; !found || !within(value, want, .01*max(want, 1)) {
				t.Errorf("%s is %v (%v), want %v", name, value, found, want)
			}
		}
	})
}

func TestAnObjectiveAboutNoOperationIsDoubted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := catalog.Objective{Name: "typo", Operation: "GET /oders", Target: .99}
		known := catalog.Objective{Name: "documented", Operation: "GET /orders", Target: .99}
		b := workWith(t, &memory{}, slo.Deps{Operations: func(string) []string { return []string{"GET /orders"} }}, with(o, known))
		time.Sleep(50 * time.Minute)
		if list := b.notices.List(); len(list) != 0 {
			t.Errorf("too early: %+v", list)
		}
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		if list := b.notices.List(); len(list) != 1 || !strings.HasPrefix(list[0].Text, "Nobody has asked for GET /oders of orders, and ") {
			t.Errorf("notices: %+v", list)
		}
		b.send("/oders", 200, 1, time.Millisecond)
		time.Sleep(time.Hour)
		synctest.Wait()
		if list := b.notices.List(); len(list) != 0 {
			t.Errorf("somebody asked: %+v", list)
		}
	})
}

// Whoever may send records may send any.
func FuzzObserve(f *testing.F) {
	f.Add("orders", "GET /orders", "/orders", "GET", int64(0), int64(0), 200, "allow", "")
	f.Add("orders", "", "\xff", "\x00", int64(-1<<62), int64(1<<62), -5, "", "reset")
	f.Add("orders", "x", "", "PUT", int64(1<<60), int64(-1), 99999, "nonsense", "nonsense")
	f.Fuzz(func(t *testing.T, api, operation, route, method string, at, took int64, status int, verdict, failure string) {
		m := idle(t, with(availability()))
		e := &observe.Exchange{
			API: api, Operation: operation, Route: route, Method: method, Time: time.Unix(at%1e11, 0), Duration: time.Duration(took), Status: status,
			Verdict: observe.Verdict(verdict), Error: observe.ErrorClass(failure),
		}
		m.Observe(e)
		e.Time = time.Now()
		m.Observe(e)
		m.ObserveMessage(api, operation, route, e.Time)
		slo.Tick(m, time.Now())
		for _, c := range m.Conditions() {
			t.Errorf("one request is an alert: %+v", c)
		}
	})
}
