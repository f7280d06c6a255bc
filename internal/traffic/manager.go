package traffic

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/middleware/observe"
)

// Deps are what the Manager works with. Only Log is needed.
type Deps struct {
	Log       *slog.Logger
	Bounds    Bounds           // of the configuration at the start
	Publisher Publisher        // of live figures
	Health    *health.Registry // our own warnings
	Stdout    io.Writer        // of an access log that goes there
	Active    func() int64     // requests that the gateway is serving now
	Waiting   func() int64     // requests that wait in queues of limits now
}

// Manager takes exchanges, and tells what became of them. It implements
// observe.Sink.
type Manager struct {
	log       *slog.Logger
	publisher Publisher
	active    func() int64
	waiting   func() int64
	started   time.Time
	ticked    time.Time // the last time that tick ran; of Run

	operations *operations
	policies   *policies
	clients    *clients
	recent     *recent
	history    *history
	pulse      pulse
	accessLog  *accessLog
	metrics    *metrics
}

var _ observe.Sink = (*Manager)(nil)

// New returns a Manager that counts from now on. Run moves what time moves.
func New(d Deps) *Manager {
	now := time.Now()
	b := d.Bounds.filled()
	m := &Manager{
		log: d.Log.With("part", "traffic"), publisher: d.Publisher, active: d.Active, waiting: d.Waiting, started: now, ticked: now,
		operations: newOperations(b), policies: newPolicies(), clients: newClients(b.Clients, now), recent: newRecent(),
		pulse: pulse{at: now, quiet: true},
	}
	if m.active == nil {
		m.active = func() int64 { return 0 }
	}
	if m.waiting == nil {
		m.waiting = func() int64 { return 0 }
	}
	m.history = newHistory(m.operations, m.policies, int(b.Memory), now)
	m.accessLog = newAccessLog(m.log, d.Health, d.Stdout)
	m.metrics = newMetrics(m)
	return m
}

// Observe implements observe.Sink.
func (m *Manager) Observe(e *observe.Exchange) {
	op := m.operations.of(e)
	op.outcomes.add(outcomeOf(e))
	timed := e.Duration != 0 || e.Source != observe.SourceAccessLog // some logs do not say how long
	if timed {
		op.latencies.of(answerOf(e), m.operations.budget, op.outcomes.room).observe(e)
	}
	op.request.observe(e.RequestBytes)
	op.response.observe(e.ResponseBytes)
	let := e.Verdict == observe.Allowed || e.Verdict == observe.Delayed || e.Verdict == ""
	if let && timed {
		op.served[fineBucket(e.Duration)].Add(1)
	}
	m.policies.observe(e)
	m.clients.observe(e, op)
	ordinary := let && e.Verdict != observe.Delayed && e.Error == observe.NoError && e.Status < 500
	m.recent.observe(e, ordinary)
	m.accessLog.observe(e, ordinary)
}

// Prepare makes a configuration ready; the error is fault.Problems and leaves
// everything as it was. commit puts it in force and cannot fail.
func (m *Manager) Prepare(c Config) (commit func(), err error) {
	var ps fault.Problems
	ps.Merge("traffic", c.Traffic.Validate())
	ps.Merge("access_log", c.AccessLog.Validate())
	settings, problems := prepareAccessLog(&c.AccessLog, c.Dir)
	ps.Merge("access_log", problems)
	if err := ps.Err(); err != nil {
		return nil, err
	}
	perAPI := int64(cmp.Or(c.SeriesPerAPI, defaultSeriesPerAPI))
	return func() {
		m.operations.perAPI.Store(perAPI)
		m.accessLog.set(settings)
	}, nil
}

// Run keeps the history, publishes live figures and writes the access log, until
// ctx ends and what was logged is written.
func (m *Manager) Run(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { m.accessLog.run(ctx) })
	defer running.Wait()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-second.C:
			m.tick(now)
		}
	}
}

// tick is what happens once a second.
func (m *Manager) tick(now time.Time) {
	waiting := m.waiting()
	m.clients.minute.Store(now.Unix() / 60)
	m.recent.refill()
	m.history.sample(waiting)
	m.history.close(now, now.Sub(m.ticked))
	m.ticked = now
	if live := m.pulse.beat(now, *m.operations.list.Load(), waiting, m.active()); live != nil && m.publisher != nil {
		m.publisher.Publish(LiveEvent, live)
	}
}

// Started is since when the Manager counts.
func (m *Manager) Started() time.Time { return m.started }

// Now is the traffic of the last second.
func (m *Manager) Now() Live {
	if live := m.pulse.last.Load(); live != nil {
		return *live
	}
	return Live{At: m.started.UnixMilli()}
}
