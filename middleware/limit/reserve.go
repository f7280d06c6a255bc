package limit

import "time"

// queueReason is which bound of the queue is the narrower one.
func (h *hold) queueReason() Reason {
	q := h.p.conf.Queue
	if q == (Queue{}) {
		q = DefaultQueue()
	}
	if q.Wait > 0 && h.wait == int64(q.Wait) {
		return ReasonQueueWait
	}
	return ReasonQueueFull
}

// reserve takes a place in the queue of the key, or lets it in when nobody waits
// and it need not either. It is the only one that moves a TAT past now +
// tolerance, and does so under the lock of the queue: hence the order of the
// queue is the order of the reservations.
func (d *Decision) reserve(h *hold, q *Request) refusal {
	l := d.limiter
	s := l.lines.shard(h.key)
	s.count.Add(1)
	s.mu.Lock()
	now := l.now()
	next, ok := l.table.take(h.key, now, move{by: h.by, limit: h.tolerance + h.wait})
	if !ok {
		s.mu.Unlock()
		s.count.Add(-1)
		return refusal{h.queueReason(), next - now - h.tolerance - h.wait}
	}
	h.rate, h.next = true, next
	if no := d.queue(s, h, q, next-h.tolerance, now); no.reason != NoReason {
		l.table.take(h.key, now, move{by: -h.by})
		h.rate = false
		return no
	}
	return refusal{}
}

// queue enters the decision into the queue of its key, unless it may go on now
// and nobody waits. The lock of the shard is held and its count was raised: it
// lets go of both.
func (d *Decision) queue(s *waitShard, h *hold, q *Request, until, now int64) refusal {
	l := d.limiter
	if until <= now && s.lines[h.key].first == nil {
		s.mu.Unlock()
		s.count.Add(-1)
		return refusal{}
	}
	x := l.lines.enter(s, h.key, until, h.by, now)
	if x == nil {
		s.mu.Unlock()
		s.count.Add(-1)
		return refusal{ReasonWaitingCap, max(until-now, 1)}
	}
	x.book = h.p.book
	x.book.waiting.Add(1)
	var label [4 * maxLabel]byte
	x.labelLen = copy(x.label[:], l.hash.appendLabel(label[:0], h.p.conf.Key, q))
	until = x.until
	s.mu.Unlock()
	// A request is in one queue only, of the policy that holds it back longest:
	// in several, the first of one could hold up others while it waits in another.
	if d.waiter != nil {
		if d.until >= until {
			l.leave(x)
			return refusal{}
		}
		l.leave(d.waiter)
	}
	d.waiter, d.waiting, d.until = x, h, until
	d.Delay, d.Policy = time.Duration(max(until-now, 0)), h.p.conf.Name
	return refusal{}
}

// leave takes a waiter out of his queue who gives nothing back.
func (l *Limiter) leave(x *waiter) {
	s := l.lines.shard(x.key)
	s.mu.Lock()
	l.lines.leave(s, x, false)
	s.mu.Unlock()
}

// leaveQueue takes the decision out of its queue. What it gives back lets those
// behind it go on sooner.
func (d *Decision) leaveQueue(giveBack bool) {
	l, h := d.limiter, d.waiting
	s := l.lines.shard(h.key)
	s.mu.Lock()
	if giveBack && h.rate {
		l.table.take(h.key, l.now(), move{by: -h.by})
		h.rate = false
	}
	l.lines.leave(s, d.waiter, giveBack)
	s.mu.Unlock()
	d.waiter, d.waiting = nil, nil
}
