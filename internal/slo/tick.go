package slo

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// tick takes what came since the last one, and judges.
func (m *Manager) tick(now time.Time, last bool) {
	m.mu.Lock()
	m.refill()
	m.count(now)
	m.judge(now)
	list := m.collect(now)
	changed := m.remember(list)
	m.save(now, last)
	m.doubt(now)
	m.mu.Unlock()
	m.changed(slices.Clone(list))
	if changed && m.publisher != nil {
		m.publisher.Publish(LiveEvent, liveOf(list))
	}
}

// count takes what the live counters hold, and moves time on.
func (m *Manager) count(now time.Time) {
	m.watchClock(now)
	present, slot := m.slot.Load(), max(now.Unix()/slotLength, m.slot.Load())
	m.advance(present)
	apis := *m.operations.apis.Load()
	for _, op := range m.operations.all() {
		m.take(apis[op.api], op, present)
	}
	for _, s := range m.subjects {
		m.take(apis[s.api], apis[s.api].other, present)
	}
	for key, c := range m.late.take() {
		m.takeLate(apis[key.op.api], key, c)
	}
	m.closeStep(slot * slotLength)
	m.advance(slot)
	m.slot.Store(slot)
	for op := range m.each() {
		m.top.tick(op, now)
	}
	m.ticked = now
}

// advance moves all windows on.
func (m *Manager) advance(slot int64) {
	apis := *m.operations.apis.Load()
	for _, s := range m.subjects {
		s.advance(slot)
		a := apis[s.api]
		a.other.advance(slot)
		for _, o := range a.objectives {
			o.advance(slot * slotLength)
		}
	}
	for _, op := range m.operations.all() {
		op.advance(slot)
	}
}

// closeStep ends the open step when its time is over.
func (m *Manager) closeStep(now int64) {
	next := stepOf(now)
	if next <= m.step {
		return
	}
	if step := m.snapshot(); m.step == m.unread {
		m.keeper.late(m.step, step.Counts)
	} else {
		m.keeper.put(step)
	}
	for op := range m.each() {
		op.step.reset()
	}
	if hour := m.step - m.step%3600; hour != next-next%3600 {
		m.keeper.roll(hour)
	}
	m.step, m.covered = next, 0
}

// snapshot is the open step as it is now.
func (m *Manager) snapshot() Step {
	step := Step{Start: time.Unix(m.step, 0).UTC(), Length: fineStep, Covered: min(m.covered, fineStep)}
	for op := range m.each() {
		if op.step.requests > 0 {
			step.Counts = append(step.Counts, op.step.counts(&op.subject))
		}
	}
	return step
}

// each is every operation, those that have what found no room too.
func (m *Manager) each() iter.Seq[*operation] {
	return func(yield func(*operation) bool) {
		for _, op := range m.operations.all() {
			if !yield(op) {
				return
			}
		}
		for _, a := range *m.operations.apis.Load() {
			if !yield(a.other) {
				return
			}
		}
	}
}

// save has the open step stored now and then, so that a kill loses little.
func (m *Manager) save(now time.Time, last bool) {
	if !last && now.Sub(m.flushed) < flushEvery && !now.Before(m.flushed) {
		return
	}
	m.flushed = now
	switch {
	case m.step != m.unread:
		m.keeper.put(m.snapshot())
	case last:
		m.keeper.late(m.step, m.snapshot().Counts) // added to what is stored of it
	}
	m.keeper.top(m.top.list(now, last))
}

// take empties an operation's live counters, as of the slot that was the present.
func (m *Manager) take(a *api, op *operation, present int64) {
	if a == nil {
		return
	}
	s, found := op.settings.Load(), false
	for slot := present - liveBack - 1; slot < present-liveBack-1+liveCells; slot++ {
		d := delta{at: slot * slotLength}
		if !op.live[slot&(liveCells-1)].take(&d) {
			continue
		}
		found = true
		d.at = min(d.at, op.head*slotLength)
		m.feed(a, op, s, &d)
		if d.at >= m.step {
			op.step.add(&d, s.slow)
		} else {
			m.keeper.late(stepOf(d.at), []Counts{d.stored(&op.subject, s.slow)})
		}
	}
	if !found && !op.busy {
		return
	}
	op.busy = found // a duration may be a moment behind its request
	for bucket := range op.latency {
		if op.latency[bucket].Load() == 0 {
			continue
		}
		n := op.latency[bucket].Swap(0)
		for _, s := range [...]*subject{&op.subject, a.whole} {
			s.latency.add(s.head, bucket, n)
			s.minutes.open.add(bucket, n)
		}
		op.step.latency.add(bucket, n)
	}
}

// feed hands counts on to windows and objectives.
func (m *Manager) feed(a *api, op *operation, s *settings, d *delta) {
	op.add(d.at, &d.counts)
	a.whole.add(d.at, &d.counts)
	for _, f := range s.feeds {
		requests, bad := d.requests, uint64(d.errors)
		if f.slow >= 0 {
			// What took nobody knows how long is neither fast nor slow.
			requests, bad = requests-min(d.untimed, requests), d.slow[f.slow]
		}
		f.to.add(d.at, uint64(requests), bad)
	}
}

// takeLate counts what was told too late for the live counters.
func (m *Manager) takeLate(a *api, key lateKey, c *lateCell) {
	if a == nil {
		return
	}
	s := key.op.settings.Load()
	d := c.delta(key.slot)
	m.feed(a, key.op, s, &d)
	counts := c.counts(&d, &key.op.subject, s.slow)
	if d.at < m.step {
		m.keeper.late(stepOf(d.at), []Counts{counts})
		return
	}
	key.op.step.add(&d, s.slow)
	key.op.step.latency.addAll(counts.Latency)
}

// stored is the delta as a part of a step.
func (d *delta) stored(of *subject, thresholds []time.Duration) Counts {
	return (&lateCell{}).counts(d, of, thresholds)
}

// watchClock notices that the clock was set. Windows cannot run backwards: after
// a step back they begin anew, with what steps know.
func (m *Manager) watchClock(now time.Time) {
	back := m.ticked.Round(0).Sub(now.Round(0))
	if back < time.Minute {
		if gap := -back; gap > 0 {
			m.covered += min(gap, 2*tickEvery)
		}
		if -back > time.Minute {
			m.began = now // asleep, or the clock was set: nothing was seen meanwhile
		}
		return
	}
	m.log.Warn("the clock went back; windows begin anew", "seconds", back.Seconds())
	m.began, m.covered = now, 0
	m.slot.Store(now.Unix() / slotLength)
	m.step = stepOf(now.Unix())
	m.renew(now)
}

// LiveEvent is the kind of event that is published when conditions change.
const LiveEvent = "conditions"

// Live is what is published of conditions.
type Live struct {
	Firing  int `json:"firing"`
	Pending int `json:"pending"`
}

func liveOf(list []Condition) Live {
	var l Live
	for i := range list {
		if list[i].State == Pending {
			l.Pending++
		} else {
			l.Firing++
		}
	}
	return l
}

// remember keeps the conditions, and has them stored when they are others than
// before.
func (m *Manager) remember(list []Condition) (changed bool) {
	var b strings.Builder
	for i := range list {
		c := &list[i]
		fmt.Fprintf(&b, "%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%s\x00%d\n", c.Alert, c.Severity, c.API, c.Operation, c.Objective, c.Window, c.State, c.Since.Unix())
	}
	m.conditions = list
	if b.String() == m.signature {
		return false
	}
	m.signature = b.String()
	m.keeper.conditions(slices.Clone(list))
	return true
}
