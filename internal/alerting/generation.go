package alerting

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"
)

// generation is what runs of one configuration: its routes with their groups, and
// who inhibits whom. A reload ends it and begins the next.
type generation struct {
	plan       *plan
	dispatcher *dispatch.Dispatcher
	inhibitor  *inhibit.Inhibitor
	work       sync.WaitGroup // of the two above
	gate       gate
}

// longestStop is how long a generation may take to bring what is on its way to
// receivers into the outbox.
const longestStop = 6 * time.Second

// use makes a plan the one in force. While Run runs, routes are exchanged at once.
func (m *Manager) use(p *plan) {
	m.swapping.Lock()
	defer m.swapping.Unlock()
	old := m.current.Load()
	next := &generation{plan: p}
	if m.running && old != nil {
		m.stop(old)
	}
	m.outbox.Use(p.receivers, p.settings)
	if m.running {
		m.start(next)
	}
	m.current.Store(next)
	m.api.Update(p.config, m.mark)
}

// start begins a generation. The inhibitor goes first: nobody is told of what it
// would have kept quiet. The caller holds swapping.
func (m *Manager) start(g *generation) {
	quiet, recorder := quieter(m.log), eventrecorder.Recorder{}
	alerts := posted{m.book, m.post}
	g.inhibitor = inhibit.NewInhibitor(alerts, g.plan.config.InhibitRules, quiet, recorder)
	g.work.Go(g.inhibitor.Run)
	g.inhibitor.WaitForLoading()
	noWait := func() time.Duration { return 0 }
	inner := m.pipelines.New(g.plan.integrations(m), noWait, g.inhibitor, m.silencer, g.plan.intervals, m.groupMarker, m.nflog, nil)
	outer := func(ctx context.Context, l *slog.Logger, alerts ...*alert.Alert) (context.Context, []*alert.Alert, error) {
		return m.notify(ctx, l, g, inner, alerts)
	}
	g.dispatcher = dispatch.NewDispatcher(
		alerts, g.plan.route, notify.StageFunc(outer), m.groupMarker, timeToNotify, 30*time.Second, nil, quiet, recorder, m.dispatching, g.plan.templates,
	)
	g.work.Go(func() { g.dispatcher.Run(time.Now()) })
	g.dispatcher.WaitForLoading()
}

// timeToNotify is how long a notification may take.
func timeToNotify(interval time.Duration) time.Duration { return max(interval, notify.MinTimeout) }

// stop ends a generation, and waits until what it had under way is delivered or in
// the outbox. The caller holds swapping.
func (m *Manager) stop(g *generation) {
	if g.dispatcher == nil {
		return
	}
	g.inhibitor.Stop()
	g.dispatcher.Stop()
	g.work.Wait()
	if !g.gate.close(longestStop) {
		m.log.Warn("notifications of the old configuration are still under way: some may be told twice")
	}
}

// gate counts what is under way, and lets nobody in once it is closed.
type gate struct {
	mu     sync.Mutex
	inside int
	closed bool
	empty  chan struct{}
}

// enter reports whether the gate is open; who entered leaves.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.closed {
		close(g.empty)
	}
}

// close lets nobody in any more, and reports whether everybody has left in time.
func (g *gate) close(within time.Duration) bool {
	g.mu.Lock()
	g.closed, g.empty = true, make(chan struct{})
	if g.inside == 0 {
		close(g.empty)
	}
	g.mu.Unlock()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-g.empty:
		return true
	case <-timer.C:
		return false
	}
}

var errEnded = errors.New("the configuration is no longer in force")

// notify is where a group of alerts enters Alertmanager's pipeline. It brings
// them up to date, and sees that what the pipeline learned is on disk.
func (m *Manager) notify(ctx context.Context, l *slog.Logger, g *generation, inner notify.Stage, alerts []*alert.Alert) (context.Context, []*alert.Alert, error) {
	if !g.gate.enter() {
		return ctx, nil, errEnded
	}
	defer g.gate.leave()
	now := time.Now()
	alerts = m.news(alerts, now)
	var over []*alert.Alert
	for _, a := range alerts {
		if a.ResolvedAt(now) {
			over = append(over, a)
		}
	}
	m.expire(ctx, over, now)
	ctx, rest, err := inner.Exec(ctx, l, alerts...)
	_ = m.journal.flush(ctx) // it says so where people look, and tries again
	return ctx, rest, err
}

// news returns a group's alerts as they are now. A group may be behind: its
// alerts come to it by several ways at once.
func (m *Manager) news(alerts []*alert.Alert, now time.Time) []*alert.Alert {
	list := make([]*alert.Alert, 0, len(alerts))
	for _, a := range alerts {
		e, ok := m.book.get(a.Fingerprint())
		if !ok {
			continue // it ended long ago
		}
		if e.alert.UpdatedAt.After(a.UpdatedAt) {
			a = asTold(e.alert, now)
		}
		list = append(list, a)
	}
	return list
}

// asTold is an alert as a group tells it: without an end while it goes on.
func asTold(a *alert.Alert, now time.Time) *alert.Alert {
	told := *a
	if !told.ResolvedAt(now) {
		told.EndsAt = time.Time{}
	}
	return &told
}

// groups is what the API asks for the groups.
func (m *Manager) groups(ctx context.Context, route func(*dispatch.Route) bool, alerts func(*alert.Alert, time.Time) bool) (dispatch.AlertGroups, map[model.Fingerprint][]string, error) {
	g := m.current.Load()
	if g == nil || g.dispatcher == nil {
		return nil, nil, errEnded
	}
	return g.dispatcher.Groups(ctx, route, alerts)
}

// mark writes into the marker of ctx who keeps an alert quiet.
func (m *Manager) mark(ctx context.Context, labels model.LabelSet) {
	if g := m.current.Load(); g != nil && g.inhibitor != nil {
		g.inhibitor.Mutes(ctx, labels)
	}
	m.silencer.Mutes(ctx, labels)
}
