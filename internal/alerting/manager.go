package alerting

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	apiv2 "github.com/prometheus/alertmanager/api/v2"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/marker"
	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/alerting/delivery"
	"lapwing.dev/lapwing/internal/health"
)

// Publisher carries events to browsers that are looking. It must not block.
type Publisher interface {
	Publish(kind string, data any)
}

// Deps are what a Manager works with; all of it outlives the Manager.
type Deps struct {
	Log         *slog.Logger
	Store       Store
	Health      *health.Registry      // may be nil
	Publisher   Publisher             // may be nil
	Registry    prometheus.Registerer // for Alertmanager's own metrics (alertmanager_*); one Manager for each; nil: they are not shown
	ExternalURL func() string         // how people reach this server, when the configuration does not say so
	Version     string                // what the API tells as its version
	Told        func(d *Delivery)     // called after each delivery's first try and its end; must be quick; may be nil
}

// Bounds of what is kept in memory.
const (
	// MaxAlerts is how many alerts there may be, those that ended in the last hour
	// included. What comes on top is refused.
	MaxAlerts = 20_000

	maxSilences     = 10_000
	maxSilenceBytes = 64 << 10
	keptEnded       = time.Hour // an alert that ended stays in memory, so that a reload or a restart still tells it
	keptSilences    = 5 * 24 * time.Hour
	keptLog         = 90 * 24 * time.Hour
	mostKept        = 50_000          // alerts that ended; and as many deliveries
	grace           = 5 * time.Minute // that an alert with an end gets at a restart, for its source to come back
	tickEvery       = 2 * time.Second
	pruneEvery      = time.Hour
)

// Event is the kind of event that is published when an alert begins, ends, or is
// acknowledged. Its data is a Change.
const Event = "alert"

// Change is what an Event tells.
type Change struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Summary  string    `json:"summary"`
	Severity string    `json:"severity"`
	API      string    `json:"api,omitempty"`
	State    State     `json:"state"` // firing, acknowledged, resolved
	Starts   time.Time `json:"starts"`
}

// Manager knows what is wrong, and has people told. Its methods may be called
// concurrently. Load comes before Run; until Run has begun, alerts are taken and
// kept, and nobody is told.
type Manager struct {
	log    *slog.Logger
	deps   Deps
	store  Store
	outbox *delivery.Outbox

	writing sync.Mutex // one change of alerts at a time, on disk and in memory
	book    *book
	journal *journal
	settled *settled

	silences    *silence.Silences
	silencer    *silence.Silencer
	nflog       *nflog.Log
	groupMarker marker.GroupMarker
	pipelines   *notify.PipelineBuilder
	dispatching *dispatch.DispatcherMetrics
	api         *apiv2.API
	handler     http.Handler

	swapping sync.Mutex // one generation begins or ends at a time
	running  bool       // by Run; guarded by swapping
	current  atomic.Pointer[generation]
	ready    atomic.Bool   // Run is between its start and its end
	begun    chan struct{} // closed when Run has started

	pendingMu sync.Mutex
	pending   map[string][]Alert // by source
}

// utf8Names has Alertmanager's packages take names and matchers as Alertmanager
// itself does: with any letter, and in its older form. It is a switch for the
// whole process.
var utf8Names = sync.OnceFunc(func() {
	compat.InitFromFlags(slog.New(slog.DiscardHandler), featurecontrol.NoopFlags{})
})

// New returns a Manager without a configuration: Prepare and its commit come next.
func New(d Deps) (*Manager, error) {
	utf8Names()
	m := &Manager{
		log: d.Log.With("part", "alerting"), deps: d, store: d.Store,
		book: newBook(), settled: newSettled(), groupMarker: marker.NewGroupMarker(), pending: map[string][]Alert{}, begun: make(chan struct{}),
	}
	m.journal = &journal{store: d.Store, log: m.log, health: d.Health}
	registry := d.Registry
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	m.outbox = delivery.New(delivery.Deps{
		Log: d.Log, Store: d.Store, Alerts: outlook{m}, Health: d.Health, Publisher: d.Publisher, ExternalURL: m.ExternalURL, Told: d.Told,
	})
	quiet := quieter(m.log)
	var err error
	if m.silences, err = silence.New(silence.Options{
		Retention: keptSilences, Logger: quiet, Metrics: registry,
		Limits: silence.Limits{MaxSilences: func() int { return maxSilences }, MaxSilenceSizeBytes: func() int { return maxSilenceBytes }},
	}); err != nil {
		return nil, fmt.Errorf("make room for silences: %w", err)
	}
	if m.nflog, err = nflog.New(nflog.Options{Retention: keptLog, Logger: quiet, Metrics: registry}); err != nil {
		return nil, fmt.Errorf("make room for the notification log: %w", err)
	}
	m.silencer = silence.NewSilencer(m.silences, quiet, eventrecorder.Recorder{})
	m.pipelines = notify.NewPipelineBuilder(registry, featurecontrol.NoopFlags{}, eventrecorder.Recorder{})
	m.dispatching = dispatch.NewDispatcherMetrics(false, registry, featurecontrol.NoopFlags{})
	if m.api, err = apiv2.NewAPI(posted{m.book, m.post}, m.groups, m.groupMarker.Muted, m.silences, nil, quiet, registry); err != nil {
		return nil, fmt.Errorf("make the API: %w", err)
	}
	m.handler = m.routes()
	for _, c := range m.outbox.Collectors() {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register what is counted: %w", err)
		}
	}
	return m, nil
}

// ExternalURL is how people reach this server, without a slash at the end.
func (m *Manager) ExternalURL() string {
	if g := m.current.Load(); g != nil && g.plan.external != "" {
		return g.plan.external
	}
	if m.deps.ExternalURL == nil {
		return ""
	}
	return m.deps.ExternalURL()
}

// Prepare makes a configuration ready. The error is a fault.Problems with paths
// from the file's root. commit cannot fail; alerts, silences, acknowledgements and
// what was told to whom go on. Called again while Run runs, it exchanges the routes.
func (m *Manager) Prepare(c Config) (commit func(), err error) {
	p, err := m.compile(&c)
	if err != nil {
		return nil, err
	}
	return func() { m.use(p) }, nil
}

// Load reads what was stored. It comes before Run and before whoever puts alerts. Alerts that fire are told by Run when nobody was told; so is
// the end of those that ended within the last hour.
func (m *Manager) Load(ctx context.Context) error {
	now := time.Now()
	stored, err := m.store.Alerts(ctx, now.Add(-keptEnded))
	if err != nil {
		return err
	}
	acks, err := m.store.Acks(ctx)
	if err != nil {
		return err
	}
	entries := remember(stored, acks, now)
	m.book.put(entries)
	if err := m.loadBlobs(ctx); err != nil {
		return err
	}
	return m.outbox.Load(ctx)
}

// quieter gives Alertmanager's packages a log in which what they inform of is
// debugging: what people want to know of it is told by the Manager.
func quieter(log *slog.Logger) *slog.Logger { return slog.New(quiet{log.Handler()}) }

type quiet struct{ slog.Handler }

// Enabled implements slog.Handler.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
