package checks

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/units"
)

// Publisher tells whoever is looking that something happened; it must not block.
type Publisher interface {
	Publish(kind string, data any)
}

// Deps is what a Manager works with; all of it outlives the Manager.
type Deps struct {
	Log       *slog.Logger
	Store     Store
	HTTP      *probe.HTTP
	Contracts Contracts     // nil: `contract` assertions fail with a reason
	Publisher Publisher     // nil: nobody is looking
	OnResult  func(*Result) // called for each stored result, in order; it must not block or retain. May be nil
	Health    *health.Registry
	TraceSeed []byte // of this installation; makes its trace ids its own
}

// Config is what the file says about checks.
type Config struct {
	Checks    []Check
	APIs      map[string]string // base URL by API name
	Retention Retention
	Dir       string // folder that relative files are relative to
}

// Manager schedules, runs, judges and remembers checks.
//
// The life of a Manager: New, Load, Prepare+commit, Run (which blocks),
// and Prepare+commit again for each reload. The other methods may be called
// from any goroutine after Load.
type Manager struct {
	log       *slog.Logger
	store     Store
	http      *probe.HTTP
	contracts Contracts
	publisher Publisher
	onResult  func(*Result)
	runner    runner
	scheduler *scheduler
	recorder  *recorder
	metrics   *metrics
	running   sync.WaitGroup
	ready     chan struct{} // closed when Run has begun to schedule

	mu        sync.Mutex
	checks    map[string]*check
	order     []string // IDs as in the file
	lives     map[string]Life
	inFlight  map[string]RunID // runs under way, also of checks that were removed
	retention Retention
	runCtx    context.Context // of Run; nil before and after
}

// check is one check with its present state.
type check struct {
	plan     *plan
	life     Life    // as judged; shown follows when the result is on disk
	previous verdict // of the last judged run
	shown    shown
	last     RunID // the last run that was started
	missed   uint64
	waiters  []waiter
}

// verdict is what the next run is compared with; its zero value is no run.
type verdict struct {
	status Status
	flaky  bool
}

// waiter wants the first result of a run that is not older than run.
type waiter struct {
	run  RunID
	done chan<- finished // capacity 1
}

// shown is what people see of a check.
type shown struct {
	life   Life
	last   *Result
	facts  facts
	recent []float32 // latencies in seconds, oldest first, 0 = down
}

// recentRuns is how many latencies a sparkline has.
const recentRuns = 24

// New makes a Manager without checks.
func New(d Deps) *Manager {
	log := d.Log.With("part", "checks")
	m := &Manager{
		log: log, store: d.Store, http: d.HTTP, contracts: d.Contracts, publisher: d.Publisher, onResult: d.OnResult,
		runner: runner{tracer: tracer{seed: d.TraceSeed}, contracts: d.Contracts},
		checks: map[string]*check{}, lives: map[string]Life{}, inFlight: map[string]RunID{}, retention: DefaultRetention(),
		metrics: newMetrics(), ready: make(chan struct{}),
	}
	m.scheduler = newScheduler(m.start, m.noteMissed)
	m.recorder = &recorder{
		log: log, store: d.Store, health: d.Health,
		queue: make(chan finished, queueSize), missed: make(chan Missed, queueSize),
		apply: m.apply, publish: m.publish, dropped: m.metrics.drop,
	}
	return m
}

// Load reads the lives of all checks from the store.
func (m *Manager) Load(ctx context.Context) error {
	lives, err := m.store.Lives(ctx)
	if err != nil {
		return fmt.Errorf("read the state of checks: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lives = lives
	return nil
}

// Prepare makes a new set of checks ready. The error is a fault.Problems with
// paths from "checks[0]". Until commit is called nothing has changed; commit
// cannot fail. Checks with the same name keep their state, history and place in time.
func (m *Manager) Prepare(cfg Config) (commit func(), err error) {
	var problems fault.Problems
	compiler := compiler{http: m.http, dir: cfg.Dir, apis: cfg.APIs}
	plans := make([]*plan, 0, len(cfg.Checks))
	for i := range cfg.Checks {
		p, ps := compiler.compile(cfg.Checks[i])
		if len(ps) > 0 {
			problems.Merge(fmt.Sprintf("checks[%d]", i), ps)
			continue
		}
		plans = append(plans, p)
	}
	if len(problems) > 0 {
		for _, p := range plans {
			p.release(m.http)
		}
		return nil, problems
	}
	return func() { m.commit(plans, cfg.Retention) }, nil
}

// commit swaps the checks.
func (m *Manager) commit(plans []*plan, retention Retention) {
	fresh, returned := m.swap(plans, retention)
	m.warmReturned(returned)
	for _, p := range plans {
		m.scheduler.set(p.id, p.schedule, fresh[p.id])
	}
}

// swap replaces the plans. It returns which checks have never run, and which
// have a history that this Manager has not shown yet.
func (m *Manager) swap(plans []*plan, retention Retention) (fresh map[string]bool, returned []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.checks
	m.checks = make(map[string]*check, len(plans))
	m.order = make([]string, 0, len(plans))
	m.retention = retention
	fresh = map[string]bool{}
	for _, p := range plans {
		c := old[p.id]
		if c == nil {
			life := m.lives[p.id]
			c = &check{life: life, last: life.LastRun, shown: shown{life: life}}
			fresh[p.id] = life.LastRun == 0
			if life.LastRun != 0 {
				returned = append(returned, p.id)
			}
		} else {
			c.plan.release(m.http)
		}
		c.plan = p
		m.checks[p.id] = c
		m.order = append(m.order, p.id)
		delete(old, p.id)
	}
	for id, c := range old {
		m.lives[id] = c.life
		c.plan.release(m.http)
		for _, w := range c.waiters {
			w.done <- finished{err: fault.NotFound("check %q was removed", id)}
		}
		m.scheduler.remove(id)
	}
	return fresh, returned
}

// Ready waits until Run schedules checks.
func (m *Manager) Ready(ctx context.Context) error {
	select {
	case <-m.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run schedules checks until ctx ends and every run has ended and is recorded.
// It may be called once.
func (m *Manager) Run(ctx context.Context) error {
	if err := m.warm(ctx, m.ids()); err != nil {
		return err
	}
	recordCtx, stopRecording := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRecording()
	var recording, pruning sync.WaitGroup
	recording.Go(func() { m.recorder.run(recordCtx) })
	pruning.Go(func() { m.pruneDaily(ctx) })

	m.open(ctx)
	m.scheduler.run(ctx)
	m.shut()

	m.running.Wait()
	m.release()
	pruning.Wait()
	stopRecording()
	recording.Wait()
	return nil
}

// release closes the connections that the checks have kept.
func (m *Manager) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.checks {
		c.plan.release(m.http)
	}
}

// open lets runs begin; they end with ctx.
func (m *Manager) open(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runCtx = ctx
	close(m.ready)
}

// shut lets no further run begin.
func (m *Manager) shut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runCtx = nil
}

// warm fills in the last runs of each check from the history, so that pages
// have something to show at once after a restart.
func (m *Manager) warm(ctx context.Context, ids []string) error {
	for _, id := range ids {
		life := m.lifeOf(id)
		if life.LastRun == 0 {
			continue
		}
		to := life.LastRun.Time().Add(time.Millisecond)
		results, err := m.store.Results(ctx, id, to.Add(-30*units.Day), to, recentRuns)
		if err != nil {
			return fmt.Errorf("read the last runs of check %q: %w", id, err)
		}
		if len(results) == 0 {
			continue
		}
		m.show(id, results)
	}
	return nil
}

// warmReturned does the same for checks that a reload brought back.
func (m *Manager) warmReturned(ids []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.runCtx == nil || len(ids) == 0 {
		return // Run warms all of them when it begins
	}
	ctx := m.runCtx
	m.running.Go(func() {
		if err := m.warm(ctx, ids); err != nil && ctx.Err() == nil {
			m.log.Warn("the history of checks that came back could not be read", "error", err)
		}
	})
}

// show sets the last runs of a check that has not run yet in this process.
func (m *Manager) show(id string, newestFirst []Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.checks[id]
	if c == nil || c.shown.last != nil {
		return
	}
	c.previous = verdict{newestFirst[0].Status, newestFirst[0].Flaky()}
	c.shown.last = &newestFirst[0]
	for _, r := range slices.Backward(newestFirst) {
		c.shown.addRecent(&r)
	}
}

func (s *shown) addRecent(r *Result) {
	var seconds float32
	if r.Status != Down {
		seconds = float32(r.Latency().Seconds())
	}
	if s.recent == nil {
		s.recent = make([]float32, 0, recentRuns)
	}
	if len(s.recent) == recentRuns {
		copy(s.recent, s.recent[1:])
		s.recent = s.recent[:recentRuns-1]
	}
	s.recent = append(s.recent, seconds)
}

func (m *Manager) ids() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.order)
}

func (m *Manager) lifeOf(id string) Life {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.checks[id]; c != nil {
		return c.life
	}
	return Life{}
}

// pruneDaily removes old history a minute after the start and then every hour.
func (m *Manager) pruneDaily(ctx context.Context) {
	for wait := time.Minute; sleep(ctx, wait); wait = time.Hour {
		m.mu.Lock()
		retention := m.retention
		m.mu.Unlock()
		if err := m.store.Prune(ctx, time.Now(), retention); err != nil && ctx.Err() == nil {
			m.log.Warn("old history could not be removed", "error", err)
		}
	}
}
