package app

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/lifecycle"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/dogstatsd"
	"lapwing.dev/lapwing/internal/metrics/otlp"
	"lapwing.dev/lapwing/internal/metrics/promapi"
	"lapwing.dev/lapwing/internal/metrics/remote"
	"lapwing.dev/lapwing/internal/metrics/rules"
	"lapwing.dev/lapwing/internal/metrics/scrape"
	"lapwing.dev/lapwing/internal/slo"
)

// series are the parts that keep, ask, send and take what is measured. Offline
// there is no db, and only Prepare may be called.
type series struct {
	db        *metrics.DB
	collector *metrics.Collector
	rules     *rules.Manager
	scraper   *scrape.Scraper
	remote    *remote.Remote
	otlp      *otlp.Exporter
	dogstatsd *dogstatsd.Exporter
	written   *remote.Receiver
	sent      *otlp.Receiver
}

func newSeries(d partsDeps, p *parts) (*series, error) {
	s := &series{db: d.metrics}
	ruling := rules.Deps{Log: d.log, Health: d.notices, Notify: p.telling.Rules, ExternalURL: d.address}
	if d.metrics != nil {
		ruling.DB = d.metrics
	}
	s.rules = rules.New(ruling)
	scraping := scrape.Deps{Log: d.log}
	if d.metrics != nil {
		scraping.Appendable = d.metrics.AppendableV2()
	}
	var err error
	if s.scraper, err = scrape.New(scraping); err != nil {
		return nil, err
	}
	sending := remote.Deps{Log: d.log, Notices: d.notices, Scrape: s.scraper}
	if d.metrics != nil {
		sending.Dir, sending.Queryable = d.metrics.Dir(), d.metrics.Queryable()
	}
	s.remote = remote.New(sending)
	if d.metrics != nil {
		d.metrics.TSDB().SetWriteNotified(s.remote)
		s.written = remote.NewReceiver(d.log, d.metrics.Appendable())
		if s.sent, err = otlp.NewReceiver(d.log, d.metrics.AppendableV2()); err != nil {
			return nil, err
		}
	}
	sources := p.sources(d.notices)
	s.otlp = otlp.NewExporter(otlp.ExporterDeps{Log: d.log, Notices: d.notices, Gatherer: d.registry, Sources: sources, Version: Version().Version, Instance: hostname()})
	s.dogstatsd = dogstatsd.New(dogstatsd.Deps{Log: d.log, Notices: d.notices, Gatherer: d.registry, Sources: sources})
	if d.metrics != nil {
		stored := slices.Clone(sources)
		if !d.metrics.Section().CheckDetails {
			stored[0] = briefly(stored[0])
		}
		s.collector = metrics.NewCollector(d.metrics, d.registry, stored...)
	}
	return s, nil
}

// briefly is what of the metrics of checks is stored: thousands of checks with
// two dozen series each would take more memory than everything else, and the
// history of checks has all of it anyway.
func briefly(source metrics.Source) metrics.Source {
	kept := map[string]bool{
		"probe_success": true, "probe_duration_seconds": true, "probe_http_status_code": true, "probe_ssl_earliest_cert_expiry": true,
		"lapwing_check_state": true, "lapwing_check_missed_total": true,
	}
	return func(emit func(*dto.MetricFamily) error) error {
		return source(func(f *dto.MetricFamily) error {
			switch {
			case !kept[f.GetName()]:
				return nil
			case f.GetName() == "lapwing_check_state": // but the states that it is not in
				f.Metric = slices.DeleteFunc(f.Metric, func(m *dto.Metric) bool { return m.GetGauge().GetValue() == 0 })
			}
			return emit(f)
		})
	}
}

// sources are the metrics that are not in the registry, those of checks first.
func (p *parts) sources(notices *health.Registry) []metrics.Source {
	return []metrics.Source{
		p.checks.WriteMetrics, p.traffic.WriteMetrics,
		func(emit func(*dto.MetricFamily) error) error { return p.slo.WriteMetrics(emit) }, // it is made later
		p.beats.WriteMetrics, metrics.Notices(notices),
	}
}

// prepare makes the sections ready, in all parts.
func (s *series) prepare(l *config.Loaded, add func(section string, commit func(), err error) error) error {
	cfg := seriesOf(l)
	prepares := []func(metrics.Config) (func(), error){s.rules.Prepare, s.scraper.Prepare, s.remote.Prepare, s.otlp.Prepare, s.dogstatsd.Prepare}
	if s.db != nil {
		prepares = append(prepares, s.db.Prepare)
	} else {
		prepares = append(prepares, func(c metrics.Config) (func(), error) { return func() {}, c.Validate().Err() })
	}
	for _, prepare := range prepares {
		commit, err := prepare(cfg)
		if err := add("", commit, err); err != nil {
			return err
		}
	}
	return nil
}

// seriesOf are the sections about what is measured.
func seriesOf(l *config.Loaded) metrics.Config {
	f := &l.File
	return metrics.Config{Metrics: f.Metrics, ScrapeConfigs: f.ScrapeConfigs, RemoteWrite: f.RemoteWrite, Rules: f.Rules, Dir: l.Dir}
}

// parts are what runs, in the order in which it starts.
func (s *series) parts() []lifecycle.Part {
	return []lifecycle.Part{
		{Name: "metrics", Run: s.db.Run},
		{Name: "remote write", Run: s.remote.Run},
		{Name: "scrapes", Run: s.scraper.Run},
		{Name: "rules", Run: s.rules.Run},
		{Name: "metrics of our own", Run: s.collector.Run},
		{Name: "OTLP", Run: s.sent.Run},
		{Name: "OTLP export", Run: s.otlp.Run},
		{Name: "DogStatsD", Run: s.dogstatsd.Run},
	}
}

// collectors are the parts' own counters.
func (s *series) collectors() []prometheus.Collector {
	var list []prometheus.Collector
	for _, c := range [][]prometheus.Collector{
		s.collector.Collectors(), s.rules.Collectors(), s.scraper.Collectors(), s.remote.Collectors(), s.written.Collectors(),
		s.sent.Collectors(), s.otlp.Collectors(), s.dogstatsd.Collectors(),
	} {
		list = append(list, c...)
	}
	return list
}

// query asks for package slo, about APIs of which only metrics are known.
func (s *series) query(ctx context.Context, expr string, at time.Time) ([]slo.Sample, error) {
	if s.db == nil {
		return nil, errors.New("there are no metrics")
	}
	samples, err := s.db.Instant(ctx, expr, at)
	list := make([]slo.Sample, len(samples))
	for i := range samples {
		list[i] = slo.Sample{Labels: samples[i].Labels, Value: samples[i].Value}
	}
	return list, err
}

// prometheusAPI is Prometheus' HTTP API, below /prometheus.
func (a *App) prometheusAPI() http.Handler {
	s := a.parts.series
	return promapi.New(promapi.Deps{
		Log: a.log, DB: s.db, Rules: s.rules, Targets: s.scraper.Manager(), RemoteWrite: s.written, OTLP: s.sent,
		Gatherer: a.registry, Sources: a.parts.sources(a.notices),
		ExternalURL: a.URL, Version: Version().Version, Started: a.started,
		Reloaded: func() (time.Time, bool) {
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.reload.good, a.reload.err == nil
		},
	})
}

// hostname names this server among others.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
