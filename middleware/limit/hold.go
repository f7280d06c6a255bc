package limit

import "time"

// hold is what a request has taken from one policy.
type hold struct {
	p        *policy
	key      uint64
	cost     int64
	enforced bool
	local    bool  // it is counted here, not in a shared counter
	rate     bool  // its cost is taken from the rate
	slot     bool  // it counts as in use
	adapted  bool  // it counts in the adaptive bound
	quotas   int   // so many of the policy's quotas are taken
	unix     int64 // when they were: a window that has ended gets nothing back
	shadowed bool  // refused, but not enforced

	interval, tolerance, wait int64 // of the rate, in the share that counts here
	share                     int64 // the limit is divided by it
	by                        int64 // how far the cost moves the TAT
	next                      int64 // the TAT after it

	from, to int // its part of Decision.takes
}

// refusal is why a policy does not let a request in.
type refusal struct {
	reason Reason
	after  int64 // when it may, from now
}

// retryConcurrency is what is told to those that are refused by concurrency:
// nobody knows when a running request ends.
const retryConcurrency = int64(time.Second)

// begin sets up a hold.
func (h *hold) begin(l *Limiter, p *policy, q *Request) {
	*h = hold{p: p, key: l.hash.identify(p.seed, p.conf.Key, q), cost: p.conf.Cost.of(q), local: true}
	h.enforced = p.enforces(&l.hash, h.key)
	h.divide(1)
}

// divide makes the hold count by a share of the limit.
func (h *hold) divide(share int64) {
	h.share = max(share, 1)
	r := h.p.rate
	if r == nil {
		return
	}
	h.interval, h.tolerance, h.wait = r.interval, r.tolerance, r.wait
	if h.share > 1 {
		// A share of a burst can be less than what one request costs, which would
		// refuse it for ever.
		burst := max(r.spec.Burst/h.share, min(h.cost, r.spec.Burst), 1)
		h.interval = min(r.interval, maxSpan/burst/h.share) * h.share
		h.tolerance = burst * h.interval
	}
	if h.cost <= r.spec.Burst {
		h.by = h.cost * h.interval
	}
}

// of is what a request costs.
func (c *Cost) of(q *Request) int64 {
	switch {
	case c.Request != nil:
		return max(c.Request(q), 0)
	case c.Fixed != 0:
		return c.Fixed
	case q.Cost != 0:
		return max(q.Cost, 0)
	}
	return 1
}

// tooDear reports whether the cost is more than can ever be allowed at once.
func (h *hold) tooDear() bool {
	if h.p.rate != nil && h.cost > h.p.rate.spec.Burst {
		return true
	}
	for i := range h.p.quotas {
		if h.cost > h.p.quotas[i].Count {
			return true
		}
	}
	return false
}

// quotaShare is how much of a quota counts here.
func (h *hold) quotaShare(q *quotaLimit) int64 { return max(q.Count/h.share, h.cost, 1) }

// mostInUse is how many may run at the same time here.
func (h *hold) mostInUse() int64 { return max(h.p.conf.InUse/h.share, 1) }

// take asks the policy for the request, and gives back what it took when it is
// refused.
func (d *Decision) take(h *hold, q *Request, now int64) refusal {
	l := d.limiter
	if h.tooDear() {
		return refusal{reason: ReasonCost}
	}
	if h.p.rate != nil {
		if no := d.takeRate(h, q, now); no.reason != NoReason {
			return no
		}
	}
	if len(h.p.quotas) > 0 {
		if no := l.takeQuotas(h, now); no.reason != NoReason {
			d.giveBack(h)
			return no
		}
	}
	if no := d.takeSlot(h); no.reason != NoReason {
		d.giveBack(h)
		return no
	}
	return refusal{}
}

func (d *Decision) takeRate(h *hold, q *Request, now int64) refusal {
	l := d.limiter
	if !h.enforced || !h.p.queues {
		next, now, ok := l.takeWord(h.key, now, move{by: h.by, limit: h.tolerance})
		if !ok {
			return refusal{ReasonRate, next - now - h.tolerance}
		}
		h.rate, h.next = true, next
		return refusal{}
	}
	next, ok := int64(0), false
	if l.lines.shard(h.key).count.Load() == 0 {
		next, now, ok = l.takeWord(h.key, now, move{by: h.by, limit: h.tolerance})
	} else {
		now = l.now()
		next, _ = l.table.take(h.key, now, move{})
		next = max(next, now) + h.by
	}
	if ok {
		h.rate, h.next = true, next
		return refusal{}
	}
	if late := next - now - h.tolerance - h.wait; late > 0 {
		return refusal{h.queueReason(), late}
	}
	return d.reserve(h, q)
}

// takeWord takes from the word of a key and returns the time that it was decided
// for. A refusal is asked again at the present time: somebody else, who read the
// clock after this request and got to the word before it, has moved it on from a
// later time, by which the last place of a burst would be missed.
func (l *Limiter) takeWord(key uint64, now int64, m move) (next, at int64, ok bool) {
	if next, ok = l.table.take(key, now, m); ok {
		return next, now, true
	}
	now = max(now, l.now())
	next, ok = l.table.take(key, now, m)
	return next, now, ok
}

func (l *Limiter) takeQuotas(h *hold, now int64) refusal {
	t := l.quotas.Load()
	unix := l.wall(now)
	h.unix = unix
	for i := range h.p.quotas {
		quota := &h.p.quotas[i]
		start, end := l.window(quota.Period, unix)
		m := quotaMove{policy: h.p.book.index, quota: quota.Quota, start: start, by: h.cost, most: h.quotaShare(quota)}
		if _, ok := t.take(t.key(h.key, quota.Period), &m); !ok {
			return refusal{ReasonQuota, max(end-unix, 1) * int64(time.Second)}
		}
		h.quotas = i + 1
	}
	return refusal{}
}

// takeSlot asks for a place among the running requests.
func (d *Decision) takeSlot(h *hold) refusal {
	if h.p.conf.InUse > 0 && h.local {
		if _, ok := d.limiter.inUse.take(h.key, h.mostInUse()); !ok {
			return refusal{ReasonConcurrency, retryConcurrency}
		}
		h.slot = true
	}
	if h.p.adapt != nil {
		if !h.p.adapt.take() {
			return refusal{ReasonOverload, retryConcurrency}
		}
		h.adapted = true
	}
	return refusal{}
}

// giveBack returns all that the hold has taken here.
func (d *Decision) giveBack(h *hold) {
	l := d.limiter
	if d.waiter != nil && d.waiting == h {
		d.leaveQueue(true)
	}
	if h.rate {
		l.table.take(h.key, l.now(), move{by: -h.by})
	}
	if h.quotas > 0 {
		l.addQuotas(h, -h.cost)
	}
	if h.slot {
		l.inUse.free(h.key)
	}
	if h.adapted {
		h.p.adapt.cancel()
	}
	h.rate, h.quotas, h.slot, h.adapted = false, 0, false, false
}

// addQuotas counts by in the quotas that the hold has taken, above the limit too.
func (l *Limiter) addQuotas(h *hold, by int64) {
	t := l.quotas.Load()
	for i := range h.p.quotas[:h.quotas] {
		quota := &h.p.quotas[i]
		start, _ := l.window(quota.Period, h.unix)
		t.take(t.key(h.key, quota.Period), &quotaMove{policy: h.p.book.index, quota: quota.Quota, start: start, by: by, force: true})
	}
}
