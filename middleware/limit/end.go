package limit

import (
	"context"
	"strconv"
	"strings"
)

// Wait waits as long as a delayed request has to: requests of one key go on in
// the order in which they were decided. When ctx ends first, everything is given
// back as by Cancel and its error is returned.
func (d *Decision) Wait(ctx context.Context) error {
	if d.waiter == nil {
		return nil
	}
	turn, err := d.limiter.lines.wait(ctx, d.waiter)
	if err != nil {
		d.Cancel()
		return err
	}
	d.turn, d.waiter, d.waiting = turn, nil, nil
	return nil
}

// Done ends a decision whose request was served. It must not run beside Wait.
func (d *Decision) Done(f Feedback) {
	if d.limiter == nil || !d.ended.CompareAndSwap(false, true) {
		return
	}
	if d.waiter != nil {
		d.leaveQueue(false)
	}
	var now int64
	for i := range d.held {
		h := &d.holds[i]
		if h.slot {
			d.limiter.inUse.free(h.key)
		}
		if h.adapted {
			if now == 0 {
				now = d.limiter.now()
			}
			h.p.adapt.done(f.Latency, f.Dropped, now)
		}
		h.stop()
		if header := h.p.conf.Cost.ResponseHeader; header != "" && h.local {
			if whole := f.whole(header); whole >= 0 {
				d.settle(h, whole-h.cost)
			}
		}
	}
	if len(d.takes) > 0 {
		d.settleShared(&f)
	}
}

// stop counts that the request runs no more.
func (h *hold) stop() {
	if h.p.conf.InUse > 0 || h.p.adapt != nil {
		h.p.book.running.Add(-1)
	}
}

// Cancel ends a decision whose request was not served after all and gives back
// everything that it took. It must not run beside Wait.
func (d *Decision) Cancel() {
	if d.limiter == nil || !d.ended.CompareAndSwap(false, true) {
		return
	}
	if d.waiter != nil {
		d.waiting.p.book.count(d.stripe, countCancelled)
	}
	for i := range d.held {
		h := &d.holds[i]
		d.giveBack(h)
		h.stop()
	}
	if len(d.takes) > 0 {
		d.returnShared()
	}
}

// whole is the cost that the answer tells; -1 when it tells none.
func (f *Feedback) whole(header string) int64 {
	if f.Headers == nil {
		if f.Cost > 0 {
			return f.Cost
		}
		return -1
	}
	n, err := strconv.ParseInt(strings.TrimSpace(f.Headers.Get(header)), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// settle charges the rest of a cost, or gives back what was too much.
func (d *Decision) settle(h *hold, rest int64) {
	if rest == 0 {
		return
	}
	l := d.limiter
	if h.rate {
		m := move{limit: h.tolerance + maxDebt, force: true}
		m.by = max(min(rest, m.limit/h.interval+1), -h.cost) * h.interval
		l.table.take(h.key, l.now(), m)
	}
	if h.quotas > 0 {
		l.addQuotas(h, rest)
	}
}
