package alerting

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/provider"
	"github.com/prometheus/common/model"
)

// book holds the alerts that go on, and those that ended not long ago. It is what
// Alertmanager's packages read alerts from: a provider.Alerts that keeps an alert
// until nobody needs it, and not until a timer of its own. Writing is the
// Manager's, which writes to disk first.
type book struct {
	mu        sync.RWMutex
	entries   map[model.Fingerprint]entry
	listeners map[*listener]struct{}
}

// entry is one alert. What alert points to is never changed.
type entry struct {
	alert  *alert.Alert
	source string
	stored time.Time // the end that is on disk
	dirty  bool      // the disk has not got it
	ack    *Ack      // nil: nobody has it
}

// ended reports whether the alert is over.
func (e *entry) ended(now time.Time) bool { return e.alert.ResolvedAt(now) }

// acked reports whether somebody has the alert.
func (e *entry) acked(now time.Time) bool {
	return e.ack != nil && (e.ack.Until.IsZero() || now.Before(e.ack.Until)) && !e.ended(now)
}

type listener struct {
	alerts chan *provider.Alert
	done   chan struct{}
}

// listenerRoom is how many alerts a listener may be behind before Put waits for it.
const listenerRoom = 1024

func newBook() *book {
	return &book{entries: map[model.Fingerprint]entry{}, listeners: map[*listener]struct{}{}}
}

// get returns an entry.
func (b *book) get(id model.Fingerprint) (entry, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	e, ok := b.entries[id]
	return e, ok
}

// all returns a copy of the entries.
func (b *book) all() map[model.Fingerprint]entry {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return maps.Clone(b.entries)
}

// put sets entries. Listeners are not told.
func (b *book) put(changed map[model.Fingerprint]entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.Copy(b.entries, changed)
}

// tell gives an alert to the listeners. It waits for one that is far behind.
func (b *book) tell(a *alert.Alert) {
	b.mu.RLock()
	listeners := slices.Collect(maps.Keys(b.listeners))
	b.mu.RUnlock()
	for _, l := range listeners {
		select {
		case l.alerts <- &provider.Alert{Data: a}:
		case <-l.done:
			b.mu.Lock()
			delete(b.listeners, l)
			b.mu.Unlock()
		}
	}
}

// drop forgets entries.
func (b *book) drop(ids []model.Fingerprint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		delete(b.entries, id)
	}
}

// size is how many alerts there are.
func (b *book) size() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.entries)
}

// SlurpAndSubscribe implements provider.Alerts.
func (b *book) SlurpAndSubscribe(string) ([]*alert.Alert, provider.AlertIterator) {
	b.mu.Lock()
	defer b.mu.Unlock()
	alerts := make([]*alert.Alert, 0, len(b.entries))
	for _, e := range b.entries {
		alerts = append(alerts, e.alert)
	}
	return alerts, b.listen(nil)
}

// Subscribe implements provider.Alerts.
func (b *book) Subscribe(string) provider.AlertIterator {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := make([]*alert.Alert, 0, len(b.entries))
	for _, e := range b.entries {
		first = append(first, e.alert)
	}
	return b.listen(first)
}

// listen adds a listener, which gets first before what comes. The caller holds the lock.
func (b *book) listen(first []*alert.Alert) provider.AlertIterator {
	l := &listener{alerts: make(chan *provider.Alert, len(first)+listenerRoom), done: make(chan struct{})}
	for _, a := range first {
		l.alerts <- &provider.Alert{Data: a}
	}
	b.listeners[l] = struct{}{}
	return provider.NewAlertIterator(l.alerts, l.done, nil)
}

// GetPending implements provider.Alerts.
func (b *book) GetPending() provider.AlertIterator {
	b.mu.RLock()
	defer b.mu.RUnlock()
	alerts := make(chan *provider.Alert, len(b.entries))
	for _, e := range b.entries {
		alerts <- &provider.Alert{Data: e.alert}
	}
	close(alerts)
	return provider.NewAlertIterator(alerts, make(chan struct{}), nil)
}

// Get implements provider.Alerts.
func (b *book) Get(id model.Fingerprint) (*alert.Alert, error) {
	if e, ok := b.get(id); ok {
		return e.alert, nil
	}
	return nil, provider.ErrNotFound
}

// posted is what Alertmanager's packages see of the alerts: reading is the
// book's, and what clients post goes the Manager's way.
type posted struct {
	*book
	put func(ctx context.Context, alerts []*alert.Alert) error
}

// Put implements provider.Alerts.
func (p posted) Put(ctx context.Context, alerts ...*alert.Alert) error { return p.put(ctx, alerts) }
