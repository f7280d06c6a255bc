package limit

import (
	"context"
	"time"
)

// takeShared decides with the shared counter and reports whether it could. When
// it could not, the holds are set up to be counted here, as their policies say.
func (d *Decision) takeShared(ctx context.Context, q *Request) bool {
	l := d.limiter
	for i := range d.held {
		h := &d.holds[i]
		if !h.tooDear() {
			continue
		}
		if h.enforced {
			d.refused(h, refusal{reason: ReasonCost})
			return true
		}
		d.shadow(h)
	}
	d.ask()
	if len(d.takes) > 0 {
		if err := l.opts.Counter.Take(ctx, d.takes); err != nil {
			d.takes = d.takes[:0]
			return d.degrade()
		}
	}
	for i := range d.held {
		d.holds[i].local = false
	}
	if by, no := d.outcomes(); by != nil {
		d.takes = d.takes[:0] // it took nothing of any
		d.refused(by, no)
		return true
	}
	for i := range d.held {
		h := &d.holds[i]
		no := d.takeSlot(h)
		if no.reason == NoReason {
			no = d.queueShared(h, q)
		}
		if no.reason == NoReason {
			continue
		}
		if h.enforced {
			for j := range d.held {
				d.giveBack(&d.holds[j])
			}
			d.returnShared()
			d.refused(h, no)
			return true
		}
		d.shadow(h)
	}
	d.accept(l.now())
	return true
}

// ask writes down what the policies ask of the shared counter.
func (d *Decision) ask() {
	l := d.limiter
	unix := int64(0)
	for i := range d.held {
		h := &d.holds[i]
		h.from, h.to = len(d.takes), len(d.takes)
		if h.shadowed {
			continue
		}
		t := Take{Policy: h.p.conf.Name, Key: h.key, Cost: h.cost, Enforced: h.enforced}
		if h.p.rate != nil {
			t.Rate = h.p.rate.spec
			if !h.enforced {
				t.Rate.Ahead = 0
			}
			d.takes = append(d.takes, t)
		}
		for j := range h.p.quotas {
			if unix == 0 {
				unix = l.wall(l.now())
			}
			quota := t
			quota.Kind, quota.Rate, quota.Quota = KindQuota, RateSpec{}, h.p.quotas[j].Quota
			quota.Window[0], quota.Window[1] = l.window(quota.Quota.Period, unix)
			d.takes = append(d.takes, quota)
		}
		if h.p.conf.InUse > 0 {
			use := t
			use.Kind, use.Rate, use.Most, use.Cost = KindInUse, RateSpec{}, h.p.conf.InUse, 1
			d.takes = append(d.takes, use)
		}
		h.to = len(d.takes)
		if h.p.test != nil && h.cost <= h.p.test.spec.Burst {
			test := t
			test.Test, test.Enforced, test.Rate = true, false, h.p.test.spec
			test.Rate.Ahead = 0
			d.takes = append(d.takes, test)
		}
	}
}

// outcomes reads what the counter answered: who refuses, and why.
func (d *Decision) outcomes() (by *hold, no refusal) {
	after := time.Duration(0)
	for i := range d.held {
		h := &d.holds[i]
		for j := h.from; j < h.to; j++ {
			t := &d.takes[j]
			d.standShared(h, t)
			if t.Outcome.Allowed {
				continue
			}
			if !h.enforced {
				d.shadow(h)
				continue
			}
			after = max(after, t.Outcome.RetryAfter)
			if by == nil {
				by, no.reason = h, h.reasonOf(t)
			}
		}
		if h.p.test != nil && h.to < len(d.takes) && d.takes[h.to].Test && d.takes[h.to].Policy == h.p.conf.Name {
			d.countTest(h, d.takes[h.to].Outcome.Allowed)
		}
	}
	no.after = max(int64(after), 1)
	return by, no
}

func (h *hold) reasonOf(t *Take) Reason {
	switch {
	case t.Kind == KindQuota:
		return ReasonQuota
	case t.Kind == KindInUse:
		return ReasonConcurrency
	case t.Rate.Ahead > 0:
		return h.queueReason()
	}
	return ReasonRate
}

// standShared writes how a limit stands in the shared store.
func (d *Decision) standShared(h *hold, t *Take) {
	s := d.state(h)
	if s == nil {
		return
	}
	o := &t.Outcome
	switch t.Kind {
	case KindRate:
		r := h.p.rate
		s.Name, s.item, s.Limit, s.Window = r.name, r.item, r.limit, r.window
	case KindQuota:
		s.Name, s.Limit = h.p.conf.Name+"."+t.Quota.Period.String(), t.Quota.Count
		s.Window = time.Duration(t.Window[1]-t.Window[0]) * time.Second
	case KindInUse:
		s.Name, s.item, s.Limit, s.Unit = h.p.inUseName, h.p.inUseItem, t.Most, ConcurrentRequests
	}
	s.Remaining, s.Reset, s.Violated = max(o.Remaining, 0), max(o.Reset, 0), !o.Allowed
	if s.Violated {
		s.Reset = max(s.Reset, o.RetryAfter)
	}
}

// queueShared enters a request into the queue of its key when the shared counter
// says that it has to wait, or when others of its key wait here.
func (d *Decision) queueShared(h *hold, q *Request) refusal {
	if !h.enforced || !h.p.queues || h.from == h.to {
		return refusal{}
	}
	l := d.limiter
	delay := d.takes[h.from].Outcome.Delay
	s := l.lines.shard(h.key)
	if delay <= 0 && s.count.Load() == 0 {
		return refusal{}
	}
	s.count.Add(1)
	s.mu.Lock()
	now := l.now()
	return d.queue(s, h, q, now+int64(delay), now)
}

// degrade sets up the holds for counting without the store. It reports true when
// that refuses the request.
func (d *Decision) degrade() bool {
	l := d.limiter
	d.Degraded, d.N, d.Shadow = true, 0, ""
	for i := range d.held {
		h := &d.holds[i]
		h.shadowed = false
		switch h.p.conf.OnOutage {
		case LocalShare:
			h.divide(int64(max(l.opts.Counter.Limiters(), 1)))
		case LocalFull:
		case Open:
			h.local = false
		case Closed:
			if h.enforced {
				d.refused(h, refusal{ReasonOutage, retryConcurrency})
				return true
			}
			h.local = false
			d.shadow(h)
		}
	}
	return false
}

// returnShared gives back what the shared counter took.
func (d *Decision) returnShared() {
	back := d.takes[:0]
	for _, t := range d.takes {
		if t.Outcome.Allowed && !t.Test {
			t.Cost = -t.Cost
			back = append(back, t)
		}
	}
	d.settleTakes(back)
}

// settleShared frees places and charges the rest of costs.
func (d *Decision) settleShared(f *Feedback) {
	kept := d.takes[:0]
	for i := range d.held {
		h := &d.holds[i]
		rest := int64(0)
		if header := h.p.conf.Cost.ResponseHeader; header != "" {
			if whole := f.whole(header); whole >= 0 {
				rest = whole - h.cost
			}
		}
		for _, t := range d.takes[h.from:h.to] {
			if !t.Outcome.Allowed || t.Kind != KindInUse && rest == 0 {
				continue
			}
			if t.Kind != KindInUse {
				t.Cost = rest
			}
			kept = append(kept, t)
		}
	}
	d.settleTakes(kept)
}

func (d *Decision) settleTakes(takes []Take) {
	if len(takes) > 0 {
		// The request may be over: what it took is given back all the same.
		d.limiter.opts.Counter.Settle(context.Background(), takes)
	}
	d.takes = d.takes[:0]
}
