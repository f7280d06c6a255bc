package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"
)

// Step says that an alert that nobody acknowledged for so long goes to another
// receiver as well.
type Step struct {
	Match labels.Matchers // nil: every alert
	After time.Duration   // since its first notification
	To    string          // receiver
}

// story is one life of an alert: the next time it begins is another.
type story struct {
	id     string
	starts int64 // Unix milliseconds, as they are stored
}

func storyOf(a *alert.Alert) story {
	return story{a.Fingerprint().String(), a.StartsAt.UnixMilli()}
}

// firstTold is when somebody was told of an alert for the first time.
type firstTold struct {
	at       time.Time // with its monotonic clock, so that a jump escalates nothing
	receiver string
}

// escalation remembers who was told when, and what was escalated.
type escalation struct {
	mu    sync.Mutex
	first map[story]firstTold
	done  map[story]map[string]*escalatedTo // by receiver
}

// escalatedTo is an alert at the receiver of a step.
type escalatedTo struct {
	over bool // the receiver was told that it ended
}

func newEscalation() *escalation {
	return &escalation{first: map[story]firstTold{}, done: map[story]map[string]*escalatedTo{}}
}

// told notes the first notification of alerts. One that the receiver did not take
// counts: the later somebody hears of it, the more it needs the next one.
func (e *escalation) told(receiver string, n *news, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range n.alerts {
		if s := storyOf(a); !a.Resolved() {
			if _, known := e.first[s]; !known {
				e.first[s] = firstTold{now, receiver}
			}
		}
	}
}

// mayEscalate reports whether alerts are escalated. Then it must survive a kill
// when somebody was told of them first, because the pipeline will not tell them again.
func (o *Outbox) mayEscalate() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.settings.Steps) > 0
}

// Escalated returns the receivers that an alert was escalated to, in order.
func (o *Outbox) Escalated(id string) []string {
	a, _, known := o.deps.Alerts.Alert(id)
	if !known {
		return nil
	}
	o.escalation.mu.Lock()
	defer o.escalation.mu.Unlock()
	return slices.Sorted(maps.Keys(o.escalation.done[storyOf(a)]))
}

// Bounds of what is read at the start, to know who was told when.
const (
	historyPage  = 500
	historyPages = 10
)

// loadEscalations reads what was escalated, and when alerts were first told of.
func (o *Outbox) loadEscalations(ctx context.Context) error {
	done, err := o.deps.Store.Escalations(ctx)
	if err != nil {
		return fmt.Errorf("read escalations: %w", err)
	}
	now := time.Now()
	e := o.escalation
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, d := range done {
		e.mark(story{d.Alert, d.Starts.UnixMilli()}, d.Receiver)
	}
	var before int64
	for range historyPages {
		list, err := o.deps.Store.Deliveries(ctx, "", before, historyPage)
		if err != nil {
			return fmt.Errorf("read who was told: %w", err)
		}
		for i := range list {
			o.recall(&list[i], now)
		}
		if len(list) < historyPage {
			break
		}
		before = list[len(list)-1].ID
	}
	return nil
}

// recall takes from a delivery of the history who was told of what. Deliveries
// come newest first. The escalation is locked.
func (o *Outbox) recall(d *Delivery, now time.Time) {
	e := o.escalation
	for _, t := range d.Alerts {
		switch {
		case d.Reason == ReasonEscalate && t.State == stateResolved:
			for s, to := range e.done {
				if s.id == t.ID && to[d.Receiver] != nil && d.Created.UnixMilli() >= s.starts {
					to[d.Receiver].over = true
				}
			}
		case d.Reason == ReasonNotify && t.State == stateFiring:
			a, _, known := o.deps.Alerts.Alert(t.ID)
			if s := (story{}); known {
				s = storyOf(a)
				if d.Created.UnixMilli() >= s.starts {
					e.first[s] = firstTold{age(d.Created, now), d.Receiver}
				}
			}
		}
	}
}

// mark notes that an alert was escalated. The escalation is locked.
func (e *escalation) mark(s story, receiver string) {
	if e.done[s] == nil {
		e.done[s] = map[string]*escalatedTo{}
	}
	e.done[s][receiver] = &escalatedTo{}
}

// end notes that a receiver knows of an alert's end.
func (e *escalation) end(s story, receiver string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if to := e.done[s][receiver]; to != nil {
		to.over = true
	}
}

// escalateEvery is how often it is looked at who has to be told.
const escalateEvery = 2 * time.Second

// escalate looks again and again whom to tell, until ctx ends.
func (o *Outbox) escalate(ctx context.Context) {
	ticker := time.NewTicker(escalateEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		o.sweep()
		o.escalateDue(ctx, time.Now())
	}
}

// sweep sees that every lane in which something waits has a worker.
func (o *Outbox) sweep() {
	o.mu.Lock()
	lanes := slices.Collect(maps.Values(o.lanes))
	o.mu.Unlock()
	for _, l := range lanes {
		l.mu.Lock()
		waits := len(l.waiting) > 0
		l.mu.Unlock()
		if waits {
			o.attend(l)
		}
	}
}

// bundle is what one receiver is told in one message: alerts with the same name of
// the same API.
type bundle struct{ to, name, api string }

// escalateDue tells the next receiver of what nobody acknowledged, and those who
// were told before of what ended.
func (o *Outbox) escalateDue(ctx context.Context, now time.Time) {
	o.mu.Lock()
	steps := o.settings.Steps
	o.mu.Unlock()
	due := map[bundle][]*alert.Alert{}
	firing := map[story]bool{}
	e := o.escalation
	if len(steps) > 0 {
		for _, a := range o.deps.Alerts.Firing() {
			firing[storyOf(a)] = true
			for i := range steps {
				if note := e.isDue(a, &steps[i], now); note != "" {
					b := bundle{steps[i].To, a.Name(), string(a.Labels["api"])}
					due[b] = append(due[b], annotated([]*alert.Alert{a}, noteEscalation, note)...)
				}
			}
		}
	}
	over := o.over(firing, now)
	for b, alerts := range over {
		due[b] = append(due[b], alerts...)
	}
	byReceiver := map[string][]bundle{}
	for b := range due {
		byReceiver[b.to] = append(byReceiver[b.to], b)
	}
	// A receiver that hangs keeps no other waiting.
	var wait sync.WaitGroup
	for _, bundles := range byReceiver {
		wait.Go(func() {
			for _, b := range bundles {
				if ctx.Err() == nil {
					o.escalateTo(ctx, b, due[b], now)
				}
			}
		})
	}
	wait.Wait()
}

// isDue returns what the receiver of a step is to be told about an alert; "" when
// it is not its turn.
func (e *escalation) isDue(a *alert.Alert, step *Step, now time.Time) string {
	if step.Match != nil && !step.Match.Matches(a.Labels) {
		return ""
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s := storyOf(a)
	first, told := e.first[s]
	if !told || now.Sub(first.at) < step.After || e.done[s][step.To] != nil {
		return ""
	}
	return fmt.Sprintf("Nobody acknowledged this within %s. %s was told first, %s ago.",
		lasting(step.After), first.receiver, lasting(now.Sub(first.at)))
}

// over returns the alerts that ended of which a receiver knows by an escalation,
// and forgets stories that are over.
func (o *Outbox) over(firing map[story]bool, now time.Time) map[bundle][]*alert.Alert {
	e := o.escalation
	e.mu.Lock()
	defer e.mu.Unlock()
	list := map[bundle][]*alert.Alert{}
	for s, receivers := range e.done {
		if firing[s] {
			continue
		}
		a, state, known := o.deps.Alerts.Alert(s.id)
		switch {
		case !known:
			delete(e.done, s) // long over
			continue
		case storyOf(a) == s && state != stateResolved && !a.ResolvedAt(now):
			continue // acknowledged or silenced
		case storyOf(a) != s:
			delete(e.done, s) // it began again meanwhile: whoever is told of that knows
			continue
		}
		for to, told := range receivers {
			if !told.over {
				b := bundle{to, a.Name(), string(a.Labels["api"])}
				list[b] = append(list[b], a)
			}
		}
	}
	for s := range e.first {
		if a, state, known := o.deps.Alerts.Alert(s.id); !known || state == stateResolved || storyOf(a) != s {
			delete(e.first, s)
		}
	}
	return list
}

// escalateTo tells a receiver, by all of its channels.
func (o *Outbox) escalateTo(ctx context.Context, b bundle, alerts []*alert.Alert, now time.Time) {
	o.mu.Lock()
	channels := o.receivers.order[b.to]
	o.mu.Unlock()
	n := news{
		groupKey: "escalation to " + b.to + ": " + b.name + " of " + b.api, reason: ReasonEscalate, why: notify.ReasonFirstNotification,
		groupLabels: model.LabelSet{model.AlertNameLabel: model.LabelValue(b.name)}, alerts: alerts, begun: now,
	}
	if b.api != "" {
		n.groupLabels["api"] = model.LabelValue(b.api)
	}
	_, _ = o.desktop.Notify(n.context(ctx, b.to, now), alerts...)
	var errs []error
	for _, c := range channels {
		mine := n
		if !c.resolved {
			mine.alerts = slices.DeleteFunc(slices.Clone(alerts), (*alert.Alert).Resolved)
		}
		if len(mine.alerts) == 0 {
			continue
		}
		if err := o.send(mine.context(ctx, b.to, now), c, &mine); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		o.log.Error("an escalation could not be sent or kept; it is tried again", "receiver", b.to, "error", err)
		return
	}
	o.escalatedNow(ctx, b.to, alerts, now)
}

// escalatedNow remembers what was escalated. Told first, then remembered: after a
// kill in between somebody is told twice rather than not at all.
func (o *Outbox) escalatedNow(ctx context.Context, to string, alerts []*alert.Alert, now time.Time) {
	for _, a := range alerts {
		if a.Resolved() {
			o.escalation.end(storyOf(a), to)
			continue
		}
		o.escalation.mu.Lock()
		o.escalation.mark(storyOf(a), to)
		o.escalation.mu.Unlock()
		err := o.deps.Store.PutEscalation(context.WithoutCancel(ctx), a.Fingerprint().String(), a.StartsAt, to, now)
		if err != nil {
			o.broken(err)
		}
		o.log.Info("an alert was escalated", "alert", a.Name(), "receiver", to)
	}
}
