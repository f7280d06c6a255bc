package alerting

import (
	"context"
	"maps"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
)

// forever is the end of an alert that goes on until somebody says otherwise.
// Alertmanager's packages, and clients of its API, like an alert to have an end.
func forever() time.Time { return time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC) }

// Bounds of one alert. Labels beyond them are refused: cut, they would be another
// alert's. Annotations are cut.
const (
	maxLabels     = 64
	maxLabelBytes = 8 << 10
	maxNotes      = 64
	maxNoteBytes  = 16 << 10 // of one annotation
	noticeFull    = "alerts_full"
	noticeStorage = "alerts_not_stored"
)

// lazily is how far an end that is on disk may stay behind, so that sources that
// repeat themselves do not write each time.
const lazily = 2 * time.Minute

// Put takes alerts: those that go on are told as the routes say, and those with an
// end in the past are resolved. They are on disk when it returns. When the disk
// refuses them, the error says so, and people are told all the same.
func (m *Manager) Put(ctx context.Context, alerts ...Alert) error {
	list := make([]*alert.Alert, len(alerts))
	now := time.Now()
	for i := range alerts {
		list[i] = toModel(&alerts[i], now)
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	return m.keep(ctx, "", list, newest)
}

// Sync takes the complete set of alerts that a source has now: what is missing is
// resolved. It may be called as often as the source looks: nothing is written or
// told when nothing has changed.
func (m *Manager) Sync(ctx context.Context, source string, firing []Alert) error {
	now := time.Now()
	list := make([]*alert.Alert, 0, len(firing))
	present := make(map[model.Fingerprint]bool, len(firing))
	for i := range firing {
		a := toModel(&firing[i], now)
		present[a.Fingerprint()] = true
		list = append(list, a)
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	for id, e := range m.book.all() {
		if e.source == source && !present[id] && !e.ended(now) {
			over := *e.alert
			over.EndsAt, over.UpdatedAt = now, now
			list = append(list, &over)
		}
	}
	return m.keep(ctx, source, list, newest)
}

// Add takes alerts of a source that does not know all of them yet, such as one that
// has just started: as Sync does, but what is missing goes on.
func (m *Manager) Add(ctx context.Context, source string, firing []Alert) error {
	now := time.Now()
	list := make([]*alert.Alert, len(firing))
	for i := range firing {
		list[i] = toModel(&firing[i], now)
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	return m.keep(ctx, source, list, newest)
}

// post takes alerts of the API, which merges them as Alertmanager does.
func (m *Manager) post(ctx context.Context, alerts []*alert.Alert) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	err := m.keep(ctx, "", alerts, merged)
	if answer, ok := ctx.Value(postKey{}).(*error); ok {
		*answer = err
	}
	return err
}

// SetPending shows alerts that are not long enough yet, the complete set of a
// source. Nobody is told, and nothing is stored.
func (m *Manager) SetPending(source string, pending []Alert) {
	list := make([]Alert, len(pending))
	for i, a := range pending {
		list[i] = Alert{maps.Clone(a.Labels), maps.Clone(a.Annotations), a.Starts, a.Ends}
	}
	m.pendingMu.Lock()
	defer m.pendingMu.Unlock()
	if len(list) == 0 {
		delete(m.pending, source)
		return
	}
	m.pending[source] = list
}

// newest is how our own sources change an alert: what they say holds, but one that
// goes on began when it began.
func newest(old, a *alert.Alert, now time.Time) *alert.Alert {
	switch {
	case old == nil:
	case old.ResolvedAt(now) && a.ResolvedAt(now):
		return old
	case !old.ResolvedAt(now) && old.StartsAt.Before(a.StartsAt):
		a.StartsAt = old.StartsAt
	}
	if a.EndsAt.Before(a.StartsAt) {
		a.StartsAt = a.EndsAt // the clock was put back
	}
	return a
}

// merged is how clients of the API change an alert: as Alertmanager merges what
// overlaps.
func merged(old, a *alert.Alert, now time.Time) *alert.Alert {
	switch {
	case old == nil:
	case old.ResolvedAt(now) && a.ResolvedAt(now) && !a.EndsAt.After(old.EndsAt):
		return old // Prometheus repeats an end for a quarter of an hour
	case a.EndsAt.After(old.StartsAt) && a.EndsAt.Before(old.EndsAt), a.StartsAt.After(old.StartsAt) && a.StartsAt.Before(old.EndsAt):
		return old.Merge(a)
	}
	return a
}

// keep stores what changes, and then tells Alertmanager's packages of it. The
// caller holds writing, and does not use the alerts afterwards.
func (m *Manager) keep(ctx context.Context, source string, alerts []*alert.Alert, merge func(old, a *alert.Alert, now time.Time) *alert.Alert) error {
	now := time.Now()
	var (
		problem error
		changes = make(map[model.Fingerprint]entry, len(alerts))
		write   []Stored
		room    = MaxAlerts - m.book.size()
	)
	for _, a := range alerts {
		if err := fit(a); err != nil {
			problem = err
			continue
		}
		id := a.Fingerprint()
		old, known := changes[id]
		if !known {
			old, known = m.book.get(id)
		}
		next := merge(old.alert, a, now)
		if known && !old.dirty && (next == old.alert || old.source == source && same(old.alert, next)) {
			continue
		}
		if known && old.ack != nil && old.ended(now) {
			m.endAck(ctx, id, &old)
		}
		if !known {
			if room <= 0 {
				room = m.makeRoom(now)
			}
			if room <= 0 {
				problem = fault.Unavailable("there are %d alerts already: no room for one more", MaxAlerts)
				continue
			}
			room--
		}
		e := entry{alert: next, source: source, stored: old.stored, ack: old.ack}
		if next.ResolvedAt(now) {
			e.ack = nil
		}
		if old.dirty || !known || old.source != source || !onlyLater(old.alert, next) || e.stored.Before(now.Add(lazily)) {
			write = append(write, toStored(id, &e))
			e.stored = next.EndsAt
		}
		changes[id] = e
	}
	m.noticeFull(problem)
	if len(changes) == 0 {
		return problem
	}
	before := make(map[model.Fingerprint]entry, len(changes))
	for id := range changes {
		before[id], _ = m.book.get(id)
	}
	// Nobody who is told waits for the disk; who put the alerts does.
	stored := make(chan error, 1)
	go func() { stored <- m.storeAlerts(ctx, write) }()
	m.book.put(changes)
	published := 0
	for id, e := range changes {
		m.book.tell(e.alert)
		if published < mostEvents && m.publish(id, before[id], e, now) {
			published++
		}
	}
	if err := <-stored; err != nil {
		problem = err
		for id, e := range changes {
			e.dirty = true
			changes[id] = e
		}
		m.book.put(changes)
	}
	return problem
}

// makeRoom forgets alerts that ended a while ago, and returns how many more fit.
func (m *Manager) makeRoom(now time.Time) int {
	var gone []model.Fingerprint
	for id, e := range m.book.all() {
		if e.ended(now) && !e.dirty && e.alert.EndsAt.Before(now.Add(-grace)) && !e.alert.EndsAt.After(e.alert.UpdatedAt) {
			gone = append(gone, id)
		}
	}
	m.book.drop(gone)
	return len(gone)
}

// storeAlerts writes alerts, and raises a notice while the disk refuses them.
func (m *Manager) storeAlerts(ctx context.Context, write []Stored) error {
	if len(write) == 0 {
		return nil
	}
	err := m.store.PutAlerts(context.WithoutCancel(ctx), write)
	if err != nil {
		m.log.Error("alerts could not be stored: a restart would forget them", "alerts", len(write), "error", err)
		raise(m.deps.Health, health.Notice{
			Code: noticeStorage, Severity: health.Failing, Title: "Alerts are not stored",
			Text: "The data folder refuses alerts: people are told, but a restart forgets what is wrong. " + err.Error(),
		})
		return err
	}
	unraise(m.deps.Health, noticeStorage)
	return nil
}

// noticeFull says on the settings page that alerts were refused for want of room.
func (m *Manager) noticeFull(problem error) {
	if fault.KindOf(problem) == fault.KindUnavailable && m.book.size() >= MaxAlerts {
		raise(m.deps.Health, health.Notice{
			Code: noticeFull, Severity: health.Failing, Title: "Too many alerts",
			Text: "No more alerts are taken until some end. Look for a rule that makes one alert for each value of a label.",
		})
	}
}

// mostEvents are published of what changes in one go: a page that hears of one
// looks for all.
const mostEvents = 50

// publish tells browsers when an alert begins or ends, and reports whether it does.
func (m *Manager) publish(id model.Fingerprint, before, after entry, now time.Time) bool {
	if m.deps.Publisher == nil {
		return false
	}
	was := before.alert != nil && !before.ended(now)
	if is := !after.ended(now); was == is && (before.ack == nil) == (after.ack == nil) {
		return false
	}
	m.deps.Publisher.Publish(Event, changeOf(id, &after, now))
	return true
}

func changeOf(id model.Fingerprint, e *entry, now time.Time) Change {
	state := Firing
	switch {
	case e.ended(now):
		state = Resolved
	case e.acked(now):
		state = Acknowledged
	}
	label := func(name model.LabelName) string { return string(e.alert.Labels[name]) }
	return Change{
		ID: id.String(), Name: label(LabelName), Summary: string(e.alert.Annotations[NoteSummary]), Severity: label(LabelSeverity),
		API: label(LabelAPI), State: state, Starts: e.alert.StartsAt,
	}
}

func raise(r *health.Registry, n health.Notice) {
	if r != nil {
		r.Raise(n)
	}
}

func unraise(r *health.Registry, code string) {
	if r != nil {
		r.Clear(code)
	}
}
