package slo

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// The newest half minute can say that it is critical before the whole window
// does: of five minutes of which four were fine, a complete outage is 20 % only
// after a minute. It must be sure of it.
const (
	newestSlots = 3     // the present one and two whole ones: 20 to 30 s
	sure        = 1.645 // standard deviations: 95 % on one side
)

// judge looks at everything.
func (m *Manager) judge(now time.Time) {
	unusual := now.Sub(m.unusualAt) >= unusualEvery || now.Before(m.unusualAt)
	if unusual {
		m.unusualAt = now
	}
	apis := *m.operations.apis.Load()
	for _, s := range m.subjects {
		a := apis[s.api]
		s.judge(now, a.policy, a.policy.of(""))
		a.other.judge(now, a.policy, a.policy.of(Other))
		for _, o := range a.objectives {
			o.judge(now)
		}
		if unusual {
			m.judgeUnusual(now, s, &a.policy.unusual)
		}
	}
	for _, op := range m.operations.all() {
		settings := op.settings.Load()
		op.judge(now, settings.policy, settings.thresholds)
		if unusual {
			m.judgeUnusual(now, &op.subject, &settings.unusual)
		}
	}
}

// judge looks at the error rate.
func (s *subject) judge(now time.Time, p *policy, t thresholds) {
	if !t.alerts {
		s.critical, s.warning = alarm{}, alarm{}
		return
	}
	if s.sum.requests == 0 && s.critical.state == "" && s.warning.state == "" {
		return
	}
	s.critical.look(now, s.read(t, t.critical, true), p.criticalFor, calmFor)
	s.warning.look(now, s.read(t, t.warning, false), p.warningFor, calmFor)
}

// read reads the error rate; early asks the newest half minute, too.
func (s *subject) read(t thresholds, threshold float64, early bool) reading {
	switch {
	case s.sum.requests == 0:
		return nothing
	case s.sum.errors == 0:
		return calm
	}
	if s.sum.enough(t) && s.sum.share() >= threshold {
		return holds
	}
	high := s.sum.share()
	if early {
		n := s.newest(newestSlots, t.minRequests)
		if n.enough(t) && atLeast(n.errors, n.requests) >= threshold {
			return holds
		}
		if n.requests > 0 {
			high = max(high, n.share())
		}
	}
	if high >= calmBelow*threshold {
		return between
	}
	return calm
}

func (c *counts) enough(t thresholds) bool {
	return uint64(c.requests) >= t.minRequests && uint64(c.errors) >= t.minErrors
}

// atLeast is the lower bound of Wilson's interval: what the share of errors is at
// least, with a certainty of 95 %, of which few requests are a sample.
//
// Wilson, E. B. (1927): Probable inference, the law of succession, and
// statistical inference.
func atLeast(errors, requests uint32) float64 {
	if requests == 0 {
		return 0
	}
	n, p := float64(requests), float64(errors)/float64(requests)
	const z2 = sure * sure
	return (p + z2/(2*n) - sure*math.Sqrt(p*(1-p)/n+z2/(4*n*n))) / (1 + z2/n)
}

// judge looks at the burn rates.
func (o *objective) judge(now time.Time) {
	if !o.alerts {
		o.page, o.ticket, o.gone = alarm{}, alarm{}, alarm{}
		return
	}
	if o.since == 0 {
		return
	}
	seconds := now.Unix()
	for _, of := range [...]struct {
		severity string
		alarm    *alarm
	}{{Critical, &o.page}, {Warning, &o.ticket}} {
		before := of.alarm.state
		r, by := o.read(of.severity, seconds)
		of.alarm.look(now, r, 0, calmFor)
		if before == "" && by != nil {
			of.alarm.window = windowName(by.long.length)
		}
	}
	before := o.gone.state
	o.gone.look(now, o.readGone(seconds), 0, o.recent.length/2)
	if before == "" {
		o.gone.window = windowName(o.whole.length)
	}
}

// collect lists everything that is wrong, firing and critical first.
func (m *Manager) collect(now time.Time) []Condition {
	var list []Condition
	ops := map[string][]*operation{}
	for op := range m.each() {
		ops[op.api] = append(ops[op.api], op)
	}
	for _, a := range m.operations.sorted() {
		list = m.collectErrors(list, a, ops[a.name], now)
		for _, o := range a.objectives {
			list = o.collect(list, now)
		}
		list = m.collectUnusual(list, a, ops[a.name], now)
	}
	slices.SortStableFunc(list, func(a, b Condition) int {
		return cmp.Or(urgency(&a)-urgency(&b), cmp.Compare(a.API, b.API), cmp.Compare(a.Operation, b.Operation))
	})
	return list
}

func urgency(c *Condition) int {
	u := 0
	if c.State == Pending {
		u = 2
	}
	if c.Severity != Critical {
		u++
	}
	return u
}

// collectErrors lists the alerts about error rates of an API.
//
// When one operation alone makes its whole API fail, the alert about the
// operation says it all. Once there was one about the API it stays until it is
// over, so that it does not come and go.
func (m *Manager) collectErrors(list []Condition, a *api, ops []*operation, now time.Time) []Condition {
	whole, found := a.whole.condition(a.policy, a.policy.of(""), now)
	if !found {
		a.whole.shown = false
	}
	alone := false
	for _, op := range ops {
		settings := op.settings.Load()
		c, failing := op.condition(settings.policy, settings.thresholds, now)
		if !failing {
			continue
		}
		list = append(list, c)
		alone = alone || urgency(&c) <= urgency(&whole) && c.Errors*10 >= whole.Errors*8
	}
	if !found || alone && !a.whole.shown {
		return list
	}
	a.whole.shown = a.whole.shown || whole.State != Pending
	return append(list, whole)
}

// condition is the alert about the error rate, the more severe one.
func (s *subject) condition(p *policy, t thresholds, now time.Time) (c Condition, found bool) {
	of, severity, threshold := &s.critical, Critical, t.critical
	if s.critical.state == "" || s.critical.state == Pending && s.warning.on() {
		of, severity, threshold = &s.warning, Warning, t.warning
	}
	if of.state == "" {
		return c, false
	}
	c = of.condition(ErrorRateHigh, severity, s.api, s.name)
	c.Value, c.Threshold = s.sum.share(), threshold
	c.Requests, c.Errors = uint64(s.sum.requests), uint64(s.sum.errors)
	s.describeErrors(&c, p, now)
	return c, true
}

// condition is what of an alarm is the same for all.
func (a *alarm) condition(name, severity, apiName, operation string) Condition {
	return Condition{
		Alert: name, Severity: severity, API: apiName, Operation: operation,
		State: a.state, Since: a.since.UTC(), Fired: a.fired.UTC(), Quiet: a.quietSince(),
	}
}

func (a *alarm) quietSince() time.Time {
	if a.state != NoData {
		return time.Time{}
	}
	return a.quiet.UTC()
}

// collect lists the alerts about an objective: the most severe that fires. They
// mean the same, so one is enough.
func (o *objective) collect(list []Condition, now time.Time) []Condition {
	whole := o.over(o.whole)
	for _, of := range [...]struct {
		alarm    *alarm
		severity string
	}{{&o.page, Critical}, {&o.ticket, Warning}, {&o.gone, Warning}} {
		if of.alarm.state == "" {
			continue
		}
		c := of.alarm.condition(ErrorBudgetBurn, of.severity, o.api, o.Operation)
		c.Objective, c.Window = o.Name, of.alarm.window
		if of.alarm == &o.gone {
			c.Value, c.Threshold, c.Requests, c.Errors = o.burn(o.whole), 1, whole.requests, whole.bad
		} else {
			p := o.pairOf(of.severity, of.alarm.window)
			t := o.over(p.long)
			c.Value, c.Threshold, c.Requests, c.Errors = o.burn(p.long), p.threshold, t.requests, t.bad
		}
		o.describe(&c, now)
		return append(list, c)
	}
	return list
}

// pairOf returns the pair with which an alert began.
func (o *objective) pairOf(severity, window string) *burnPair {
	var found *burnPair
	for i := range o.pairs {
		p := &o.pairs[i]
		if p.severity == severity && (found == nil || windowName(p.long.length) == window) {
			found = p
		}
	}
	return found
}
