package traffic

import (
	"cmp"
	"slices"
	"time"
)

// Filter chooses operations; the zero value means all.
type Filter struct {
	API       string // "" is every API
	Operation string // "GET /orders/{id}"; "" is every operation
}

func (f Filter) matches(op *operation) bool {
	return (f.API == "" || f.API == op.api) && (f.Operation == "" || f.Operation == op.name())
}

// Summary is the traffic of some time.
type Summary struct {
	From, To time.Time // what it covers of what was asked for: the history begins with the start
	Totals
	Covered time.Duration // what the figures are of: To − From, and what parts of the history begin before
	Waiting int64         // most requests that were seen waiting in queues at a time
	Folded  uint64        // of Requests: those of operations that have no room, counted as "other" of their API
	Points  []Point
}

// Rate is the requests per second.
func (s *Summary) Rate() float64 { return perSecond(s.Requests, s.Covered) }

func perSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// Point is the traffic of a part of it.
type Point struct {
	At     time.Time // begin
	Length time.Duration
	Totals
	Covered time.Duration // the part of Length that the figures are of: the first and the last point are cut
	Waiting int64
}

// Rate is the requests per second.
func (p *Point) Rate() float64 { return perSecond(p.Requests, p.Covered) }

// steps are the lengths that a point may have.
var steps = [...]time.Duration{Grain, 20 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour}

// Summary returns the traffic with from ≤ time < to, in points of equal length
// that begin at multiples of it: as short as Grain, and so long that there are at
// most most points.
func (m *Manager) Summary(from, to time.Time, most int, f Filter) Summary {
	from, to = m.span(from, to)
	out := Summary{From: from, To: to}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if to.Sub(from) <= s*time.Duration(most-1) {
			step = s
			break
		}
	}
	list := *m.operations.list.Load()
	var all, part, folded sum
	var at time.Time
	var waiting int64
	var covered time.Duration
	flush := func() {
		if !at.IsZero() {
			part.add(&folded)
			out.Folded += folded.counts[nRequests]
			out.Points = append(out.Points, Point{At: at, Length: step, Totals: totals(&part.counts, &part.served), Covered: covered, Waiting: waiting})
			out.Covered += covered
			all.add(&part)
		}
		part, folded, waiting, covered = sum{}, sum{}, 0, 0
	}
	m.history.visit(from, to, func(e *entry) {
		if start := e.start.Truncate(step); !start.Equal(at) {
			flush()
			at = start
		}
		covered += e.end.Sub(e.start)
		waiting, out.Waiting = max(waiting, e.waiting), max(out.Waiting, e.waiting)
		for r := (reader{e.operations}); len(r.rest) > 0; {
			r.operation(func(id int) *sum {
				if id >= len(list) || !f.matches(list[id]) {
					return nil // one that is new since the list was read shows the next time
				}
				if list[id].folded {
					return &folded
				}
				return &part
			})
		}
	})
	flush()
	out.Totals = totals(&all.counts, &all.served)
	return out
}

// span cuts a time to what the history covers.
func (m *Manager) span(from, to time.Time) (time.Time, time.Time) {
	if now := time.Now(); to.IsZero() || to.After(now) {
		to = now
	}
	if first := m.history.first(); from.Before(first) {
		from = first
	}
	if to.Before(from) {
		to = from
	}
	return from, to
}

// Operation is the traffic of one operation over some time.
type Operation struct {
	API    string
	Method string // _OTHER for one that HTTP does not know
	Route  string // "" for requests that matched none
	Name   string // "GET /orders/{id}"; the method alone without a route; "other" for what had no room
	Totals
}

// Operations returns the traffic by operation with from ≤ time < to, busiest
// first.
func (m *Manager) Operations(from, to time.Time, f Filter) []Operation {
	from, to = m.span(from, to)
	list := *m.operations.list.Load()
	sums := make([]*sum, len(list))
	m.history.visit(from, to, func(e *entry) {
		for r := (reader{e.operations}); len(r.rest) > 0; {
			r.operation(func(id int) *sum {
				if id >= len(list) || !f.matches(list[id]) {
					return nil
				}
				if sums[id] == nil {
					sums[id] = &sum{}
				}
				return sums[id]
			})
		}
	})
	var out []Operation
	for id, s := range sums {
		if s != nil {
			op := list[id]
			out = append(out, Operation{API: op.api, Method: op.method, Route: op.route, Name: op.name(), Totals: totals(&s.counts, &s.served)})
		}
	}
	slices.SortFunc(out, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.API, b.API), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Policies returns what each policy did with from ≤ time < to: limits first,
// then blocks and authentication, each by name.
func (m *Manager) Policies(from, to time.Time) []Policy {
	from, to = m.span(from, to)
	list := *m.policies.list.Load()
	sums := make([]*[policyCounts]uint64, len(list))
	m.history.visit(from, to, func(e *entry) {
		for r := (reader{e.policies}); len(r.rest) > 0; {
			r.policy(func(id int) *[policyCounts]uint64 {
				if id >= len(list) {
					return nil
				}
				if sums[id] == nil {
					sums[id] = &[policyCounts]uint64{}
				}
				return sums[id]
			})
		}
	})
	var out []Policy
	for id, s := range sums {
		if s != nil {
			out = append(out, Policy{
				Kind: list[id].kind, Name: list[id].name, Delayed: s[pDelayed],
				Waited:  time.Duration(s[pWaited]), // #nosec G115 -- three hours of nanoseconds for each of at most billions
				Refused: s[pRefused], Shadow: s[pShadow],
			})
		}
	}
	order := []PolicyKind{KindLimit, KindBlock, KindAuth}
	slices.SortFunc(out, func(a, b Policy) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), cmp.Compare(a.Name, b.Name))
	})
	return out
}
