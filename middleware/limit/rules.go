package limit

import (
	"context"
	"time"
)

// Rules are compiled policies and tiers. They do not change, and are safe for
// concurrent use.
type Rules struct {
	limiter *Limiter
	plans   []plan // by tier; the last is of no tier
}

// Decide decides about q and writes to d what came of it. All policies must let
// a request in: when one refuses, it is counted by none. It does not wait and
// does not allocate with counters in memory; with a shared Counter it waits for
// that, and ctx ends the waiting.
func (r *Rules) Decide(ctx context.Context, q *Request, d *Decision) {
	d.Reset()
	l := r.limiter
	d.limiter = l
	if d.stripe == 0 {
		d.stripe = l.stripes.next()
	}
	d.plan = r.planOf(q)
	d.Tier, d.Upstream = d.plan.tier, d.plan.upstream
	now := l.now()
	for i := range d.plan.policies {
		p := &d.plan.policies[i]
		if p.conf.Exempt != nil && p.conf.Exempt(q) {
			p.book.count(d.stripe, countExempt)
			continue
		}
		d.holds[d.held].begin(l, p, q)
		d.held++
	}
	if l.opts.Counter != nil && d.held > 0 {
		if d.takeShared(ctx, q) {
			return
		}
		now = l.now()
	}
	for i := range d.held {
		h := &d.holds[i]
		if !h.local {
			continue // open while the store is away
		}
		if h.p.test != nil {
			d.takeTest(h, now)
		}
		no := d.take(h, q, now)
		if no.reason == NoReason {
			continue
		}
		if h.enforced {
			d.refuse(h, no, now)
			return
		}
		d.shadow(h)
	}
	d.accept(now)
}

// planOf is the plan of the first tier that holds.
func (r *Rules) planOf(q *Request) *plan {
	last := len(r.plans) - 1
	for i := range last {
		if p := &r.plans[i]; p.when == nil || p.when(q) {
			return p
		}
	}
	return &r.plans[last]
}

// Tier is the name of the tier that a request belongs to; "" when it is none.
func (r *Rules) Tier(q *Request) string { return r.planOf(q).tier }

// Reset makes d as new; Decide does it itself. It does not end the decision.
func (d *Decision) Reset() {
	d.Verdict, d.Reason, d.Policy, d.Tier, d.Upstream = Allow, NoReason, "", "", ""
	d.Delay, d.RetryAfter, d.Shadow, d.Degraded, d.N = 0, 0, "", false, 0
	d.limiter, d.plan, d.held, d.waiter, d.waiting, d.until, d.turn = nil, nil, 0, nil, nil, 0, 0
	d.takes = d.takes[:0]
	d.ended.Store(false)
}

// takeTest counts by the rate that is only tried.
func (d *Decision) takeTest(h *hold, now int64) {
	l, t := d.limiter, h.p.test
	ok := h.cost <= t.spec.Burst
	if ok {
		_, ok = l.table.take(l.testKey(h), now, move{by: h.cost * t.interval, limit: t.tolerance})
	}
	d.countTest(h, ok)
}

func (l *Limiter) testKey(h *hold) uint64 { return max(l.hash.words(h.key, ^h.p.seed), 1) }

func (d *Decision) countTest(h *hold, ok bool) {
	if ok {
		h.p.book.count(d.stripe, countTestAllowed)
	} else {
		h.p.book.count(d.stripe, countTestRefused)
	}
}

// shadow notes that a policy that is not enforced would have refused.
func (d *Decision) shadow(h *hold) {
	h.shadowed = true
	if d.Shadow == "" {
		d.Shadow = h.p.conf.Name
	}
}

// refuse gives back what was taken and tells how all policies stand.
func (d *Decision) refuse(by *hold, no refusal, now int64) {
	for i := range d.held {
		d.giveBack(&d.holds[i])
	}
	d.refused(by, no)
	d.N = 0
	after := no.after
	for i := range d.held {
		h := &d.holds[i]
		if !h.local {
			continue
		}
		if late := d.peek(h, now, h == by); h.enforced && late > after && no.reason != ReasonCost {
			after = late
		}
	}
	d.RetryAfter = time.Duration(after)
}

// refused notes who refuses, and why.
func (d *Decision) refused(by *hold, no refusal) {
	d.Verdict, d.Reason, d.Policy = Refuse, no.reason, by.p.conf.Name
	d.Delay, d.RetryAfter = 0, time.Duration(no.after)
	d.ended.Store(true)
	by.p.book.count(d.stripe, countRejected+int(no.reason))
	d.countDegraded()
}

// accept notes that the request may go on, at once or after a while.
func (d *Decision) accept(now int64) {
	if d.waiter != nil {
		d.Verdict = Delay
	}
	for i := range d.held {
		h := &d.holds[i]
		d.noteTaken(h)
		if h.local {
			d.stand(h, now)
		}
	}
	d.countDegraded()
}

// noteTaken counts a request that goes on.
func (d *Decision) noteTaken(h *hold) {
	switch {
	case h.shadowed:
		h.p.book.count(d.stripe, countShadowed)
	case d.waiting == h:
		h.p.book.count(d.stripe, countDelayed)
	default:
		h.p.book.count(d.stripe, countAllowed)
	}
	if h.p.conf.InUse > 0 || h.p.adapt != nil {
		h.p.book.running.Add(1)
	}
}

func (d *Decision) countDegraded() {
	if !d.Degraded {
		return
	}
	for i := range d.held {
		d.holds[i].p.book.count(d.stripe, countDegraded)
	}
}
