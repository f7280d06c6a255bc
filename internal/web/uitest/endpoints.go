package uitest

import (
	"math"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/slo"
)

// Endpoints is a views.Endpoints with what it is told. The fields may be set
// before it is used.
type Endpoints struct {
	At      time.Time // now
	List    []slo.Endpoint
	Whole   []slo.Endpoint
	Wrong   []slo.Condition
	Kinds   []slo.TopError
	Failing map[string]time.Duration // operations that fail, and for how long
	Err     error                    // of every method that reads history
}

// Endpoints implements views.Endpoints.
func (e *Endpoints) Endpoints(api string) []slo.Endpoint {
	return slices.DeleteFunc(slices.Clone(e.List), func(s slo.Endpoint) bool { return api != "" && s.API != api })
}

// Endpoint implements views.Endpoints.
func (e *Endpoints) Endpoint(api, operation string) (slo.Endpoint, bool) {
	for _, s := range e.List {
		if s.API == api && s.Operation == operation {
			return s, true
		}
	}
	return slo.Endpoint{}, false
}

// APIs implements views.Endpoints.
func (e *Endpoints) APIs() []slo.Endpoint { return slices.Clone(e.Whole) }

// Series implements views.Endpoints: waves of requests, which fail for as long as
// Failing says.
func (e *Endpoints) Series(api, operation string, from, to time.Time, most int) ([]slo.Point, error) {
	if e.Err != nil {
		return nil, e.Err
	}
	s, ok := e.Endpoint(api, operation)
	if !ok {
		return nil, nil
	}
	step := time.Minute
	for _, longer := range []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 12 * time.Hour} {
		if to.Sub(from) > step*time.Duration(most) {
			step = longer
		}
	}
	return wave(&s, from.Truncate(step), to, step, e.At.Add(-e.Failing[operation])), nil
}

func wave(s *slo.Endpoint, from, to time.Time, step time.Duration, failing time.Time) []slo.Point {
	var points []slo.Point
	for at, i := from, 0; at.Before(to); at, i = at.Add(step), i+1 {
		swing := 1 + .25*math.Sin(float64(i)/9) + .08*math.Cos(float64(i)*1.7)
		n := uint64(s.Rate * swing * min(step, to.Sub(at)).Seconds())
		if s.Rate > 0 && n == 0 && i%3 == 0 {
			n = 1
		}
		share := .002
		if !at.Before(failing) {
			share = s.Share * (1 + .2*math.Sin(float64(i)/2))
		}
		p := slo.Point{At: at, Requests: n, Errors: uint64(float64(n) * share)}
		p.Status[5] = p.Errors * 8 / 10
		p.Status[0] = p.Errors - p.Status[5]
		p.Status[4] = n * 3 / 100
		p.Status[3] = n / 100
		p.Status[2] = n - p.Errors - p.Status[4] - p.Status[3]
		if n > 0 {
			slower := func(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }
			p.P50, p.P95, p.P99 = slower(s.P50, swing), slower(s.P95, .7+.3*swing), slower(s.P99, .6+.4*swing)
		}
		points = append(points, p)
	}
	return points
}

// Budgets implements views.Endpoints.
func (e *Endpoints) Budgets() []slo.Budget {
	var list []slo.Budget
	for _, s := range slices.Concat(e.List, e.Whole) {
		list = append(list, s.Budgets...)
	}
	return list
}

// BurnDown implements views.Endpoints.
func (e *Endpoints) BurnDown(api, objective string, most int) ([]slo.BudgetPoint, error) {
	if e.Err != nil {
		return nil, e.Err
	}
	for _, b := range e.Budgets() {
		if b.API != api || b.Objective != objective {
			continue
		}
		var points []slo.BudgetPoint
		from := e.At.Add(-b.Over)
		if b.Since.After(from) {
			from = b.Since
		}
		step := e.At.Sub(from) / time.Duration(most)
		for i := range most {
			spent := (1 - b.Left) * .55 * float64(i+1) / float64(most) // evenly, and then at once
			if i > most*9/10 {
				spent += (1 - b.Left) * .45 * float64(i-most*9/10) / float64(most-most*9/10-1)
			}
			points = append(points, slo.BudgetPoint{At: from.Add(time.Duration(i) * step), Left: 1 - spent})
		}
		return points, nil
	}
	return nil, nil
}

// Conditions implements views.Endpoints.
func (e *Endpoints) Conditions() []slo.Condition { return slices.Clone(e.Wrong) }

// TopErrors implements views.Endpoints.
func (e *Endpoints) TopErrors(api, operation string, since time.Time, most int) []slo.TopError {
	var list []slo.TopError
	for _, t := range e.Kinds {
		if (api == "" || t.API == api) && (operation == "" || t.Operation == operation) && t.Last.After(since) && len(list) < most {
			list = append(list, t)
		}
	}
	return list
}

// Inventory is a ui.Inventory: the documented operations by API.
type Inventory map[string][]catalog.Operation

// APIs implements ui.Inventory.
func (i Inventory) APIs() []catalog.API {
	var list []catalog.API
	for name := range i {
		list = append(list, catalog.API{Name: name})
	}
	slices.SortFunc(list, func(a, b catalog.API) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Operations implements ui.Inventory.
func (i Inventory) Operations(api string) []catalog.Operation { return i[api] }

// RushInventory is what the shop's documents say: one operation that nobody uses,
// and nothing of one that somebody does.
func RushInventory() Inventory {
	op := func(api, method, path, summary string) catalog.Operation {
		return catalog.Operation{API: api, Method: method, Path: path, Summary: summary}
	}
	old := op("orders", "GET", "/v1/orders", "Orders, as they were before 2025")
	old.Deprecated = true
	return Inventory{
		"orders": {
			op("orders", "GET", "/orders", "List orders"), op("orders", "POST", "/orders", "Place an order"), op("orders", "GET", "/orders/{id}", "One order"),
			op("orders", "DELETE", "/orders/{id}", "Cancel an order"), op("orders", "POST", "/refunds", "Give money back"),
			op("orders", "GET", "/reports/{month}", "The month in figures"), old,
		},
		"auth": {op("auth", "POST", "/oauth/token", "A token")},
	}
}

// RushEndpoints are the shop's operations: refunds fail, reports are slow and fail
// too often, one operation stands in no document, and one is quiet.
func RushEndpoints(now time.Time) *Endpoints {
	const ms = time.Millisecond
	e := &Endpoints{At: now, Failing: map[string]time.Duration{"POST /refunds": 18 * time.Minute, "GET /reports/{month}": 4 * time.Minute}}
	add := func(api, method, route string, perSecond, share float64, p50, p95, p99 time.Duration, with func(s *slo.Endpoint)) {
		s := slo.Endpoint{
			API: api, Method: method, Route: route, Operation: strings.TrimSpace(method + " " + route), Over: 5 * time.Minute, Rate: perSecond, Share: share,
			Requests: uint64(perSecond * 300), Errors: uint64(perSecond * 300 * share), P50: p50, P95: p95, P99: p99, LastSeen: now.Add(-time.Second), State: "ok", Warning: .05, Critical: .2,
		}
		s.Status = [6]uint64{2: s.Requests - s.Errors - s.Requests*3/100, 4: s.Requests * 3 / 100, 5: s.Errors}
		if with != nil {
			with(&s)
		}
		s.Recent = wave(&s, now.Add(-time.Hour).Truncate(time.Minute), now, time.Minute, now.Add(-e.Failing[s.Operation]))
		e.List = append(e.List, s)
	}
	budget := func(api, operation, name string, target, left float64, slow time.Duration) slo.Budget {
		return slo.Budget{
			API: api, Operation: operation, Objective: name, Target: target, Over: 30 * 24 * time.Hour, Latency: slow, Requests: 8_402_118, Bad: uint64(8_402_118 * (1 - target) * (1 - left)),
			Achieved: 1 - (1-target)*(1-left), Left: left, Since: now.Add(-30 * 24 * time.Hour),
			Burns: []slo.Burn{
				{Severity: "critical", Long: time.Hour, Short: 5 * time.Minute, LongRate: .4 * (1 - left), ShortRate: .5 * (1 - left), Threshold: 14.4, Ready: true},
				{Severity: "warning", Long: 24 * time.Hour, Short: 2 * time.Hour, LongRate: .9 * (1 - left), ShortRate: 1.1 * (1 - left), Threshold: 3},
			},
		}
	}
	add("orders", "GET", "/orders", 59, .001, 8*ms, 41*ms, 120*ms, func(s *slo.Endpoint) {
		s.Refused, s.Aborted = 1_804, 12
		s.Budgets = []slo.Budget{budget("orders", "GET /orders", "fast lists", .99, .71, 300*ms)}
	})
	add("orders", "GET", "/orders/{id}", 34, .0008, 7*ms, 38*ms, 95*ms, nil)
	add("orders", "POST", "/orders", 5.1, .003, 44*ms, 180*ms, 390*ms, nil)
	add("orders", "POST", "/refunds", .58, .334, 61*ms, 2100*ms, 4800*ms, func(s *slo.Endpoint) {
		s.State = "critical"
		over := budget("orders", "POST /refunds", "refunds go through", .999, -.38, 0)
		over.Burns[0].LongRate, over.Burns[0].ShortRate, over.Burns[0].Firing = 96, 334, true
		s.Budgets = []slo.Budget{over}
		s.Firing = []slo.Condition{
			{
				Alert: slo.ErrorRateHigh, Severity: "critical", API: "orders", Operation: "POST /refunds", State: slo.Firing, Since: now.Add(-18 * time.Minute), Fired: now.Add(-17 * time.Minute),
				Value: .334, Threshold: .2, Requests: 174, Errors: 58, Summary: "POST /refunds fails: 33.4 % of 174 requests in 5 min", Description: "46 answered 503, 12 gave no answer. Usual for this hour is 0.2 %.",
			},
			{
				Alert: slo.ErrorBudgetBurn, Severity: "critical", API: "orders", Operation: "POST /refunds", Objective: "refunds go through", Window: "1h", State: slo.Firing, Since: now.Add(-16 * time.Minute),
				Value: 96, Threshold: 14.4, Summary: "the budget of “refunds go through” is spent 96 times too fast",
			},
		}
	})
	add("orders", "GET", "/reports/{month}", .23, .062, 812*ms, 2400*ms, 3900*ms, func(s *slo.Endpoint) {
		s.State = "warning"
		s.Firing = []slo.Condition{{
			Alert: slo.ErrorRateHigh, Severity: "warning", API: "orders", Operation: "GET /reports/{month}", State: slo.Pending, Since: now.Add(-40 * time.Second),
			Value: .062, Threshold: .05, Requests: 69, Errors: 4, Summary: "GET /reports/{month} fails: 6.2 % of 69 requests in 5 min",
		}}
	})
	add("orders", "GET", "/internal/debug/vars", .02, 0, 2*ms, 3*ms, 3*ms, nil)
	add("orders", "GET", "/v1/orders", 0, 0, 0, 0, 0, func(s *slo.Endpoint) { s.State, s.LastSeen = "no_data", now.Add(-11*time.Hour) })
	add("orders", "GET", "", 1.25, 0, 0, 0, 0, func(s *slo.Endpoint) { s.Status = [6]uint64{4: s.Requests} })
	add("auth", "POST", "/oauth/token", .18, 0, 91*ms, 140*ms, 210*ms, nil)
	add("search", "GET", "/suggest", 27, .0001, 3*ms, 9*ms, 21*ms, nil)
	sum := func(api, state string, budgets ...slo.Budget) {
		w := slo.Endpoint{API: api, Over: 5 * time.Minute, State: state, P50: 9 * ms, P95: 71 * ms, P99: 240 * ms, Budgets: budgets, Warning: .05, Critical: .2, LastSeen: now.Add(-time.Second)}
		byMinute := map[time.Time]slo.Point{}
		for _, s := range e.List {
			if s.API != api {
				continue
			}
			w.Requests, w.Errors, w.Rate = w.Requests+s.Requests, w.Errors+s.Errors, w.Rate+s.Rate
			for _, p := range s.Recent {
				minute := byMinute[p.At]
				minute.At, minute.Requests, minute.Errors = p.At, minute.Requests+p.Requests, minute.Errors+p.Errors
				byMinute[p.At] = minute
			}
		}
		w.Share = float64(w.Errors) / float64(w.Requests)
		for _, p := range byMinute {
			w.Recent = append(w.Recent, p)
		}
		slices.SortFunc(w.Recent, func(a, b slo.Point) int { return a.At.Compare(b.At) })
		e.Whole = append(e.Whole, w)
	}
	sum("auth", "ok")
	sum("orders", "ok", budget("orders", "", "availability", .999, .18, 0))
	sum("search", "ok", budget("search", "", "availability", .995, .96, 0))
	for _, s := range e.List {
		e.Wrong = append(e.Wrong, s.Firing...)
	}
	kind := func(status int, class, message string, n uint64, first, last time.Duration, took time.Duration) slo.TopError {
		return slo.TopError{
			API: "orders", Operation: "POST /refunds", Status: status, Class: class, Fingerprint: "f1", Message: message, Count: n, First: now.Add(-first), Last: now.Add(-last),
			Example: slo.Example{
				At: now.Add(-last), Method: "POST", Path: "/refunds", Status: status, Duration: took, RequestID: "01KAZ4M9QX", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Upstream: "http://10.0.0.12:8000",
			},
		}
	}
	e.Kinds = []slo.TopError{
		kind(503, "", "payment provider: connection pool exhausted (size 20, waiting 118)", 402, 18*time.Minute, 3*time.Second, 2100*ms),
		kind(0, "upstream_reset", "", 96, 17*time.Minute, 41*time.Second, 4800*ms),
		kind(500, "", "KeyError: 'currency'", 3, 22*time.Hour, 26*time.Minute, 44*ms),
	}
	return e
}
