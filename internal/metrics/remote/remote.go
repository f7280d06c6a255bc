package remote

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/storage"
	promremote "github.com/prometheus/prometheus/storage/remote"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/secret"
)

// Deps are what a Remote needs.
type Deps struct {
	Log       *slog.Logger
	Dir       string            // of the TSDB: its write-ahead log is read, and the marks are kept here; "": only Prepare may be called
	Queryable storage.Queryable // of the same TSDB
	Notices   *health.Registry  // told when a receiver is behind; nil: nobody is

	// Scrape knows the metadata of scraped metrics, which remote write 1.0 sends
	// apart; nil: none is sent.
	Scrape promremote.ReadyScrapeManager
}

// Remote sends samples to the receivers of remote_write. The TSDB must be told
// of it (tsdb.DB.SetWriteNotified), so that samples leave as they come.
type Remote struct {
	deps     Deps
	log      *slog.Logger
	registry *prometheus.Registry // Prometheus' own counters of queues
	redactor atomic.Pointer[secret.Redactor]
	marks    *marks

	writer   atomic.Pointer[promremote.WriteStorage] // nil while Run does not
	changing atomic.Bool                             // queues: the writer is locked meanwhile

	mu      sync.Mutex
	next    *plan
	changed chan struct{}

	resumed *prometheus.CounterVec // by receiver
	refused *prometheus.CounterVec
	behind  *prometheus.GaugeVec
}

// New returns a Remote; nothing is sent before Run. A file of marks that cannot
// be read is told and begun anew: monitoring must not stand still for it.
func New(d Deps) *Remote {
	r := &Remote{deps: d, registry: prometheus.NewRegistry(), changed: make(chan struct{}, 1)}
	r.redactor.Store(secret.NewRedactor())
	r.log = slog.New(&redacting{d.Log.With("part", "remote write").Handler(), &r.redactor})
	var err error
	if r.marks, err = loadMarks(d.Dir); err != nil {
		r.log.Error("what was not sent before the start is not sent any more", "error", err)
	}
	byReceiver := []string{"remote_name"}
	r.resumed = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lapwing_remote_write_resumed_samples_total", Help: "Samples that were sent from the store, because the receiver or Lapwing was down when they came.",
	}, byReceiver)
	r.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lapwing_remote_write_refused_samples_total", Help: "Samples sent from the store that the receiver did not take: it has them already, or never will.",
	}, byReceiver)
	r.behind = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lapwing_remote_write_behind_seconds", Help: "Age of the oldest sample that the receiver may not have; 0 while it is up to date within less than a minute.",
	}, byReceiver)
	return r
}

// Prepare reads the section remote_write; commit makes Run change to it.
// Receivers that stay the same go on undisturbed.
func (r *Remote) Prepare(cfg metrics.Config) (commit func(), err error) {
	p, err := read(cfg)
	if err != nil {
		return nil, err
	}
	return func() {
		r.mu.Lock()
		r.next = p
		r.mu.Unlock()
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}, nil
}

// Notify implements wlog.WriteNotified: there is something new to read. It never
// blocks, because the TSDB calls it in each commit.
func (r *Remote) Notify() {
	if w := r.writer.Load(); w != nil && !r.changing.Load() {
		w.Notify()
	}
}

// Run sends until ctx ends; what is under way then has two seconds for each
// receiver, and the rest is sent after the next start.
func (r *Remote) Run(ctx context.Context) error {
	if r.writer.Load() != nil {
		return errors.New("remote write runs already")
	}
	w := promremote.NewWriteStorage(r.log, r.registry, r.deps.Dir, flushWithin, r.deps.Scrape, false)
	r.writer.Store(w)
	s := &session{Remote: r, writer: w, lanes: map[string]*lane{}, resumedTo: make(chan *lane), ended: make(chan *lane)}
	s.run(ctx)
	r.writer.Store(nil)
	err := w.Close()
	return errors.Join(err, r.marks.save(true))
}

// Collectors returns the counters of queues and of what was sent from the store.
func (r *Remote) Collectors() []prometheus.Collector {
	return []prometheus.Collector{&redactedMetrics{r.registry, &r.redactor}, r.resumed, r.refused, r.behind}
}
