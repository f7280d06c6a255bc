package limit

import "time"

// stand writes how a policy stands after a request was let in.
func (d *Decision) stand(h *hold, now int64) {
	if h.p.rate != nil {
		if h.shadowed {
			h.next, _ = d.limiter.table.take(h.key, now, move{})
		}
		d.standRate(h, h.next, now, false)
	}
	d.standRest(h, now, false)
}

// peek writes how a policy stands to which a request is refused, by itself or by
// another. It returns when it would let it in, from now; 0: at once.
func (d *Decision) peek(h *hold, now int64, refuses bool) (after int64) {
	if h.p.rate != nil {
		tat, _ := d.limiter.table.take(h.key, now, move{})
		after = max(max(tat, now)+h.by-now-h.tolerance, 0)
		if h.enforced && h.p.queues {
			after = max(after-h.wait, 0)
		}
		late := after > 0 || refuses && d.Reason.ofRate()
		d.standRate(h, tat, now, late)
		if s := &d.States[max(d.N-1, 0)]; late && after > 0 {
			s.Reset = time.Duration(after)
		}
	}
	return max(after, d.standRest(h, now, true))
}

// ofRate reports whether a rate is the cause.
func (r Reason) ofRate() bool {
	switch r {
	case ReasonRate, ReasonQueueFull, ReasonQueueWait, ReasonWaitingCap:
		return true
	}
	return false
}

// standRate writes how a rate stands whose TAT is tat.
func (d *Decision) standRate(h *hold, tat, now int64, violated bool) {
	s := d.state(h)
	if s == nil {
		return
	}
	r := h.p.rate
	s.Name, s.item, s.Limit, s.Window, s.Violated = r.name, r.item, r.limit, r.window, violated
	free := now + h.tolerance - max(tat, now)
	if free < 0 {
		s.Reset = time.Duration(h.interval - free)
		return
	}
	s.Remaining = free / h.interval
	if free < h.tolerance {
		s.Reset = time.Duration((s.Remaining+1)*h.interval - free)
	}
}

// standRest writes how quotas and concurrency stand. asked says that the request
// was not let in: whatever has no room for it is violated.
func (d *Decision) standRest(h *hold, now int64, asked bool) (after int64) {
	l := d.limiter
	if len(h.p.quotas) > 0 {
		t, unix := l.quotas.Load(), l.wall(now)
		for i := range h.p.quotas {
			quota := &h.p.quotas[i]
			start, end := l.window(quota.Period, unix)
			most := h.quotaShare(quota)
			used, _ := t.take(t.key(h.key, quota.Period), &quotaMove{quota: quota.Quota, start: start, most: most})
			s := d.state(h)
			if s == nil {
				return after
			}
			s.Name, s.item, s.Limit = quota.name, quota.item, quota.Count
			s.Remaining = max(most-used, 0)
			s.Reset, s.Window = time.Duration(end-unix)*time.Second, time.Duration(end-start)*time.Second
			if asked && h.cost > most-used {
				s.Violated = true
				after = max(after, int64(s.Reset))
			}
		}
	}
	if h.p.conf.InUse > 0 {
		if s := d.state(h); s != nil {
			s.Name, s.item, s.Limit, s.Unit = h.p.inUseName, h.p.inUseItem, h.p.conf.InUse, ConcurrentRequests
			s.Remaining = max(h.mostInUse()-l.inUse.running(h.key), 0)
			if asked && s.Remaining == 0 {
				s.Violated = true
				after = max(after, retryConcurrency)
			}
		}
	}
	return after
}

// state is the next state, empty; nil when there is no room.
func (d *Decision) state(h *hold) *State {
	if d.N == len(d.States) {
		return nil
	}
	s := &d.States[d.N]
	d.N++
	*s = State{Shadow: !h.enforced}
	if len(h.p.conf.Key) > 0 {
		s.key = h.key
	}
	return s
}
