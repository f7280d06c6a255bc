package checks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

// start runs a due check in a goroutine of its own. A check never runs twice at
// once: if its last run has not ended, this start is missed.
func (m *Manager) start(id string, due time.Time) {
	now := time.Now()
	m.mu.Lock()
	c := m.checks[id]
	if c == nil || c.paused() || m.runCtx == nil {
		m.mu.Unlock()
		return
	}
	if m.inFlight[id] != 0 {
		m.mu.Unlock()
		m.noteMissed(id, now, 1)
		return
	}
	p, run := m.begin(c, now)
	ctx := m.runCtx
	m.running.Add(1)
	m.mu.Unlock()

	m.metrics.late(now.Sub(due))
	go m.execute(ctx, p, run, false)
}

// begin marks the check as running and names the run. Names are start times in
// milliseconds; two starts in the same one, as after a jump of the clock, get
// different names.
func (m *Manager) begin(c *check, now time.Time) (*plan, RunID) {
	run := RunID(now.UnixMilli())
	if run == c.last {
		run++
	}
	c.last = run
	m.inFlight[c.plan.id] = run
	return c.plan, run
}

// execute runs a plan and hands the result to the recorder. The caller has
// counted it in m.running.
func (m *Manager) execute(ctx context.Context, p *plan, run RunID, manual bool) {
	defer m.running.Done()
	f := m.runner.run(ctx, p, run)
	f.manual = manual
	if f.err == nil {
		// A run is under way until the recorder has it: when the history falls
		// behind, starts are missed, and never more than one result of each check
		// waits here.
		m.recorder.queue <- f
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.inFlight, p.id)
	if c := m.checks[p.id]; c != nil && f.err != nil {
		c.answer(f)
	}
}

// answer gives a finished run to whoever waits for it.
func (c *check) answer(f finished) {
	c.waiters = slices.DeleteFunc(c.waiters, func(w waiter) bool {
		if f.result.Run < w.run {
			return false
		}
		w.done <- f // capacity 1, one answer each
		return true
	})
}

// noteMissed counts planned starts that did not happen.
func (m *Manager) noteMissed(id string, at time.Time, n uint32) {
	m.mu.Lock()
	c := m.checks[id]
	if c == nil || c.paused() {
		m.mu.Unlock()
		return
	}
	c.missed += uint64(n)
	m.mu.Unlock()
	select {
	case m.recorder.missed <- Missed{Check: id, At: at, Count: n}:
	default: // the store is far behind; the count since the start is kept above
	}
}

func (c *check) paused() bool { return c.life.Paused || c.plan.config.Paused }

// RunNow runs a check at once, outside its schedule, and waits for the stored
// result. When a run is under way, it waits for that one.
func (m *Manager) RunNow(ctx context.Context, id string) (*Result, error) {
	done := make(chan finished, 1)
	m.mu.Lock()
	c := m.checks[id]
	switch {
	case c == nil:
		m.mu.Unlock()
		return nil, fault.NotFound("there is no check %q", id)
	case m.runCtx == nil:
		m.mu.Unlock()
		return nil, fault.Unavailable("checks are not running; the server is starting or stopping")
	}
	run := m.inFlight[id]
	if run == 0 {
		var p *plan
		p, run = m.begin(c, time.Now())
		m.running.Add(1)
		go m.execute(m.runCtx, p, run, true)
	}
	c.waiters = append(c.waiters, waiter{run: run, done: done})
	m.mu.Unlock()
	select {
	case f := <-done:
		if f.err != nil {
			return nil, kept(f.err, "the run was given up")
		}
		if f.unstored != nil {
			return nil, kept(f.unstored, "the run ended "+f.result.Status.String()+", but could not be stored")
		}
		return &f.result, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// kept says what was being done when err came; an error without a kind is one
// of the store's or of a stop, so it may be different later.
func kept(err error, doing string) error {
	if fault.KindOf(err) == "" {
		return fault.Unavailable("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// apply judges the states that finished runs lead to, in order, and adds what is
// to be stored to the batch. The recorder calls it; nothing of it is shown yet.
//
// The states of a batch are judged under one lock: one by one, each would wait
// for its turn behind every run that starts or ends, and under load the
// recorder would never catch up.
func (m *Manager) apply(batch []finished, into *Batch) {
	kept := make([]bool, len(batch))
	m.mu.Lock()
	for i := range batch {
		var transition Transition
		if transition, kept[i] = m.judge(&batch[i]); transition.From != transition.To {
			into.Transitions = append(into.Transitions, transition)
		}
	}
	m.mu.Unlock()
	for i := range batch {
		f := &batch[i]
		into.Results = append(into.Results, f.result)
		if kept[i] {
			into.Evidence = append(into.Evidence, *f.evidence(m.runner.tracer.traceID(f.result.Check, f.result.Run)))
		}
	}
}

// judge sets the state that a run leads to, and says whether its request and
// answer are worth keeping. The caller holds m.mu.
func (m *Manager) judge(f *finished) (t Transition, keep bool) {
	r := &f.result
	c := m.checks[r.Check]
	if c == nil { // removed meanwhile; its result still counts for its history
		life := m.lives[r.Check]
		r.State = nextState(&life, r.Status, f.plan.config.Alert)
		life.Apply(r)
		m.lives[r.Check] = life
		return Transition{}, false
	}
	from := c.life.State
	r.State = nextState(&c.life, r.Status, f.plan.config.Alert)
	if c.life.Paused {
		r.State = Paused
	}
	keep = worthKeeping(&c.life, c.previous, r, f.manual)
	c.life.Apply(r)
	c.previous = verdict{r.Status, r.Flaky()}
	return Transition{Check: r.Check, At: r.At(), From: from, To: r.State, Reason: r.Last().Reason, Run: r.Run}, keep
}

// logChange tells an operator what a colleague would tell.
func (m *Manager) logChange(c *check, from Status, r *Result) {
	attrs := []any{"check", c.plan.config.Name, "from", from, "to", r.State}
	switch {
	case r.State == Down:
		m.log.Warn("check changed state", append(attrs, "reason", r.Last().Reason)...)
	case r.Status != Up:
		m.log.Info("check changed state", append(attrs, "reason", r.Last().Reason)...)
	case from == Unknown:
		m.log.Debug("check ran for the first time", attrs...) // a start of thousands is not news
	default:
		m.log.Info("check changed state", attrs...)
	}
}

// publish shows a batch that is on disk, or that the store refuses.
func (m *Manager) publish(batch []finished) {
	events := make([]Event, 0, len(batch))
	m.mu.Lock()
	for i := range batch {
		f := &batch[i]
		m.metrics.count(&f.result)
		c := m.checks[f.result.Check]
		if c == nil {
			continue
		}
		r := f.result
		before := c.shown.life
		c.shown.life.Apply(&r)
		c.shown.life.Paused, c.shown.life.PausedBy = c.life.Paused, c.life.PausedBy
		c.shown.last, c.shown.facts = &r, f.facts
		c.shown.addRecent(&r)
		c.answer(*f)
		if before.State != r.State {
			m.logChange(c, before.State, &r)
		}
		events = append(events, c.event())
	}
	m.mu.Unlock()
	if m.onResult != nil {
		for i := range batch {
			m.onResult(&batch[i].result)
		}
	}
	if m.publisher == nil {
		return
	}
	for i := range events {
		m.publisher.Publish("check", &events[i])
	}
}
