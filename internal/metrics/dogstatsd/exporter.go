package dogstatsd

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/metrics"
)

const (
	toldAfter  = 2 * time.Minute // of failures
	noticeCode = "dogstatsd_failing"
)

// Deps are what an Exporter needs.
type Deps struct {
	Log      *slog.Logger
	Gatherer prometheus.Gatherer // what /metrics shows
	Sources  []metrics.Source    // likewise
	Notices  *health.Registry    // told when sending fails for long; nil: nobody is
}

// Exporter sends our series to the agent of `metrics.dogstatsd`, every `every`.
//
// What counters grew by while the agent was away is sent when it is back, as far
// as it can be known: a unix socket says whether a datagram arrived, UDP does so
// only sometimes.
type Exporter struct {
	deps Deps
	log  *slog.Logger

	mu      sync.Mutex
	next    target
	changed chan struct{}

	sent, datagrams, tooLong, unsent, noForm atomic.Uint64
}

type target struct {
	metrics.DogStatsD
	labels map[string]string
}

// New returns an Exporter; nothing is sent before Run.
func New(d Deps) *Exporter {
	return &Exporter{deps: d, log: d.Log.With("part", "dogstatsd"), changed: make(chan struct{}, 1)}
}

// Prepare reads metrics.dogstatsd, which Section.Validate has checked; commit
// makes Run change to it.
func (e *Exporter) Prepare(cfg metrics.Config) (commit func(), err error) {
	section := cfg.Metrics.Filled()
	t := target{section.DogStatsD, section.Labels}
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
	var (
		to     target
		ticker = time.NewTicker(time.Hour)
		socket *socket
		since  time.Time // the first failure in a row
		known  = &memory{}
	)
	defer ticker.Stop()
	defer e.clear()
	defer func() { socket.close() }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.changed:
			e.mu.Lock()
			to = e.next
			e.mu.Unlock()
			socket.close()
			socket, since = nil, time.Time{}
			e.clear()
			if to.Enabled() {
				ticker.Reset(to.Every.Std())
				socket = newSocket(to.Address)
				if !known.begun { // what was counted before is not news
					known.begin(e.families)
				}
			} else {
				known = &memory{}
			}
			continue
		case <-ticker.C:
		}
		if !to.Enabled() {
			continue
		}
		err := e.round(ctx, socket, known, &to)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			if !since.IsZero() {
				e.log.Info("metrics are sent again")
			}
			since = time.Time{}
			e.clear()
		default:
			if since.IsZero() {
				since = time.Now()
				e.log.Warn("metrics cannot be sent", "error", err)
			}
			e.tell(since, err)
		}
	}
}

// round sends what there is now. The error is the last one of its datagrams.
func (e *Exporter) round(ctx context.Context, s *socket, known *memory, to *target) (failed error) {
	if err := s.open(ctx); err != nil {
		return err // counters go on counting from where they were
	}
	p := &packer{limit: s.limit, tooLong: &e.tooLong}
	p.send = func(datagram []byte, told []growth) {
		if err := s.write(datagram); err != nil {
			failed = err
			e.unsent.Add(p.lines)
			return
		}
		e.datagrams.Add(1)
		e.sent.Add(p.lines)
		known.note(told)
	}
	w := &writer{packer: p, memory: known, prefix: to.Prefix, tags: tagsOf(to.labels), noForm: &e.noForm}
	known.round++
	e.families(w.family)
	p.flush()
	known.forget()
	if failed != nil {
		s.close() // a socket of the agent's last life is not found again
	}
	return failed
}

// families hands out everything that /metrics shows.
func (e *Exporter) families(take func(*dto.MetricFamily)) {
	failed := func(err error) { e.log.Debug("some metrics could not be gathered", "error", err) }
	everything := metrics.Everything(e.deps.Gatherer, e.deps.Sources, failed)
	_ = everything(func(f *dto.MetricFamily) error { take(f); return nil }) //nolint:errcheck // only what emit returns
}

func (e *Exporter) tell(since time.Time, err error) {
	if e.deps.Notices != nil && time.Since(since) >= toldAfter {
		e.deps.Notices.Raise(health.Notice{
			Code: noticeCode, Severity: health.Warning, Title: "Metrics are not sent to the Datadog Agent",
			Text: "Since " + since.UTC().Format("15:04 MST") + " the address of metrics.dogstatsd takes nothing: " + err.Error(),
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
	const dropped = "Metrics that were not sent as DogStatsD: longer than a datagram, the agent took none, or there is no form for them."
	return []prometheus.Collector{
		counter("lapwing_dogstatsd_metrics_sent_total", "Metrics that were sent as DogStatsD.", nil, &e.sent),
		counter("lapwing_dogstatsd_datagrams_sent_total", "Datagrams of DogStatsD that were sent.", nil, &e.datagrams),
		counter("lapwing_dogstatsd_metrics_dropped_total", dropped, prometheus.Labels{"reason": "too_long"}, &e.tooLong),
		counter("lapwing_dogstatsd_metrics_dropped_total", dropped, prometheus.Labels{"reason": "unsent"}, &e.unsent),
		counter("lapwing_dogstatsd_metrics_dropped_total", dropped, prometheus.Labels{"reason": "no_form"}, &e.noForm),
	}
}
