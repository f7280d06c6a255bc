package delivery

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// send tells a channel news for the first time. Without an error they are with
// the receiver, or on disk and waiting.
func (o *Outbox) send(ctx context.Context, c *channel, n *news) error {
	l := o.lane(c.key)
	release, err := l.claim(ctx, n.groupKey)
	if err != nil {
		return fmt.Errorf("wait for an earlier message of this group: %w", err)
	}
	defer release()

	now := time.Now()
	old := l.of(n.groupKey)
	if old != nil {
		n.takeOver(old.news, c.listening(), now)
	}
	it := &item{record: Delivery{Receiver: c.key.receiver, Kind: c.key.kind, Reason: n.reason, Created: now.UTC()}, news: n, born: now}
	it.record.Alerts, it.record.Firing, it.record.Resolved = n.told()

	refused := o.first(ctx, c, l, it)
	if refused == nil {
		it.record.State = Delivered
		o.remember(&it.record, n.reason == ReasonEscalate || o.mayEscalate())
	} else if err := o.postpone(ctx, c, l, it, refused); err != nil {
		return err
	}
	if old != nil {
		l.drop(old)
		o.end(ctx, old, Superseded, "")
	}
	return nil
}

// listening is whom a channel asks about alerts that it may have to say are over:
// nobody when it is not told of what ended.
func (c *channel) listening() Alerts {
	if !c.resolved {
		return nil
	}
	return c.outbox.deps.Alerts
}

// first tries once, unless the receiver is known not to answer or has had enough.
func (o *Outbox) first(ctx context.Context, c *channel, l *lane, it *item) *refusal {
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return &refusal{text: "interrupted", interrupted: true}
	}
	start := time.Now()
	open, held := l.open(start)
	if held {
		it.news.held = true
		return &refusal{text: fmt.Sprintf("held back: more than %d messages in a minute", c.key.perMinute())}
	}
	if !open {
		l.mu.Lock()
		defer l.mu.Unlock()
		return &refusal{text: cmp.Or(l.said, "the receiver did not take earlier messages")}
	}
	refused := c.try(ctx, l, firstTry, it.news, it.alertsFor(start))
	o.tried(c, l, it, refused, start)
	return refused
}

// postpone stores what was not taken. Only then may the pipeline forget it.
func (o *Outbox) postpone(ctx context.Context, c *channel, l *lane, it *item, r *refusal) error {
	if it.news.since.IsZero() && !it.news.held {
		it.news.since = it.record.Created
	}
	payload, err := it.news.save(c.key.index)
	if err != nil {
		return fmt.Errorf("keep a notification for %s: %w", c.key.receiver, err)
	}
	it.record.State, it.record.Error = Waiting, r.text
	o.schedule(l, it, r)
	// The pipeline may have been told to stop; what it hands over is kept all the same.
	if err := o.deps.Store.PutDelivery(context.WithoutCancel(ctx), &it.record, payload); err != nil {
		o.broken(err)
		return fmt.Errorf("%s/%s: %s; and it could not be kept for later: %w", c.key.receiver, c.key.kind, r.text, err)
	}
	o.mended()
	if it.record.Tries > 0 {
		o.log.Warn("a receiver did not take a notification; it is tried again",
			"receiver", c.key.receiver, "kind", c.key.kind, "error", r.text, "next", it.record.Next)
	}
	if dropped := l.put(it); dropped != nil {
		o.end(ctx, dropped, Failed, "too many notifications wait for this receiver")
	}
	o.tell(&it.record)
	o.attend(l)
	return nil
}

// schedule says when a refused item is tried again.
func (o *Outbox) schedule(l *lane, it *item, r *refusal) {
	now := time.Now()
	switch {
	case r.lasting:
		it.fails++
		l.delay(it, now.Add(max(backoff(it.fails+5), r.after))) // from a quarter of a minute on
	default:
		it.fails = 0
		l.delay(it, time.Time{})
	}
	l.mu.Lock()
	next := later(it.next, later(l.until, now))
	if it.news.held {
		next = later(next, l.room(now))
	}
	l.mu.Unlock()
	it.record.Next = next.UTC()
}

// tried counts a try that took place.
func (o *Outbox) tried(c *channel, l *lane, it *item, r *refusal, start time.Time) {
	now := time.Now()
	it.tried = now
	it.record.Tries++
	it.record.Last = now.UTC()
	l.outcome(r, now)
	o.counts.try(c.key, r == nil, now.Sub(start))
	o.notice()
}

// end closes an item that is no longer in its lane. Whoever is first says how it ended.
func (o *Outbox) end(ctx context.Context, it *item, state, why string) {
	if it.over.Swap(true) {
		return
	}
	it.record.State, it.record.Next = state, time.Time{}
	if why != "" {
		it.record.Error = why
	}
	o.counts.end(it.record.Receiver, it.record.Kind, state)
	if err := o.deps.Store.PutDelivery(context.WithoutCancel(ctx), &it.record, nil); err != nil {
		// It would be tried again after a restart: twice is better than not at all.
		o.broken(err)
	}
	o.tell(&it.record)
}
