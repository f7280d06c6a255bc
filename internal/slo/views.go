package slo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

// Endpoints returns every operation that had requests within the history, by API
// and operation; api "" for all.
func (m *Manager) Endpoints(apiName string) []Endpoint {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var list []Endpoint
	for op := range m.each() {
		if apiName != "" && op.api != apiName || op.lastSeen == 0 {
			continue
		}
		list = append(list, m.endpoint(&op.subject))
	}
	slices.SortFunc(list, func(a, b Endpoint) int {
		return cmp.Or(cmp.Compare(a.API, b.API), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Operation, b.Operation))
	})
	return list
}

// Endpoint returns one; false when it never had a request.
func (m *Manager) Endpoint(apiName, operation string) (Endpoint, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := m.find(apiName, operation)
	if s == nil || s.lastSeen == 0 {
		return Endpoint{}, false
	}
	return m.endpoint(s), true
}

// APIs returns the APIs as a whole: Endpoint.Operation is "".
func (m *Manager) APIs() []Endpoint {
	m.mu.RLock()
	defer m.mu.RUnlock()
	list := make([]Endpoint, 0, len(m.subjects))
	for _, s := range m.subjects {
		list = append(list, m.endpoint(s))
	}
	slices.SortFunc(list, func(a, b Endpoint) int { return cmp.Compare(a.API, b.API) })
	return list
}

// find returns an operation, or the whole API for "".
func (m *Manager) find(apiName, operation string) *subject {
	if operation == "" {
		if a := (*m.operations.apis.Load())[apiName]; a != nil {
			return a.whole
		}
		return nil
	}
	if op := m.operations.find(apiName, operation); op != nil {
		return &op.subject
	}
	return nil
}

func (m *Manager) endpoint(s *subject) Endpoint {
	a := (*m.operations.apis.Load())[s.api]
	t := a.policy.of(s.name)
	// The window ends with the present slot, which is not over yet.
	length := s.over - time.Duration(slotLength-1-m.ticked.Unix()%slotLength)*time.Second
	q := quantiles(s.latency.sum[:], .5, .95, .99)
	e := Endpoint{
		API: s.api, Operation: s.name, Method: s.method, Route: s.route, Over: s.over,
		Requests: uint64(s.sum.requests), Errors: uint64(s.sum.errors), Share: s.sum.share(),
		Rate:    float64(s.sum.requests) / length.Seconds(),
		Aborted: uint64(s.sum.aborted), Refused: uint64(s.sum.refused),
		P50: q[0], P95: q[1], P99: q[2],
		Warning: t.warning, Critical: t.critical, Recent: s.minutes.recent(),
	}
	for i, n := range s.sum.status {
		e.Status[i] = uint64(n)
	}
	if s.lastSeen > 0 {
		e.LastSeen = time.Unix(s.lastSeen, 0).UTC()
	}
	for i := range m.conditions {
		if c := &m.conditions[i]; c.API == s.api && c.Operation == s.name {
			e.Firing = append(e.Firing, *c)
		}
	}
	for _, o := range a.objectives {
		if o.Operation == s.name {
			e.Budgets = append(e.Budgets, o.budget(m.ticked.Unix()))
		}
	}
	e.State = e.state()
	return e
}

// state is the worst of what fires, no_data without requests.
func (e *Endpoint) state() string {
	state := "ok"
	if e.Requests == 0 {
		state = string(NoData)
	}
	for i := range e.Firing {
		switch c := &e.Firing[i]; {
		case c.State != Firing:
		case c.Severity == Critical:
			return Critical
		default:
			state = Warning
		}
	}
	return state
}

// recent is the last hour, oldest minute first.
func (ms *minutes) recent() []Point {
	list := make([]Point, 0, len(ms.points))
	for i := max(ms.head-int64(len(ms.points))+1, 0); i <= ms.head; i++ {
		m := *ms.at(i)
		if i == ms.head {
			m.seal(&ms.open)
		}
		p := Point{
			At: time.Unix(i*60, 0).UTC(), Requests: uint64(m.requests), Errors: uint64(m.errors),
			P50: time.Duration(m.p50) * time.Microsecond, P95: time.Duration(m.p95) * time.Microsecond, P99: time.Duration(m.p99) * time.Microsecond,
		}
		for class, n := range m.status {
			p.Status[class] = uint64(n)
		}
		list = append(list, p)
	}
	return list
}

// Budgets returns every objective with its budget.
func (m *Manager) Budgets() []Budget {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var list []Budget
	for _, a := range m.operations.sorted() {
		for _, o := range a.objectives {
			list = append(list, o.budget(m.ticked.Unix()))
		}
	}
	return list
}

// BurnDown returns the budget of an objective over its period in at most most
// points; fault.NotFound without it.
func (m *Manager) BurnDown(apiName, name string, most int) ([]BudgetPoint, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if a := (*m.operations.apis.Load())[apiName]; a != nil {
		for _, o := range a.objectives {
			if o.Name == name {
				return o.burnDown(max(most, 1)), nil
			}
		}
	}
	return nil, fault.NotFound("the API %.100q has no objective %.100q", apiName, name)
}

// Conditions returns what is wrong now, pending conditions too, firing ones first.
func (m *Manager) Conditions() []Condition {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.conditions)
}

// Series returns the counts of an operation ("": of the API) with from ≤ time < to
// in at most most points, oldest first. What is younger than an hour comes from
// memory, minute by minute; older counts come in steps of five minutes for
// four days, and of an hour for a hundred.
func (m *Manager) Series(apiName, operation string, from, to time.Time, most int) ([]Point, error) {
	if !from.Before(to) || most < 1 {
		return nil, fault.Invalid("from must be before to, with room for a point")
	}
	now := time.Now()
	if to.After(now) {
		to = now
	}
	if !from.Before(to) {
		return nil, nil
	}
	if now.Sub(from) <= time.Hour {
		return m.minutesOf(apiName, operation, from, to, most), nil
	}
	length := fineStep
	if now.Sub(from) > KeepFine {
		length = time.Hour
	}
	steps := int64(to.Sub(from)/length) + 1
	width := length * time.Duration((steps+int64(most)-1)/int64(most))
	first := from.Truncate(width)
	points := newPoints(first, to, width)
	sums := make([]Counts, len(points))
	ctx, cancel := context.WithTimeout(context.Background(), seriesWithin)
	defer cancel()
	q := Query{Length: length, From: from.Truncate(length), To: to, API: apiName, Operation: operation}
	err := m.store.Steps(ctx, q, func(s Step) error {
		if i := int(s.Start.Sub(first) / width); i >= 0 && i < len(sums) {
			for j := range s.Counts {
				sums[i].Merge(&s.Counts[j])
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the history of %s %s: %w", apiName, operation, err)
	}
	for i := range sums {
		points[i].fill(&sums[i])
	}
	return points, nil
}

// seriesWithin bounds how long a page waits for its history.
const seriesWithin = 10 * time.Second

// newPoints returns empty ones.
func newPoints(first, to time.Time, width time.Duration) []Point {
	var list []Point
	for at := first; at.Before(to); at = at.Add(width) {
		list = append(list, Point{At: at.UTC()})
	}
	return list
}

func (p *Point) fill(c *Counts) {
	p.Requests, p.Errors, p.Status = c.Requests, c.Errors, c.Status
	q := quantiles(c.Latency, .5, .95, .99)
	p.P50, p.P95, p.P99 = q[0], q[1], q[2]
}

// minutesOf is a part of the last hour. Percentiles of several minutes are the
// highest among them.
func (m *Manager) minutesOf(apiName, operation string, from, to time.Time, most int) []Point {
	m.mu.RLock()
	defer m.mu.RUnlock()
	s := m.find(apiName, operation)
	if s == nil {
		return nil
	}
	from = from.Truncate(time.Minute)
	n := int64(to.Sub(from)/time.Minute) + 1
	width := time.Minute * time.Duration((n+int64(most)-1)/int64(most))
	points := newPoints(from.Truncate(width), to, width)
	for _, minute := range s.minutes.recent() {
		i := int(minute.At.Sub(points[0].At) / width)
		if minute.At.Before(from) || i >= len(points) {
			continue
		}
		p := &points[i]
		p.Requests += minute.Requests
		p.Errors += minute.Errors
		for class := range p.Status {
			p.Status[class] += minute.Status[class]
		}
		p.P50, p.P95, p.P99 = max(p.P50, minute.P50), max(p.P95, minute.P95), max(p.P99, minute.P99)
	}
	return points
}
