package slo

import (
	"maps"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
)

// Prepare makes a configuration ready; the error is fault.Problems and leaves
// everything as it was. commit puts it in force and cannot fail: operations and
// objectives that go on keep what was counted.
func (m *Manager) Prepare(c Config) (commit func(), err error) {
	if err := c.Validate().Err(); err != nil {
		return nil, err
	}
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.configure(c.APIs, time.Now())
	}, nil
}

// configure replaces the configuration.
func (m *Manager) configure(list []catalog.API, now time.Time) {
	old := *m.operations.apis.Load()
	slot := m.slot.Load()
	next := make(map[string]*api, len(list))
	m.subjects = m.subjects[:0]
	for i := range list {
		c := &list[i]
		a := &api{name: c.Name, policy: newPolicy(c)}
		before := old[c.Name]
		if before != nil {
			a.whole, a.other, a.places = before.whole, before.other, before.places
			a.folded.Store(before.folded.Load())
			a.series = before.series
			a.whole.lengthen(a.policy, slot)
		} else {
			whole := newSubject(a.policy, place{api: c.Name}, "", slot)
			a.whole = &whole
		}
		for j := range c.Objectives {
			o := keptOr(before, &c.Objectives[j])
			if o == nil {
				o = newObjective(c.Name, c.Objectives[j], slot*slotLength)
				m.unfilled = append(m.unfilled, o)
			}
			a.objectives = append(a.objectives, o)
		}
		if before == nil {
			a.other = newOperation(a, place{api: c.Name, method: Other}, slot)
		}
		if a.policy.fromMetrics && (a.series == nil || a.series.selector != a.policy.selector) {
			a.series = newCumulative(a.policy.selector)
		}
		next[c.Name] = a
		m.subjects = append(m.subjects, a.whole)
	}
	m.operations.configure(next, slot)
	for _, a := range next {
		for _, o := range a.objectives {
			if o.Operation != "" {
				m.operations.named(a, o.Operation)
			}
		}
	}
	if !m.filled { // Run fills everything
		m.unfilled = nil
	}
}

// keptOr returns the objective that an API had before, with its settings of now;
// nil when it had none that counted the same.
func keptOr(before *api, c *catalog.Objective) *objective {
	if before == nil {
		return nil
	}
	fresh := newObjective(before.name, *c, 0)
	for _, o := range before.objectives {
		if o.Name == c.Name && o.Operation == c.Operation && o.Latency == c.Latency && o.Target == c.Target && o.period == fresh.period {
			kept := *o // whoever feeds it until the settings are in place feeds the same rings
			kept.Objective, kept.minRequests, kept.alerts = *c, fresh.minRequests, fresh.alerts
			return &kept
		}
	}
	return nil
}

// lengthen changes the length of the window, keeping what the last hour's minutes know.
func (s *subject) lengthen(p *policy, slot int64) {
	if s.over == p.over {
		return
	}
	fresh := newSubject(p, s.place, s.name, slot)
	for i := s.minutes.head - int64(len(s.minutes.points)) + 1; i <= s.minutes.head; i++ {
		if i < 0 {
			continue
		}
		c := s.minutes.at(i).counts
		fresh.spread(i*60, 60, &c)
	}
	fresh.minutes = s.minutes
	s.windows = fresh.windows
}

// spread counts what came evenly over a stretch of seconds, slot by slot.
func (s *subject) spread(from, length int64, c *counts) {
	n := max(length/slotLength, 1)
	part := func(of uint32, i int64) uint32 {
		return uint32(uint64(of)*uint64(i+1)/uint64(n) - uint64(of)*uint64(i)/uint64(n)) // #nosec G115 -- a part of a uint32
	}
	for i := range n {
		d := counts{
			requests: part(c.requests, i), errors: part(c.errors, i),
			aborted: part(c.aborted, i), refused: part(c.refused, i),
		}
		for class := range d.status {
			d.status[class] = part(c.status[class], i)
		}
		if d != (counts{}) {
			s.add(from+i*slotLength, &d)
		}
	}
}

// configure puts the APIs in place: operations of APIs that are gone go, those of
// the others get their settings.
func (os *operations) configure(apis map[string]*api, slot int64) {
	os.mu.Lock()
	defer os.mu.Unlock()
	known := maps.Clone(*os.known.Load())
	kept := make([]*operation, 0, len(os.list))
	for _, op := range os.list {
		a := apis[op.api]
		if a == nil {
			delete(known, op.api)
			continue
		}
		op.settings.Store(newSettings(a, op.name))
		op.lengthen(a.policy, slot)
		kept = append(kept, op)
	}
	for _, a := range apis {
		a.other.settings.Store(newSettings(a, Other))
		a.other.lengthen(a.policy, slot)
	}
	os.list = kept
	os.known.Store(&known)
	os.apis.Store(&apis)
}

// renew begins all windows anew, as of a clock that was set back.
func (m *Manager) renew(now time.Time) {
	slot := m.slot.Load()
	apis := *m.operations.apis.Load()
	again := func(s *subject) {
		s.windows = newSubject(apis[s.api].policy, s.place, s.name, slot).windows
	}
	for _, s := range m.subjects {
		again(s)
	}
	for op := range m.each() {
		again(&op.subject)
	}
	for _, a := range apis {
		for i, o := range a.objectives {
			fresh := newObjective(a.name, o.Objective, now.Unix())
			// Seconds matter less than budgets: what lies in slots that are kept stays.
			for tier, r := range o.rings {
				for n := r.head - int64(len(r.cells)) + 1; n <= r.head; n++ {
					if c := r.at(max(n, 0)); n >= 0 && c.requests > 0 {
						fresh.rings[tier].add(n*r.length, uint64(c.requests), uint64(c.bad))
					}
				}
			}
			fresh.since, fresh.page, fresh.ticket, fresh.gone = o.since, o.page, o.ticket, o.gone
			*a.objectives[i] = *fresh
		}
	}
}

// sorted returns the APIs by name.
func (os *operations) sorted() []*api {
	apis := *os.apis.Load()
	list := make([]*api, 0, len(apis))
	for _, name := range slices.Sorted(maps.Keys(apis)) {
		list = append(list, apis[name])
	}
	return list
}
