package upstream

import (
	"context"
	"sync"
	"time"
)

// How often idle connections are looked through, and names looked up again.
const (
	sweepEvery    = 5 * time.Second
	lookupEvery   = 30 * time.Second
	lookupTimeout = 5 * time.Second // of one name
)

// Run asks servers whether they are well, looks their names up again and closes
// connections that nobody used for long, until ctx ends. Then it closes all that
// are idle. Without it, pools work but learn only from requests.
func (g *Registry) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()

	running.Go(func() { every(ctx, sweepEvery, g.sweep) })
	running.Go(func() { every(ctx, lookupEvery, func() { g.lookupAll(ctx) }) })

	stops := map[*checker]context.CancelFunc{}
	for {
		wanted := g.checkersInUse()
		for k, stop := range stops {
			if !wanted[k] {
				stop()
				delete(stops, k)
			}
		}
		for k := range wanted {
			if stops[k] == nil {
				kctx, stop := context.WithCancel(ctx)
				stops[k] = stop
				running.Go(func() { k.run(kctx, g) })
			}
		}
		select {
		case <-g.changed:
		case <-ctx.Done():
			for _, stop := range stops {
				stop()
			}
			g.closeIdle()
			return nil
		}
	}
}

func every(ctx context.Context, d time.Duration, do func()) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

func (g *Registry) checkersInUse() map[*checker]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := map[*checker]bool{}
	for _, s := range g.servers {
		for _, k := range s.checkers {
			all[k] = true
		}
	}
	return all
}

// all returns the servers in use.
func (g *Registry) all() []*server {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]*server, 0, len(g.servers))
	for _, s := range g.servers {
		list = append(list, s)
	}
	return list
}

func (g *Registry) sweep() {
	now := g.now()
	for _, s := range g.all() {
		s.idle.sweep(now)
	}
}

func (g *Registry) lookupAll(ctx context.Context) {
	for _, s := range g.all() {
		if s.names.refresh(ctx, g, s.addr) {
			s.idle.sweepAddresses(&s.names)
			g.mu.Lock()
			for _, t := range g.transports {
				t.CloseIdleConnections()
			}
			g.mu.Unlock()
		}
	}
}

func (g *Registry) closeIdle() {
	for _, s := range g.all() {
		s.idle.drain()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.transports {
		t.CloseIdleConnections()
	}
}
