package slo

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/middleware/observe"
)

// Publisher takes what happens to whoever looks; it must not block. *live.Hub is one.
type Publisher interface {
	Publish(kind string, data any)
}

// Sample is one series of the answer to a query.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Deps are what a Manager works with. Log and Store are needed, the rest may be nil.
type Deps struct {
	Log       *slog.Logger
	Store     Store
	Health    *health.Registry // our own warnings
	Publisher Publisher
	// Changed gets everything that is wrong, pending conditions too, at each tick: what
	// is missing is over. It is called by one goroutine at a time, owns the list, and
	// must not block for long.
	Changed func([]Condition)
	// Query answers a PromQL expression, for APIs with `source: metrics`.
	Query func(ctx context.Context, expr string, at time.Time) ([]Sample, error)
	// Operations lists the documented operations of an API, "GET /orders/{id}"; nil when
	// no document is loaded.
	Operations func(api string) []string
}

// How often it is looked.
const (
	tickEvery    = 5 * time.Second
	unusualEvery = 30 * time.Second
	flushEvery   = 30 * time.Second // a kill loses at most that much of budgets
)

// Manager takes exchanges, and judges them. It implements observe.Sink.
//
// The life of a Manager: New, Prepare+commit, Load, Run (which blocks), and
// Prepare+commit again for each reload. The other methods may be called from any
// goroutine.
type Manager struct {
	log       *slog.Logger
	store     Store
	health    *health.Registry
	publisher Publisher
	changed   func([]Condition)
	query     func(ctx context.Context, expr string, at time.Time) ([]Sample, error)
	documents func(api string) []string

	operations *operations
	late       late
	top        *topErrors
	keeper     *keeper
	metrics    *metrics
	slot       atomic.Int64  // the present one, as of the last look at the clock
	wake       chan struct{} // has one element when there should be a tick soon

	mu         sync.RWMutex // held to tick, and to read what ticks write
	subjects   []*subject   // the whole APIs, by name
	began      time.Time    // since when there are counts without a gap
	step       int64        // beginning of the open step, seconds of Unix time
	covered    time.Duration
	ticked     time.Time
	unusualAt  time.Time
	flushed    time.Time
	doubted    time.Time
	conditions []Condition
	signature  string       // of conditions, to see whether they changed
	restored   []Condition  // of before a restart, until they are taken up
	filled     bool         // with what the store knows
	unfilled   []*objective // that were added since, and know nothing of the time before
	unread     int64        // the open step of a start at which the store could not be read; 0 for none
}

var _ observe.Sink = (*Manager)(nil)

// New returns a Manager without APIs.
func New(d Deps) *Manager {
	now := time.Now()
	m := &Manager{
		log: d.Log.With("part", "slo"), store: d.Store, health: d.Health, publisher: d.Publisher, changed: d.Changed,
		query: d.Query, documents: d.Operations,
		top: newTopErrors(), wake: make(chan struct{}, 1), metrics: newMetrics(),
		began: now, ticked: now, flushed: now, doubted: now,
	}
	m.operations = newOperations(&m.slot)
	if m.health == nil {
		m.health = &health.Registry{}
	}
	if m.changed == nil {
		m.changed = func([]Condition) {}
	}
	m.keeper = newKeeper(m.log, m.store, m.health)
	m.slot.Store(now.Unix() / slotLength)
	m.step = stepOf(now.Unix())
	return m
}

// Observe implements observe.Sink. An exchange counts for the moment when it
// ended, however late it is told, up to the bounds of what is kept.
func (m *Manager) Observe(e *observe.Exchange) {
	op := m.operations.of(e)
	if op == nil {
		return
	}
	s := op.settings.Load()
	if s.fromMetrics {
		return
	}
	what := s.classify(e.Verdict, e.Error, e.Status)
	if e.Source == observe.SourceDecision && what != refused {
		return // the API's answer is not known
	}
	now := m.slot.Load()
	slot := now
	if !e.Time.IsZero() {
		slot = (e.Time.UnixMilli() + e.Duration.Milliseconds()) / (slotLength * 1000)
	}
	if slot > now+liveAhead {
		if slot > now+maxAhead {
			m.metrics.future.Add(1)
			return
		}
		slot = now // another machine's clock
	}
	took := tookOf(e)
	failed := what >= failedBy && what < aborted
	if slot < now-liveBack {
		if m.observeLate(op, s, slot, now, what, took) && failed {
			m.top.observeLate(op, e)
		}
		return
	}
	op.observe(s, slot, what, took)
	if failed {
		m.top.observe(op, e)
	}
}

// tookOf is how long the API took for an exchange, without the time that a
// throttle of ours held it back; negative when nobody knows, as with access logs
// that do not say.
func tookOf(e *observe.Exchange) time.Duration {
	if e.Duration == 0 && e.Source == observe.SourceAccessLog {
		return -1
	}
	return max(e.Duration-e.Phases.Queued, 0)
}

// maxAhead is how many slots an exchange may be in the future: clocks differ, but
// not by more.
const maxAhead = 10 * 60 / slotLength

// observeLate counts what is told later than there are live cells for; false when
// it is older than what is kept.
func (m *Manager) observeLate(op *operation, s *settings, slot, now int64, what outcome, d time.Duration) bool {
	if now-slot > int64((KeepFine-2*time.Hour)/time.Second)/slotLength {
		m.metrics.old.Add(1)
		return false
	}
	if !m.late.observe(op, s, slot, now, what, d) {
		select {
		case m.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// ObserveMessage notes the message of a failure, as error logs have it; message
// is redacted. The API's operation may be "" when it is not known.
func (m *Manager) ObserveMessage(apiName, operation, message string, at time.Time) {
	if (*m.operations.apis.Load())[apiName] == nil {
		return
	}
	m.top.message(apiName, operation, message, at)
}

// Run counts, judges and stores until ctx ends, and everything is stored then.
func (m *Manager) Run(ctx context.Context) error {
	if err := m.fill(ctx); err != nil {
		m.log.Error("objectives begin without their history", "error", err)
	}
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { m.keeper.run(ctx) })
	if m.query != nil {
		running.Go(func() { m.readSeries(ctx) })
	}
	defer m.keeper.close() // after the last tick
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			m.tick(time.Now(), true)
			return nil
		case <-m.wake:
			m.tick(time.Now(), false)
		case <-second.C:
			now := time.Now()
			if m.due(now) {
				m.tick(now, false)
			} else {
				m.slot.Store(max(now.Unix()/slotLength, m.slot.Load()))
			}
		}
	}
}

// due reports whether it is time for a tick. A step ends with one, so that what
// comes next counts for the next step.
func (m *Manager) due(now time.Time) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return now.Sub(m.ticked) >= tickEvery || now.Before(m.ticked) || stepOf(now.Unix()) != m.step
}

func stepOf(seconds int64) int64 { return seconds - seconds%int64(fineStep/time.Second) }
