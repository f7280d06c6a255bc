package slo

import (
	"context"
	"fmt"
	"time"
)

// Load reads what was wrong and what failed before a restart. Windows and
// budgets are filled when Run begins.
func (m *Manager) Load(ctx context.Context) error {
	conditions, err := m.store.Conditions(ctx)
	if err != nil {
		return fmt.Errorf("load conditions: %w", err)
	}
	kinds, err := m.store.TopErrors(ctx)
	if err != nil {
		return fmt.Errorf("load top errors: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.restored, m.conditions = conditions, conditions
	m.top.restore(kinds)
	return nil
}

// fill fills windows, budgets and baselines with what the store has of the time
// before, and takes up the conditions.
//
// It goes on when ctx ends: a step that is not known to its end must not take the
// place of what is stored of it.
func (m *Manager) fill(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fillWithin)
	defer cancel()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keeper.learned = m.learn
	defer m.resume()
	if m.filled {
		return nil
	}
	m.filled = true
	defer func() {
		if err != nil {
			m.unread = m.step
		}
	}()
	f := filler{m: m, now: time.Now().Unix(), rolled: map[int64]bool{}, open: map[int64]bool{}}
	to := time.Unix(f.now+1, 0).UTC()
	err = m.store.Steps(ctx, Query{Length: time.Hour, From: to.Add(-KeepHourly), To: to}, f.hour)
	if err != nil {
		return fmt.Errorf("read the history of operations: %w", err)
	}
	err = m.store.Steps(ctx, Query{Length: fineStep, From: to.Add(-KeepFine), To: to}, f.five)
	if err != nil {
		return fmt.Errorf("read the history of operations: %w", err)
	}
	for hour := range f.open {
		if hour+3600 <= m.step {
			m.keeper.roll(hour)
		}
	}
	return nil
}

// fillWithin bounds how long a start waits for the history.
const fillWithin = time.Minute

// filler takes stored steps, oldest first.
type filler struct {
	m      *Manager
	now    int64
	rolled map[int64]bool // hours of which there is a step
	open   map[int64]bool // hours of which there are only steps of five minutes
}

// recent is how old a step may be whose operations are known at once; what had no
// request since is found in the store alone.
const recentSteps = 35 * 24 * 3600

// each calls do with the operation of each of a step's counts.
func (f *filler) each(s *Step, do func(a *api, op *operation, c *Counts)) {
	apis := *f.m.operations.apis.Load()
	for i := range s.Counts {
		c := &s.Counts[i]
		a := apis[c.API]
		if a == nil || c.Operation == "" {
			continue
		}
		if f.now-s.Start.Unix() > recentSteps {
			// Budgets of the whole API still count it.
			if op := f.m.operations.find(c.API, c.Operation); op != nil {
				do(a, op, c)
			} else {
				do(a, a.other, c)
			}
			continue
		}
		do(a, f.m.operations.named(a, c.Operation), c)
	}
}

func (f *filler) hour(s Step) error {
	at := s.Start.Unix()
	f.rolled[at] = true
	f.each(&s, func(_ *api, op *operation, c *Counts) {
		for _, feed := range op.settings.Load().feeds {
			feed.to.rings[2].add(at, feed.requests(c), feed.bad(c))
			feed.to.began(at)
		}
		op.lastSeen = max(op.lastSeen, at)
	})
	f.m.learnLocked(s)
	return nil
}

func (f *filler) five(s Step) error {
	at := s.Start.Unix()
	hour := at - at%3600
	if !f.rolled[hour] {
		f.open[hour] = true
	}
	present := at == f.m.step
	if present {
		f.m.covered = s.Covered
	}
	// The step is spread over its five minutes, or over what of them has passed.
	length := min(int64(fineStep/time.Second), max(f.now-at, slotLength))
	seconds := f.now-at <= 3600+length
	whole := map[*api]*histogram{}
	f.each(&s, func(a *api, op *operation, c *Counts) {
		for _, feed := range op.settings.Load().feeds {
			requests, bad := feed.requests(c), feed.bad(c)
			if seconds {
				feed.to.rings[0].spread(at, length, requests, bad)
			}
			feed.to.rings[1].add(at, requests, bad)
			if !f.rolled[hour] {
				feed.to.rings[2].add(at, requests, bad)
			}
			feed.to.began(at)
		}
		op.lastSeen = max(op.lastSeen, at)
		if present {
			op.step.restore(c)
		}
		if !seconds {
			return
		}
		small := c.small()
		op.restore(at, length, &small, c.Latency)
		a.whole.restore(at, length, &small, nil)
		if whole[a] == nil {
			whole[a] = &histogram{}
		}
		whole[a].addAll(c.Latency)
	})
	for a, h := range whole {
		a.whole.restore(at, length, &counts{}, h[:])
	}
	return nil
}

// restore takes up what a step knows of the time before.
func (s *subject) restore(at, length int64, c *counts, latency []uint32) {
	s.spread(at, length, c)
	if len(latency) == 0 {
		return
	}
	slot := (at + length/2) / slotLength
	for bucket, n := range latency[:min(len(latency), Buckets)] {
		if n > 0 {
			s.latency.add(slot, bucket, n)
		}
	}
	q := quantiles(latency, .5, .95, .99)
	for i := at / 60; i < (at+length)/60; i++ {
		if i <= s.minutes.head && i > s.minutes.head-int64(len(s.minutes.points)) {
			m := s.minutes.at(i)
			m.p50, m.p95, m.p99 = micros(q[0]), micros(q[1]), micros(q[2])
		}
	}
}

// requests is how many of a step's requests the objective judges: one about
// latency only those whose duration is known.
func (f *feed) requests(c *Counts) uint64 {
	if f.to.Latency == 0 {
		return c.Requests
	}
	var timed uint64
	for _, n := range c.Latency {
		timed += uint64(n)
	}
	return timed // in all steps together as many as there were: durations may be a step behind
}

// bad is how many of a step's requests are bad for the objective.
func (f *feed) bad(c *Counts) uint64 {
	if f.to.Latency == 0 {
		return c.Errors
	}
	return c.slower(f.to.Latency.Std())
}

// resume takes up the conditions of before a restart.
func (m *Manager) resume() {
	apis := *m.operations.apis.Load()
	for i := range m.restored {
		c := &m.restored[i]
		a := apis[c.API]
		if a == nil {
			continue
		}
		if alarm := m.alarmOf(a, c); alarm != nil {
			alarm.restore(c)
		}
	}
	m.restored = nil
}

// alarmOf finds the alarm that a condition is about.
func (m *Manager) alarmOf(a *api, c *Condition) *alarm {
	if c.Alert == ErrorBudgetBurn {
		for _, o := range a.objectives {
			if o.Name != c.Objective {
				continue
			}
			switch {
			case c.Severity == Critical:
				return &o.page
			case c.Window == windowName(o.whole.length):
				return &o.gone
			}
			return &o.ticket
		}
		return nil
	}
	s := a.whole
	if c.Operation != "" {
		op := m.operations.named(a, c.Operation)
		if op == a.other && c.Operation != Other {
			return nil
		}
		s = &op.subject
	}
	switch c.Alert {
	case ErrorRateHigh:
		s.shown = s.shown || c.Operation == ""
		if c.Severity == Critical {
			return &s.critical
		}
		return &s.warning
	case LatencyRegression:
		return &s.unusualAlarms[0]
	case TrafficSpike:
		return &s.unusualAlarms[1]
	case TrafficDrop:
		return &s.unusualAlarms[2]
	}
	return nil
}

// refill has the history of objectives read that a reload added.
func (m *Manager) refill() {
	if !m.filled || len(m.unfilled) == 0 {
		return
	}
	list, before := m.unfilled, m.step
	m.unfilled = nil
	m.keeper.do(func(ctx context.Context) {
		for _, o := range list {
			if err := m.fillOne(ctx, o, before); err != nil {
				m.log.Warn("an objective begins without its history", "api", o.api, "objective", o.Name, "error", err)
			}
		}
	})
}

// fillOne reads the history of one objective, up to the step that was open when it
// was added.
func (m *Manager) fillOne(ctx context.Context, o *objective, before int64) error {
	f, rolled := feed{to: o}, map[int64]bool{}
	type entry struct{ at, tier, requests, bad int64 }
	var list []entry
	for _, q := range [...]Query{
		{Length: time.Hour, From: time.Unix(before, 0).Add(-o.period - time.Hour).UTC()},
		{Length: fineStep, From: time.Unix(before, 0).Add(-KeepFine).UTC()},
	} {
		q.To, q.API, q.Operation = time.Unix(before, 0).UTC(), o.api, o.Operation
		err := m.store.Steps(ctx, q, func(s Step) error {
			at := s.Start.Unix()
			tier := int64(2)
			if q.Length == fineStep {
				if tier = 1; rolled[at-at%3600] {
					tier = 0
				}
			} else if at+3600 > before {
				return nil
			} else {
				rolled[at] = true
			}
			for i := range s.Counts {
				list = append(list, entry{at, tier, int64(f.requests(&s.Counts[i])), int64(f.bad(&s.Counts[i]))}) // #nosec G115 -- no step has so many
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range list {
		requests, bad := uint64(e.requests), uint64(e.bad) // #nosec G115 -- they were
		if e.tier == 2 {
			o.rings[2].add(e.at, requests, bad)
		} else {
			o.rings[0].spread(e.at, int64(fineStep/time.Second), requests, bad)
			o.rings[1].add(e.at, requests, bad)
			if e.tier == 1 {
				o.rings[2].add(e.at, requests, bad)
			}
		}
		if requests > 0 {
			o.began(e.at)
		}
	}
	return nil
}
