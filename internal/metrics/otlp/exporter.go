package otlp

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/secret"
)

const (
	maxPoints   = 2_000 // of a request
	firstWait   = time.Second
	longestWait = 30 * time.Second
	timeout     = 10 * time.Second
	toldAfter   = 2 * time.Minute // of failures
	noticeCode  = "otlp_export_failing"
)

// ExporterDeps are what an Exporter needs.
type ExporterDeps struct {
	Log      *slog.Logger
	Gatherer prometheus.Gatherer // what /metrics shows
	Sources  []metrics.Source    // likewise
	Notices  *health.Registry    // told when sending fails for long; nil: nobody is
	Version  string              // service.version
	Instance string              // service.instance.id
}

// Exporter sends our series to a collector, every `metrics.otlp.every`, with
// the values that /metrics shows. What counts is sent as it counts up, so that a
// time in which nothing arrived leaves a gap and no difference: nothing is queued,
// and memory does not grow while the collector is away.
type Exporter struct {
	deps  ExporterDeps
	log   *slog.Logger
	start time.Time // of what has no time of its own

	everything metrics.Source // that /metrics shows

	mu      sync.Mutex
	next    target
	changed chan struct{}

	sent, rejected, dropped, failed atomic.Uint64
}

// target is where to send, and what to add.
type target struct {
	metrics.OTLPExport
	labels   map[string]string
	redactor *secret.Redactor
}

// NewExporter returns an Exporter; nothing is sent before Run.
func NewExporter(d ExporterDeps) *Exporter {
	log := d.Log.With("part", "otlp export")
	return &Exporter{
		deps: d, log: log, start: time.Now(), changed: make(chan struct{}, 1),
		everything: metrics.Everything(d.Gatherer, d.Sources, func(err error) { log.Debug("some metrics could not be gathered", "error", err) }),
	}
}

// Prepare reads metrics.otlp, which Section.Validate has checked; commit makes
// Run change to it.
func (e *Exporter) Prepare(cfg metrics.Config) (commit func(), err error) {
	section := cfg.Metrics.Filled()
	var secrets []string
	for _, value := range section.OTLP.Headers {
		secrets = append(secrets, value.Reveal())
	}
	t := target{section.OTLP, section.Labels, secret.NewRedactor(secrets...)}
	return func() {
		e.mu.Lock()
		e.next = t
		e.mu.Unlock()
		select {
		case e.changed <- struct{}{}:
		default:
		}
	}, nil
}

// Run sends until ctx ends.
func (e *Exporter) Run(ctx context.Context) error {
	client := newClient()
	defer client.CloseIdleConnections()
	defer e.clear()
	var (
		to     target
		ticker = time.NewTicker(time.Hour)
		since  time.Time // the first failure in a row
	)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.changed:
			e.mu.Lock()
			to = e.next
			e.mu.Unlock()
			since = time.Time{}
			e.clear()
			if to.Enabled() {
				ticker.Reset(to.Every.Std())
			}
			continue
		case <-ticker.C:
		}
		if !to.Enabled() {
			continue
		}
		switch err := e.round(ctx, client, &to); {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			if !since.IsZero() {
				e.log.Info("metrics are sent again")
			}
			since = time.Time{}
			e.clear()
		default:
			e.failed.Add(1)
			if since.IsZero() {
				since = time.Now()
				e.log.Warn("metrics cannot be sent", "error", to.redactor.Text(err.Error()))
			}
			e.tell(since, to.redactor.Text(err.Error()))
		}
	}
}

// round sends what there is now. It ends before the next is due, so that there
// is never more than one in memory.
func (e *Exporter) round(ctx context.Context, client *client, to *target) error {
	ctx, cancel := context.WithTimeout(ctx, to.Every.Std())
	defer cancel()
	var problem error
	t := newTranslation(e.resource(to), e.start, time.Now())
	flush := func() error {
		points := t.points
		if points == 0 {
			return nil
		}
		rejected, err := client.send(ctx, to, t.take())
		if err == nil {
			e.sent.Add(uint64(points - rejected)) // #nosec G115 -- counts
			e.rejected.Add(uint64(rejected))      // #nosec G115 -- counts
			return nil
		}
		e.dropped.Add(uint64(points)) // #nosec G115 -- a count
		return err
	}
	err := e.everything(func(family *family) error {
		t.add(family)
		if t.points < maxPoints {
			return nil
		}
		err := flush()
		if refused, ok := errors.AsType[*refusedError](err); ok { // of this part
			problem = refused
			return nil
		}
		return err
	})
	if err == nil {
		err = flush()
	}
	e.dropped.Add(uint64(t.dropped)) // #nosec G115 -- a count
	if err == nil {
		err = problem
	}
	return err
}

// resource says who measured.
func (e *Exporter) resource(to *target) func(pmetric.ResourceMetrics) {
	return func(r pmetric.ResourceMetrics) {
		attributes := r.Resource().Attributes()
		for name, value := range to.labels {
			attributes.PutStr(name, value)
		}
		attributes.PutStr("service.name", "lapwing")
		if e.deps.Version != "" {
			attributes.PutStr("service.version", e.deps.Version)
		}
		if e.deps.Instance != "" {
			attributes.PutStr("service.instance.id", e.deps.Instance)
		}
	}
}

func (e *Exporter) tell(since time.Time, reason string) {
	if e.deps.Notices != nil && time.Since(since) >= toldAfter {
		e.deps.Notices.Raise(health.Notice{
			Code: noticeCode, Severity: health.Warning, Title: "Metrics are not sent by OTLP",
			Text: "Since " + since.UTC().Format("15:04 MST") + " the collector of metrics.otlp gets nothing: " + reason,
		})
	}
}

func (e *Exporter) clear() {
	if e.deps.Notices != nil {
		e.deps.Notices.Clear(noticeCode)
	}
}

// Collectors returns the exporter's counters, to be registered.
func (e *Exporter) Collectors() []prometheus.Collector {
	counter := func(name, help string, labels prometheus.Labels, count *atomic.Uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 { return float64(count.Load()) })
	}
	const points = "Data points sent by OTLP, by what became of them."
	return []prometheus.Collector{
		counter("lapwing_otlp_export_points_total", points, prometheus.Labels{"result": "sent"}, &e.sent),
		counter("lapwing_otlp_export_points_total", points, prometheus.Labels{"result": "rejected"}, &e.rejected),
		counter("lapwing_otlp_export_points_total", points, prometheus.Labels{"result": "dropped"}, &e.dropped),
		counter("lapwing_otlp_export_failures_total", "Rounds of OTLP export that failed after all attempts.", nil, &e.failed),
	}
}
