package app

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/ingest"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/probe"
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
	notices   *health.Registry
	publisher checks.Publisher
	onResult  func(*checks.Result)
	seed      []byte // of this installation: for trace ids and for hashes of clients
	bounds    traffic.Bounds
	gateway   string // that it listens on, whatever the configuration says; ""
	stdout    io.Writer
}

func newParts(d partsDeps) *parts {
	p := &parts{
		log:     d.log,
		http:    probe.NewHTTP(probe.Options{UserAgent: "Lapwing/" + Version().Version + " (+check)", Dir: d.dir}),
		catalog: catalog.New(catalog.Deps{Log: d.log}),
	}
	p.checks = checks.New(checks.Deps{
		Log: d.log, Store: d.store, HTTP: p.http, Contracts: contracts{p.catalog},
		Publisher: d.publisher, OnResult: d.onResult, Health: d.notices, TraceSeed: d.seed,
	})
	p.limits = limits.New(limits.Deps{Log: d.log, Store: d.quotas, Health: d.notices, Secret: clientSecret(d.seed)})
	p.blocks = blocks.New(blocks.Deps{Log: d.log, Store: d.blocks, Health: d.notices})
	p.traffic = traffic.New(traffic.Deps{
		Log: d.log, Bounds: d.bounds, Publisher: d.publisher, Health: d.notices, Stdout: d.stdout,
		Active: func() int64 { return p.gateway.InFlight() }, Waiting: p.waiting,
	})
	sinks := observe.Fanout{p.traffic, p.blocks, p.catalog}
	p.gateway = gateway.New(gateway.Deps{
		Log: d.log, Sink: sinks, Blocker: p.blocks, Operations: p.catalog, Validator: p.catalog, Health: d.notices, Listen: d.gateway,
	})
	p.ingest = ingest.New(ingest.Deps{Sink: sinks, Operations: p.catalog, Blocks: p.blocks.Everything})
	if d.access != nil {
		p.access = access.New(access.Deps{Store: d.access, Log: d.log})
	}
	return p
}

// newCheckingParts are parts that look for mistakes in a configuration, and are
// then forgotten.
func newCheckingParts(log *slog.Logger, l *config.Loaded) *parts {
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
	manager := p.checks
	if len(problems) > 0 {
		// What checks have prepared they hold until it is committed, and this will
		// not be: let others, that nobody holds, look for mistakes.
		manager = newParts(partsDeps{log: p.log, dir: l.Dir, notices: &health.Registry{}}).checks
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
