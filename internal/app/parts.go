package app

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/heartbeats"
	"lapwing.dev/lapwing/internal/ingest"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/rules"
	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/slo"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

// parts are everything that a configuration configures.
type parts struct {
	log     *slog.Logger
	http    *probe.HTTP
	catalog *catalog.Catalog
	checks  *checks.Manager
	limits  *limits.Manager
	blocks  *blocks.Manager
	traffic *traffic.Manager
	gateway *gateway.Gateway
	ingest  *ingest.Receiver
	logs    *ingest.Logs
	slo     *slo.Manager
	beats   *heartbeats.Manager
	alerts  *alerting.Manager
	telling *teller // what goes on to alerts
	series  *series
	access  *access.Manager // nil offline
}

// partsDeps are what the parts work with; offline there is no store.
type partsDeps struct {
	log       *slog.Logger
	dir       string // that relative file names are relative to
	store     checks.Store
	access    access.Store
	quotas    limits.Store
	blocks    blocks.Store
	beats     heartbeats.Store
	alerts    alerting.Store
	slo       slo.Store
	offsets   ingest.Offsets
	metrics   *metrics.DB
	registry  *prometheus.Registry
	address   func() string // of the web interface, without a slash at its end
	notices   *health.Registry
	publisher checks.Publisher
	onResult  func(*checks.Result)
	seed      []byte // of this installation: for trace ids and for hashes of clients
	bounds    traffic.Bounds
	gateway   string // that it listens on, whatever the configuration says; ""
	stdout    io.Writer
}

func newParts(d partsDeps) (*parts, error) {
	if d.registry == nil {
		d.registry = prometheus.NewRegistry()
	}
	if d.address == nil {
		d.address = func() string { return "http://localhost" }
	}
	p := &parts{
		log:     d.log,
		http:    probe.NewHTTP(probe.Options{UserAgent: "Lapwing/" + Version().Version + " (+check)", Dir: d.dir}),
		catalog: catalog.New(catalog.Deps{Log: d.log}),
	}
	p.checks = checks.New(checks.Deps{
		Log: d.log, Store: d.store, HTTP: p.http, Contracts: contracts{p.catalog},
		Publisher: d.publisher, OnResult: p.observed(d.onResult), Health: d.notices, TraceSeed: d.seed,
	})
	p.limits = limits.New(limits.Deps{Log: d.log, Store: d.quotas, Health: d.notices, Secret: clientSecret(d.seed)})
	p.blocks = blocks.New(blocks.Deps{Log: d.log, Store: d.blocks, Health: d.notices})
	p.traffic = traffic.New(traffic.Deps{
		Log: d.log, Bounds: d.bounds, Publisher: d.publisher, Health: d.notices, Stdout: d.stdout,
		Active: func() int64 { return p.gateway.InFlight() }, Waiting: p.waiting,
	})
	p.beats = heartbeats.New(heartbeats.Deps{Log: d.log, Store: d.beats})
	var err error
	p.alerts, err = alerting.New(alerting.Deps{
		Log: d.log, Store: d.alerts, Health: d.notices, Publisher: d.publisher, Registry: d.registry, ExternalURL: d.address, Version: Version().Version,
	})
	if err != nil {
		return nil, err
	}
	p.telling = newTeller(tellerDeps{
		log: d.log, checks: p.checks, beats: p.beats, notices: d.notices, to: p.alerts, page: p.page,
		waiting: func() []rules.Alert { return p.series.rules.Pending() },
	})
	if p.series, err = newSeries(d, p); err != nil {
		return nil, err
	}
	p.slo = slo.New(slo.Deps{
		Log: d.log, Store: d.slo, Health: d.notices, Publisher: d.publisher, Changed: p.telling.Conditions,
		Query: p.series.query, Operations: p.documented,
	})
	p.telling.failures = p.slo.TopErrors
	sinks := observe.Fanout{p.traffic, p.slo, p.blocks, p.catalog}
	p.gateway = gateway.New(gateway.Deps{
		Log: d.log, Sink: sinks, Blocker: p.blocks, Operations: p.catalog, Validator: p.catalog, Health: d.notices, Listen: d.gateway,
	})
	p.ingest = ingest.New(ingest.Deps{Sink: sinks, Operations: p.catalog, Blocks: p.blocks.Everything})
	p.logs = ingest.NewLogs(ingest.LogsDeps{
		Log: d.log, Sink: sinks, Operations: p.catalog, Offsets: d.offsets, Health: d.notices,
		Messages: p.slo.ObserveMessage, Changed: p.telling.Lines,
	})
	if d.access != nil {
		p.access = access.New(access.Deps{Store: d.access, Log: d.log})
	}
	return p, nil
}

// documented lists the operations of an API's document, as names.
func (p *parts) documented(api string) []string {
	operations := p.catalog.Operations(api)
	names := make([]string, len(operations))
	for i := range operations {
		names[i] = operations[i].Method + " " + operations[i].Path
	}
	return names
}

// newCheckingParts are parts that look for mistakes in a configuration, and are
// then forgotten.
func newCheckingParts(log *slog.Logger, l *config.Loaded) (*parts, error) {
	return newParts(partsDeps{log: log, dir: l.Dir, access: noPassword{}, notices: &health.Registry{}})
}

// noPassword is the store of a server whose password was never set. To prepare
// asks for nothing else.
type noPassword struct{ access.Store }

func (noPassword) PasswordHash(context.Context) (string, error) { return "", nil }

// prepare makes a configuration ready in all parts; any error leaves everything
// as it was, and is a *config.Errors with the mistakes of all parts if they are
// the configuration's. commit puts it in force and cannot fail.
func (p *parts) prepare(ctx context.Context, l *config.Loaded) (commit func(), err error) {
	commit, err = p.prepareAll(ctx, l)
	if problems, ok := errors.AsType[fault.Problems](err); ok {
		return nil, l.Problems(problems)
	}
	return commit, err
}

// prepareAll does what prepare promises; mistakes are fault.Problems yet.
func (p *parts) prepareAll(ctx context.Context, l *config.Loaded) (commit func(), err error) {
	var commits []func()
	var problems fault.Problems
	add := func(section string, commit func(), err error) error {
		if found, ok := errors.AsType[fault.Problems](err); ok {
			problems.Merge(section, found)
			return nil
		}
		commits = append(commits, commit)
		return err
	}
	f := &l.File
	if p.access != nil {
		commit, err := p.access.Prepare(ctx, f.Access, l.Dir)
		if err := add("access", commit, err); err != nil {
			return nil, err
		}
	}
	commit, err = p.catalog.Prepare(f.APIs, l.Dir)
	if err := add("", commit, err); err != nil {
		return nil, err
	}
	if err := p.prepareTraffic(ctx, l, add); err != nil {
		return nil, err
	}
	if err := p.prepareAlerts(l, add); err != nil {
		return nil, err
	}
	manager := p.checks
	if len(problems) > 0 {
		// What checks have prepared they hold until it is committed, and this will
		// not be: let others, that nobody holds, look for mistakes.
		others, err := newParts(partsDeps{log: p.log, dir: l.Dir, notices: &health.Registry{}})
		if err != nil {
			return nil, err
		}
		manager = others.checks
	}
	commit, err = manager.Prepare(checks.Config{
		Checks: f.Checks, APIs: baseURLs(f.APIs), Retention: f.History, Dir: l.Dir,
	})
	if err := add("", commit, err); err != nil {
		return nil, err
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return func() {
		for _, commit := range commits {
			commit()
		}
	}, nil
}

func baseURLs(apis []catalog.API) map[string]string {
	urls := make(map[string]string, len(apis))
	for _, api := range apis {
		urls[api.Name] = api.URL
	}
	return urls
}
