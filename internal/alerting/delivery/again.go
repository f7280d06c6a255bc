package delivery

import (
	"context"
	"time"
)

// work tries again what waits in a lane until nothing does, or ctx ends.
func (o *Outbox) work(ctx context.Context, l *lane) {
	for {
		it, in := l.due(time.Now())
		if it == nil && in == 0 {
			if l.rest() {
				return
			}
			continue
		}
		if it != nil && in <= 0 {
			o.again(ctx, l, it)
			if ctx.Err() != nil {
				l.leave()
				return
			}
			continue
		}
		timer := time.NewTimer(in)
		select {
		case <-timer.C:
		case <-l.wake:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			l.leave()
			return
		}
	}
}

// leave ends a worker's shift whatever waits: Run ends.
func (l *lane) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.working = false
}

// rest ends a worker's shift, unless something came meanwhile.
func (l *lane) rest() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 {
		return false
	}
	l.working = false
	return true
}

// again tries an item another time.
func (o *Outbox) again(ctx context.Context, l *lane, it *item) {
	if it.news.held && l.key.people() {
		if it = o.summarize(ctx, l, it); it == nil {
			return
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.mu.Lock()
	if l.waiting[it.news.groupKey] != it || !l.free(it.news.groupKey) {
		l.mu.Unlock()
		return // newer news have taken its place, or are about to
	}
	release := l.take(it.news.groupKey, cancel)
	l.mu.Unlock()
	defer release()

	c := o.channel(l.key)
	if c == nil {
		l.drop(it)
		o.end(ctx, it, Failed, "the receiver is no longer configured")
		return
	}
	now := time.Now()
	switch o.refresh(c, it, now) {
	case nothingLeft:
		l.drop(it)
		o.end(ctx, it, Superseded, "it was over before the receiver took it")
		return
	case keptBack:
		if o.givenUp(it, now) {
			o.abandon(ctx, l, it)
		} else {
			l.delay(it, now.Add(holdPause))
		}
		return
	}
	l.mu.Lock()
	l.sent = append(l.sent, now)
	l.mu.Unlock()
	refused := c.try(it.news.context(ctx, l.key.receiver, now), l, laterTry, it.news, it.alertsFor(now))
	if refused != nil && refused.interrupted {
		return
	}
	o.tried(c, l, it, refused, now)
	switch {
	case refused == nil:
		l.drop(it)
		it.record.Error = ""
		o.end(ctx, it, Delivered, "")
		o.log.Info("a notification was delivered late", "receiver", l.key.receiver, "kind", l.key.kind,
			"tries", it.record.Tries, "after", time.Since(it.born).Round(time.Second))
	case o.givenUp(it, time.Now()):
		it.record.Error = refused.text
		o.abandon(ctx, l, it)
	default:
		it.record.Error = refused.text
		it.news.held = false
		o.schedule(l, it, refused)
		o.keep(ctx, c, it)
	}
}

// keep writes the state of a waiting item.
func (o *Outbox) keep(ctx context.Context, c *channel, it *item) {
	payload, err := it.news.save(c.key.index)
	if err == nil {
		err = o.deps.Store.PutDelivery(context.WithoutCancel(ctx), &it.record, payload)
	}
	if err != nil {
		o.broken(err) // what is on disk is older, and will do
		return
	}
	o.mended()
	o.tell(&it.record)
}

// What refresh makes of an item.
type freshness int

const (
	worthTelling freshness = iota
	keptBack               // silenced or acknowledged for now
	nothingLeft            // over, and the channel is not told of what ended
)

// refresh makes the news of an item those of now.
func (o *Outbox) refresh(c *channel, it *item, now time.Time) freshness {
	var firing, quiet int
	alerts := it.news.alerts[:0:0]
	for _, a := range it.news.alerts {
		p, state := present(a, o.deps.Alerts, now)
		switch state {
		case stateResolved:
			if !c.resolved {
				continue
			}
		case stateAcknowledged, stateSuppressed:
			quiet++
		default:
			firing++
		}
		alerts = append(alerts, p)
	}
	switch {
	case len(alerts) == 0:
		return nothingLeft
	case firing == 0 && quiet > 0:
		return keptBack
	}
	it.news.alerts = alerts
	it.record.Alerts, it.record.Firing, it.record.Resolved = it.news.told()
	return worthTelling
}

// givenUp reports whether an item was tried for long enough. Its age is counted on
// the monotonic clock: a wall clock that jumps gives nothing up.
func (o *Outbox) givenUp(it *item, now time.Time) bool {
	return now.Sub(it.born) >= o.giveUp()
}

// abandon gives an item up. It can be tried by hand for a while.
func (o *Outbox) abandon(ctx context.Context, l *lane, it *item) {
	l.drop(it)
	o.end(ctx, it, Failed, "")
	o.failed.add(l.key, it)
	o.log.Error("a notification was given up", "receiver", l.key.receiver, "kind", l.key.kind,
		"tries", it.record.Tries, "error", it.record.Error)
}

// summarize makes one message of all that the channel's bound held back, so that
// a storm does not go on for an hour after its end. It returns what is to be told
// instead of first; nil when that could not be stored.
func (o *Outbox) summarize(ctx context.Context, l *lane, first *item) *item {
	const few = 3 // messages that are told one by one
	l.mu.Lock()
	var held []*item
	for _, it := range l.waiting {
		if it.news.held && l.free(it.news.groupKey) {
			held = append(held, it)
		}
	}
	l.mu.Unlock()
	c := o.channel(l.key)
	if len(held) < few || c == nil {
		return first
	}
	now := time.Now()
	sum := summaryOf(l.key, held, now)
	if old := l.of(sum.groupKey); old != nil {
		held = append(held, old)
		sum.takeOver(old.news, c.listening(), now)
	}
	it := &item{record: Delivery{
		Receiver: l.key.receiver, Kind: l.key.kind, Reason: ReasonNotify, Created: now.UTC(), State: Waiting, Next: now.UTC(),
	}, news: sum, born: now}
	it.record.Alerts, it.record.Firing, it.record.Resolved = sum.told()
	payload, err := sum.save(l.key.index)
	if err == nil {
		err = o.deps.Store.PutDelivery(context.WithoutCancel(ctx), &it.record, payload)
	}
	if err != nil {
		o.broken(err)
		return first
	}
	// Those that newer news have replaced meanwhile are not taken out: drop looks.
	for _, h := range held {
		l.drop(h)
		o.end(ctx, h, Superseded, "told together with others, because they were too many")
	}
	l.put(it)
	return it
}
