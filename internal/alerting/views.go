package alerting

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/marker"
	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/fault"
)

// Alerts returns the alerts, most urgent first; resolved ones only when they ended
// after resolvedAfter (zero: none).
func (m *Manager) Alerts(ctx context.Context, resolvedAfter time.Time) ([]View, error) {
	now := time.Now()
	var list []View
	for id, e := range m.book.all() {
		if !e.ended(now) {
			list = append(list, m.view(ctx, id, &e, now))
		}
	}
	list = append(list, m.pendingViews()...)
	if !resolvedAfter.IsZero() {
		ended, err := m.resolved(ctx, resolvedAfter, now)
		if err != nil {
			return nil, err
		}
		list = append(list, ended...)
	}
	slices.SortFunc(list, byUrgency)
	return list, nil
}

// resolved returns alerts that ended after a time.
func (m *Manager) resolved(ctx context.Context, after, now time.Time) ([]View, error) {
	stored, err := m.store.Alerts(ctx, after)
	if err != nil {
		return nil, err
	}
	var list []View
	for i := range stored {
		s := &stored[i]
		if !s.Ended() {
			continue
		}
		a := toModel(&s.Alert, now)
		a.UpdatedAt = s.Updated
		id := a.Fingerprint()
		if e, ok := m.book.get(id); ok && !e.ended(now) {
			continue // it is back, and the disk does not know yet
		}
		list = append(list, m.view(ctx, id, &entry{alert: a}, now))
	}
	return list, nil
}

// Alert returns one; fault.NotFound without it.
func (m *Manager) Alert(ctx context.Context, id string) (View, error) {
	now := time.Now()
	key, err := model.ParseFingerprint(id)
	if err != nil {
		return View{}, fault.NotFound("there is no alert %q", id)
	}
	if e, ok := m.book.get(key); ok {
		return m.view(ctx, key, &e, now), nil
	}
	for _, v := range m.pendingViews() {
		if v.ID == key.String() {
			return v, nil
		}
	}
	stored, ok, err := m.store.Alert(ctx, key.String())
	if err != nil {
		return View{}, err
	}
	if !ok || !stored.Ended() {
		return View{}, fault.NotFound("there is no alert %q", id)
	}
	a := toModel(&stored.Alert, now)
	a.UpdatedAt = stored.Updated
	return m.view(ctx, key, &entry{alert: a}, now), nil
}

// view is an alert as people see it.
func (m *Manager) view(ctx context.Context, id model.Fingerprint, e *entry, now time.Time) View {
	a := fromModel(e.alert)
	v := View{
		ID: id.String(), Labels: a.Labels, Annotations: a.Annotations, State: Firing, Starts: a.Starts, Ends: a.Ends, Updated: e.alert.UpdatedAt,
		Receivers: []string{}, Escalated: m.outbox.Escalated(id.String()),
	}
	routes := m.match(e.alert.Labels)
	for _, r := range routes {
		if !slices.Contains(v.Receivers, r.RouteOpts.Receiver) {
			v.Receivers = append(v.Receivers, r.RouteOpts.Receiver)
		}
	}
	if e.ended(now) {
		v.State = Resolved
		return v
	}
	status := m.status(ctx, e.alert)
	v.SilencedBy, v.InhibitedBy, v.MutedBy = status.SilencedBy, status.InhibitedBy, m.mutedBy(routes, now)
	if len(v.SilencedBy)+len(v.InhibitedBy)+len(v.MutedBy) > 0 {
		v.State = Suppressed
	}
	if e.acked(now) {
		ack := *e.ack
		v.State, v.Ack = Acknowledged, &ack
	}
	return v
}

// status says who keeps an alert quiet.
func (m *Manager) status(ctx context.Context, a *alert.Alert) alert.AlertStatus {
	marks := marker.NewAlertMarker()
	m.mark(marker.WithContext(ctx, marks), a.Labels)
	return marks.Status(a.Fingerprint())
}

// suppressed reports whether anything keeps an alert quiet.
func (m *Manager) suppressed(ctx context.Context, a *alert.Alert, now time.Time) bool {
	status := m.status(ctx, a)
	return len(status.SilencedBy)+len(status.InhibitedBy) > 0 || len(m.mutedBy(m.match(a.Labels), now)) > 0
}

// mutedBy names the time intervals that keep an alert quiet: nil when there is a
// route by which it is told now.
func (m *Manager) mutedBy(routes []*dispatch.Route, now time.Time) []string {
	g := m.current.Load()
	if g == nil {
		return nil
	}
	var names []string
	for _, r := range routes {
		muted, by, err := g.plan.intervals.Mutes(r.RouteOpts.MuteTimeIntervals, now)
		if err != nil {
			return nil
		}
		if active := r.RouteOpts.ActiveTimeIntervals; len(active) > 0 && !muted {
			if on, _, err := g.plan.intervals.Mutes(active, now); err != nil || on {
				return nil
			}
			muted, by = true, active
		}
		if !muted {
			return nil
		}
		names = append(names, by...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// match returns the routes of labels.
func (m *Manager) match(labels model.LabelSet) []*dispatch.Route {
	if g := m.current.Load(); g != nil {
		return g.plan.route.Match(labels)
	}
	return nil
}

// pendingViews returns what is not long enough yet.
func (m *Manager) pendingViews() []View {
	m.pendingMu.Lock()
	defer m.pendingMu.Unlock()
	var list []View
	for _, alerts := range m.pending {
		for _, a := range alerts {
			set := labelSet(a.Labels)
			v := View{
				ID: set.Fingerprint().String(), Labels: maps.Clone(a.Labels), Annotations: maps.Clone(a.Annotations),
				State: Pending, Starts: a.Starts, Updated: a.Starts, Receivers: []string{},
			}
			for _, r := range m.match(set) {
				if !slices.Contains(v.Receivers, r.RouteOpts.Receiver) {
					v.Receivers = append(v.Receivers, r.RouteOpts.Receiver)
				}
			}
			list = append(list, v)
		}
	}
	return list
}

// byUrgency orders alerts: by state, severity, and the newest first.
func byUrgency(a, b View) int {
	return cmp.Or(
		cmp.Compare(urgency(a.State), urgency(b.State)),
		cmp.Compare(weight(a.Labels[LabelSeverity]), weight(b.Labels[LabelSeverity])),
		latest(&b).Compare(latest(&a)),
		strings.Compare(a.ID, b.ID),
	)
}

func latest(v *View) time.Time {
	if v.State == Resolved {
		return v.Ends
	}
	return v.Starts
}

func urgency(s State) int {
	return slices.Index([]State{Firing, Acknowledged, Suppressed, Pending, Resolved}, s)
}

func weight(severity string) int {
	if i := slices.Index([]string{"critical", "warning", "info"}, severity); i >= 0 {
		return i
	}
	return 1 // as a warning
}

// outlook is what the outbox sees of alerts.
type outlook struct{ m *Manager }

// Alert implements delivery.Alerts.
func (o outlook) Alert(id string) (*alert.Alert, State, bool) {
	key, err := model.ParseFingerprint(id)
	if err != nil {
		return nil, "", false
	}
	e, ok := o.m.book.get(key)
	if !ok {
		return nil, "", false
	}
	now := time.Now()
	switch {
	case e.ended(now):
		return e.alert, Resolved, true
	case e.acked(now):
		return asTold(e.alert, now), Acknowledged, true
	case o.m.suppressed(context.Background(), e.alert, now):
		return asTold(e.alert, now), Suppressed, true
	}
	return asTold(e.alert, now), Firing, true
}

// Firing implements delivery.Alerts.
func (o outlook) Firing() []*alert.Alert {
	now := time.Now()
	var list []*alert.Alert
	for _, e := range o.m.book.all() {
		if !e.ended(now) && !e.acked(now) && !o.m.suppressed(context.Background(), e.alert, now) {
			list = append(list, asTold(e.alert, now))
		}
	}
	return list
}

// Deliveries returns notifications, newest first, before an ID (0: from the newest on).
func (m *Manager) Deliveries(ctx context.Context, receiver string, before int64, most int) ([]Delivery, error) {
	return m.store.Deliveries(ctx, receiver, before, most)
}

// Retry tries a delivery that waits again now; fault.NotFound.
func (m *Manager) Retry(ctx context.Context, delivery int64) error {
	return m.outbox.Retry(ctx, delivery)
}

// Test sends an example alert to a receiver and waits for its answer.
func (m *Manager) Test(ctx context.Context, receiver, by string) error {
	m.log.Info("a receiver is tried", "receiver", receiver, "by", by)
	return m.outbox.Test(ctx, receiver)
}

// Receivers returns the configured ones.
func (m *Manager) Receivers() []Receiver {
	g := m.current.Load()
	if g == nil {
		return nil
	}
	list := make([]Receiver, len(g.plan.config.Receivers))
	for i := range g.plan.config.Receivers {
		name := g.plan.config.Receivers[i].Name
		kinds := g.plan.receivers.Kinds(name)
		if kinds == nil {
			kinds = []string{}
		}
		list[i] = Receiver{Name: name, Integrations: kinds}
	}
	return list
}

// Recipients says who would get an alert with labels.
func (m *Manager) Recipients(labels map[string]string) []Recipient {
	g := m.current.Load()
	if g == nil {
		return nil
	}
	set := labelSet(labels)
	var list []Recipient
	for _, r := range g.plan.route.Match(set) {
		opts := &r.RouteOpts
		by := make([]string, 0, len(opts.GroupBy))
		for name := range opts.GroupBy {
			by = append(by, string(name))
		}
		slices.Sort(by)
		if opts.GroupByAll {
			by = []string{"..."}
		}
		list = append(list, Recipient{
			Receiver: opts.Receiver, Route: routeName(r), GroupBy: by,
			Wait: opts.GroupWait, Repeat: opts.RepeatInterval, Escalates: g.plan.escalates(set),
		})
	}
	return list
}

// byCheck is what stands in place of the route by which a check's own receivers are told.
const byCheck = "alert.to of the check"

// routeName is how people call a route.
func routeName(r *dispatch.Route) string {
	name := strings.ReplaceAll(r.Key(), "}/{", "} > {")
	if strings.HasPrefix(name, "{} > {"+LabelNotify+`!=""}`) {
		return byCheck
	}
	return name
}
