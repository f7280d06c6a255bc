package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
)

// LoadConfig reads a configuration file with the process's environment. The
// error is a *config.Errors with every mistake, those that only the parts find
// included; without an error they have not been asked yet.
func LoadConfig(path string) (*config.Loaded, error) {
	return config.Load(path, os.LookupEnv, func(l *config.Loaded) fault.Problems {
		p, err := newCheckingParts(slog.New(slog.DiscardHandler), l)
		if err == nil {
			_, err = p.prepareAll(context.Background(), l)
		}
		problems, _ := errors.AsType[fault.Problems](err)
		return problems
	})
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
	p, err := newCheckingParts(log, l)
	if err != nil {
		return err
	}
	_, err = p.prepare(ctx, l)
	return err
}

// OfflineChecks makes the checks of a configuration ready to be run once, with
// no store, no schedule and no server. Call done when they are no longer needed.
func OfflineChecks(ctx context.Context, log *slog.Logger, l *config.Loaded) (m *checks.Manager, done func(), err error) {
	p, err := newParts(partsDeps{log: log, dir: l.Dir, notices: &health.Registry{}})
	if err != nil {
		return nil, nil, err
	}
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
