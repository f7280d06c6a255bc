package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/probe"
)

// LoadConfig reads a configuration file with the process's environment. The
// error is a *config.Errors with every mistake.
func LoadConfig(path string) (*config.Loaded, error) {
	return config.Load(path, os.LookupEnv)
}

// DataFolder is the folder of the stores; a relative one is relative to the
// configuration file, so that it does not depend on where a command is called.
func DataFolder(l *config.Loaded) string {
	return resolve(l.Dir, l.File.Data)
}

// resolve makes a file name of the configuration absolute.
func resolve(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// CheckConfig finds the mistakes that only the parts themselves can find: it
// prepares each of them, as a start or a reload would, and commits none.
func CheckConfig(ctx context.Context, log *slog.Logger, l *config.Loaded) error {
	_, done, err := OfflineChecks(ctx, log, l)
	if err != nil {
		return err
	}
	done()
	return nil
}

// OfflineChecks makes the checks of a configuration ready to be run once, with
// no store, no schedule and no server. Call done when they are no longer needed.
func OfflineChecks(ctx context.Context, log *slog.Logger, l *config.Loaded) (m *checks.Manager, done func(), err error) {
	p := newParts(partsDeps{log: log, dir: l.Dir, notices: &health.Registry{}})
	commit, err := p.prepare(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	commit()
	catalogCtx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := p.catalog.Run(catalogCtx); err != nil && catalogCtx.Err() == nil {
			log.Warn("API documents are not read", "error", err)
		}
	}()
	return p.checks, func() {
		cancel()
		<-ended
	}, nil
}

// parts are everything that a configuration configures.
type parts struct {
	http    *probe.HTTP
	catalog *catalog.Catalog
	checks  *checks.Manager
	access  *access.Manager // nil offline
}

// partsDeps are what the parts work with; offline there is no store.
type partsDeps struct {
	log       *slog.Logger
	dir       string // that relative file names are relative to
	store     checks.Store
	access    access.Store
	notices   *health.Registry
	publisher checks.Publisher
	onResult  func(*checks.Result)
	traceSeed []byte
}

func newParts(d partsDeps) *parts {
	p := &parts{
		http:    probe.NewHTTP(probe.Options{UserAgent: "Lapwing/" + Version().Version + " (+check)", Dir: d.dir}),
		catalog: catalog.New(catalog.Deps{Log: d.log}),
	}
	p.checks = checks.New(checks.Deps{
		Log: d.log, Store: d.store, HTTP: p.http, Contracts: contracts{p.catalog},
		Publisher: d.publisher, OnResult: d.onResult, Health: d.notices, TraceSeed: d.traceSeed,
	})
	if d.access != nil {
		p.access = access.New(access.Deps{Store: d.access, Log: d.log})
	}
	return p
}

// prepare makes a configuration ready in all parts; any error leaves everything
// as it was. commit puts it in force and cannot fail.
func (p *parts) prepare(ctx context.Context, l *config.Loaded) (commit func(), err error) {
	var commits []func()
	add := func(commit func(), err error) error {
		if err != nil {
			return explain(l, err)
		}
		commits = append(commits, commit)
		return nil
	}
	f := &l.File
	if err := add(p.catalog.Prepare(f.APIs, l.Dir)); err != nil {
		return nil, err
	}
	if err := add(p.checks.Prepare(checks.Config{
		Checks: f.Checks, APIs: baseURLs(f.APIs), Retention: f.History, Dir: l.Dir,
	})); err != nil {
		return nil, err
	}
	if p.access != nil {
		if err := add(p.access.Prepare(ctx, f.Access, l.Dir)); err != nil {
			return nil, err
		}
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

// explain gives a part's problems their places in the file.
func explain(l *config.Loaded, err error) error {
	if problems, ok := errors.AsType[fault.Problems](err); ok {
		return l.Problems(problems)
	}
	return err
}
