package rules

import (
	"context"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/metrics/cost"
)

// The times by which pending and firing alerts survive a restart: Prometheus'
// own defaults, except for the grace period. After a restart a condition must
// hold for that long before it fires, and ten minutes are longer than most `for`.
const (
	outageTolerance = time.Hour
	forGrace        = time.Minute
	resendDelay     = time.Minute
)

// Database is where rules read and write.
type Database interface {
	Queryable() storage.Queryable
	Appendable() storage.Appendable
	Engine() *promql.Engine
}

// Deps is what a Manager needs.
type Deps struct {
	DB     Database // nil where rules are only looked at: then Run must not be called
	Log    *slog.Logger
	Health *health.Registry
	// Notify gets alerts that fire, again every minute while they do, and those
	// that no longer do. The group that called it is not evaluated until it
	// returns. Nil tells nobody.
	Notify func(ctx context.Context, alerts []Alert)
	// ExternalURL of the web interface, for templates; nil is none.
	ExternalURL func() string
}

// Manager evaluates rules while it runs.
type Manager struct {
	deps     Deps
	log      *slog.Logger
	parser   cost.Parser
	query    promrules.QueryFunc
	registry *prometheus.Registry // of Prometheus' own counters of rules, and ours
	metrics  *promrules.Metrics
	groups   atomic.Pointer[[]*promrules.Group]
	restorer restorer
	troubles troubles

	mu      sync.Mutex         // held during an update, which waits for evaluations: these must not take it
	set     *set               // what has been committed
	running *promrules.Manager // nil unless Run runs
}

// New returns a Manager without rules.
func New(d Deps) *Manager {
	if d.Notify == nil {
		d.Notify = func(context.Context, []Alert) {}
	}
	if d.ExternalURL == nil {
		d.ExternalURL = func() string { return "" }
	}
	m := &Manager{
		deps: d, log: d.Log.With("part", "rules"), parser: cost.NewParser(), set: &set{interval: defaultInterval},
		registry: prometheus.NewRegistry(),
		troubles: troubles{health: d.Health},
	}
	if d.DB != nil {
		m.query = promrules.EngineQueryFunc(d.DB.Engine(), d.DB.Queryable())
		m.restorer = restorer{queryable: d.DB.Queryable()}
	}
	m.metrics = promrules.NewGroupMetrics(m.registry)
	m.registry.MustRegister(newCollector(m))
	return m
}

// Collectors returns the counters of rules to be registered: Prometheus' own,
// by its names, and ours.
func (m *Manager) Collectors() []prometheus.Collector { return []prometheus.Collector{m.registry} }

// Run evaluates rules until ctx ends and every evaluation has ended.
func (m *Manager) Run(ctx context.Context) error {
	external, err := url.Parse(m.deps.ExternalURL())
	if err != nil {
		external = &url.URL{}
	}
	manager := promrules.NewManager(&promrules.ManagerOptions{
		Context: ctx, Logger: m.log, Metrics: m.metrics, Parser: m.parser, GroupLoader: loader{m},
		ExternalURL: external, QueryFunc: m.ask, NotifyFunc: m.tell,
		Appendable: m.deps.DB.Appendable(), Queryable: m.deps.DB.Queryable(),
		OutageTolerance: outageTolerance, ForGracePeriod: forGrace, ResendDelay: resendDelay,
	})
	m.mu.Lock()
	m.running = manager
	m.update()
	m.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		manager.Run()
	}()
	<-ctx.Done()
	m.mu.Lock()
	m.running = nil
	m.mu.Unlock()
	manager.Stop()
	<-ended
	return nil
}

// update hands the committed set to the running manager. m.mu is held.
func (m *Manager) update() {
	err := m.running.Update(m.set.interval, m.set.names(), labels.EmptyLabels(), m.deps.ExternalURL(), m.evaluate)
	if err != nil { // the set was parsed when it was prepared
		m.log.Error("rules were not taken over", "error", err)
	}
	groups := m.running.RuleGroups()
	m.groups.Store(&groups)
	m.restorer.keep(groups)
	m.troubles.keep(groups)
}

// evaluate evaluates a group once.
func (m *Manager) evaluate(ctx context.Context, g *promrules.Group, at time.Time) {
	defer func() {
		if p := recover(); p != nil {
			m.log.Error("evaluating rules panicked", "file", g.File(), "group", g.Name(), "panic", p)
		}
	}()
	promrules.DefaultEvalIterationFunc(m.restorer.begin(ctx, g, at), g, at)
	m.troubles.judge(g)
}

// ask runs a query for a rule, or for a template of it.
func (m *Manager) ask(ctx context.Context, query string, at time.Time) (promql.Vector, error) {
	if promrules.FromOriginContext(ctx).Query != query { // of a template: nobody has looked at it yet
		if _, err := m.parser.ParseExpr(query); err != nil {
			return nil, err
		}
	}
	vector, err := m.query(ctx, query, at)
	if err != nil {
		return nil, err
	}
	return m.restorer.complete(ctx, query, at, vector), nil
}

// tell hands alerts on.
func (m *Manager) tell(ctx context.Context, expr string, told ...*promrules.Alert) {
	if len(told) == 0 {
		return
	}
	alerts := make([]Alert, len(told))
	for i, a := range told {
		alerts[i] = newAlert(expr, a)
	}
	m.deps.Notify(ctx, alerts)
}

// Groups returns the groups that are evaluated, by file and name.
func (m *Manager) Groups() []*promrules.Group {
	if groups := m.groups.Load(); groups != nil {
		return *groups
	}
	return nil
}

// Pending returns the alerts whose condition holds, and not yet for as long as
// the rule wants.
func (m *Manager) Pending() []Alert {
	var pending []Alert
	for _, group := range m.Groups() {
		for _, rule := range group.AlertingRules() {
			for _, a := range rule.ActiveAlerts() {
				if a.State == promrules.StatePending {
					pending = append(pending, newAlert(rule.Query().String(), a))
				}
			}
		}
	}
	return pending
}
