package gateway

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Run serves until ctx ends, then lets requests in work finish within `drain`.
// It returns when all that it started has ended; the error says that an address
// could not be opened.
func (g *Gateway) Run(ctx context.Context) error {
	if err := g.Listen(ctx); err != nil {
		return listenError(err)
	}
	parts, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var running sync.WaitGroup
	errs := make([]error, 2)
	running.Go(func() { errs[0] = g.upstreams.Run(parts) })
	running.Go(func() { errs[1] = g.auth.Run(parts) })
	running.Go(func() { g.watchCertificate(parts) })

	g.mu.Lock()
	g.serveAll()
	g.mu.Unlock()
	close(g.ready)

	<-ctx.Done()
	g.shut()
	stop() // upstreams are needed until the last request is served
	running.Wait()
	return errors.Join(errs...)
}

// Ready blocks until Run accepts connections.
func (g *Gateway) Ready(ctx context.Context) error {
	select {
	case <-g.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shut closes all addresses and waits for those who are in.
func (g *Gateway) shut() {
	g.mu.Lock()
	g.discard()
	entrances := []*entrance{g.main, g.decisions}
	g.main, g.decisions, g.running, g.serving = nil, nil, false, false
	drain := g.table.Load().cfg.Drain.Std()
	g.mu.Unlock()
	for _, e := range entrances {
		if e != nil {
			e.shut(drain)
		}
	}
	for _, e := range entrances {
		if e != nil {
			e.accepts.Wait()
		}
	}
	g.leaving.Wait()
}

// certificateLook is how often the certificate's files are looked at.
const certificateLook = 5 * time.Second

// watchCertificate reads the certificate again when its files have changed.
func (g *Gateway) watchCertificate(ctx context.Context) {
	tick := time.NewTicker(certificateLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if c := g.table.Load().tls; c != nil {
				g.refresh(c)
			}
		}
	}
}
