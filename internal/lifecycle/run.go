package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// Run starts the parts in order, blocks until ctx ends or a part fails, and then
// stops what was started in reverse order, one part after the other.
//
// It returns nil when ctx ended and every part ended cleanly within its
// deadline. Otherwise the error joins, one line each, why the parts were stopped
// and what went wrong while stopping. A part that misses its deadline is named
// and left behind; the others are stopped all the same.
func Run(ctx context.Context, log *slog.Logger, parts ...Part) error {
	ended := make(chan *running, len(parts))
	started, err := startAll(ctx, log, parts, ended)
	if err == nil {
		select {
		case <-ctx.Done():
		case r := <-ended:
			err = r.early()
		}
	}
	errs := []error{err}
	for _, r := range slices.Backward(started) {
		errs = append(errs, r.stop(log))
	}
	return errors.Join(errs...)
}

// startAll returns the parts that were started, also when one could not be. It
// starts no more parts once ctx has ended, which is no error.
func startAll(ctx context.Context, log *slog.Logger, parts []Part, ended chan *running) ([]*running, error) {
	var started []*running
	for _, part := range parts {
		if ctx.Err() != nil {
			return started, nil
		}
		r := start(ctx, log, part, ended)
		started = append(started, r)
		if err := r.awaitReady(ctx, log, ended); err != nil {
			return started, err
		}
		log.Debug("part started", "part", part.Name)
	}
	return started, nil
}

// awaitReady waits until the part says that it can be used, ctx ends, or any
// part that runs already ends too early.
func (r *running) awaitReady(ctx context.Context, log *slog.Logger, ended <-chan *running) error {
	if r.Ready == nil {
		return nil
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	ready := make(chan error, 1)
	r.ready = ready
	go guard(waiting, log, r.Name, r.Ready, func(err error) { ready <- err })
	select {
	case err := <-ready:
		r.ready = nil
		if err == nil || ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("part %q did not become ready: %w", r.Name, err)
	case other := <-ended:
		return other.early()
	case <-ctx.Done():
		return nil
	}
}
