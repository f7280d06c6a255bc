package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

// entrance is an address with the server that serves it.
type entrance struct {
	gateway *Gateway
	name    string // of the setting: "listen", "decision.listen"
	asked   string // the address as it is configured
	ln      net.Listener
	secure  bool // TLS, when there is a certificate
	handler http.HandlerFunc
	server  atomic.Pointer[server]
	accepts sync.WaitGroup
}

// serve starts to accept.
func (e *entrance) serve(bounds serverBounds) {
	e.server.Store(e.gateway.newServer(bounds, e.handler, e.ln.Addr()))
	e.accepts.Go(e.accept)
}

// accept hands connections to the server in force until the listener is closed.
func (e *entrance) accept() {
	pause := time.Duration(0)
	for {
		raw, err := e.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors, most likely: those who are in go on
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			e.gateway.log.Warn("a connection could not be accepted", "error", err, "pause", pause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		c := e.gateway.guard.admit(raw)
		if c == nil {
			continue
		}
		var served net.Conn = c
		if cert := e.gateway.table.Load().tls; cert != nil && e.secure {
			c.tls = true
			served = tls.Server(c, cert.config)
		}
		for !e.server.Load().take(served) {
			if e.server.Load().draining.Load() { // the entrance itself is closing
				_ = served.Close() // nothing was said on it
				break
			}
		}
	}
}

// renew replaces the server when its bounds are others; the old one drains.
func (e *entrance) renew(bounds serverBounds, drain time.Duration) {
	old := e.server.Load()
	if old.bounds == bounds {
		return
	}
	e.server.Store(e.gateway.newServer(bounds, e.handler, e.ln.Addr()))
	e.gateway.leave(old, drain)
}

// shut closes the address and drains.
func (e *entrance) shut(drain time.Duration) {
	_ = e.ln.Close() // it only ever accepted
	if s := e.server.Load(); s != nil {
		e.gateway.leave(s, drain)
	}
}

// leave drains a server in the background; Run waits for it.
func (g *Gateway) leave(s *server, drain time.Duration) {
	s.draining.Store(true)
	empty := func() bool {
		open, _ := g.guard.counts()
		return open == 0
	}
	g.leaving.Go(func() {
		g.metrics.draining.Add(1)
		defer g.metrics.draining.Add(-1)
		if err := s.drain(drain, empty); err != nil {
			g.log.Warn("requests that still ran were cut off", "after", drain)
		}
	})
}

// addresses are where a table wants entrances; "" is none.
func (g *Gateway) addresses(t *table) (main, decisions string) {
	if len(t.routes) == 0 {
		return "", ""
	}
	main = t.cfg.Listen
	if g.deps.Listen != "" {
		main = g.deps.Listen
	}
	return main, t.cfg.Decision.Listen
}

// open listens on an address.
func (g *Gateway) open(ctx context.Context, name, addr string) (*entrance, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		var ps fault.Problems
		if errors.Is(err, syscall.EADDRINUSE) {
			ps.Add(name, "stop the other program, or choose another address", "%s is taken by another program", addr)
		} else {
			ps.Add(name, "", "listen on %s: %v", addr, err)
		}
		return nil, ps.Err()
	}
	e := &entrance{gateway: g, name: name, asked: addr, ln: ln, handler: g.frontDoor, secure: true}
	if name == decisionSetting {
		e.handler, e.secure = g.serveDecision, false
	}
	return e, nil
}

const decisionSetting = "decision.listen"

// openAll opens what t wants and is not open, and returns the step that puts it
// in place. Locked.
func (g *Gateway) openAll(ctx context.Context, t *table) (move func(), err error) {
	wanted, decisions := g.addresses(t)
	main, err := g.reopen(ctx, "listen", wanted, g.main)
	if err == nil {
		decisions, err2 := g.reopen(ctx, decisionSetting, decisions, g.decisions)
		if err = err2; err == nil {
			return func() { g.move(t, main, decisions) }, nil
		}
	}
	g.discard()
	return nil, err
}

// reopen returns the entrance for an address: the present one if it is there
// already, or a new one, which is in g.prepared until it is used. Locked.
func (g *Gateway) reopen(ctx context.Context, name, addr string, present *entrance) (*entrance, error) {
	if addr == "" {
		return nil, nil //nolint:nilnil // none is wanted
	}
	if present != nil && present.asked == addr {
		return present, nil
	}
	e, err := g.open(ctx, name, addr)
	if err != nil {
		return nil, err
	}
	g.prepared = append(g.prepared, e)
	return e, nil
}

// prepareEntrances opens new addresses while the gateway runs; before, Listen
// does. Locked.
func (g *Gateway) prepareEntrances(ctx context.Context, t *table) (move func(), err error) {
	if !g.running {
		return func() {}, nil
	}
	return g.openAll(ctx, t)
}

// discard closes what was opened for a configuration that never came. Locked.
func (g *Gateway) discard() {
	for _, e := range g.prepared {
		_ = e.ln.Close() // it never accepted
	}
	g.prepared = nil
}

// move lets the entrances of t take over. Locked.
func (g *Gateway) move(t *table, main, decisions *entrance) {
	g.prepared = nil
	bounds, drain := t.serverBounds(), t.cfg.Drain.Std()
	for _, change := range []struct {
		now  **entrance
		next *entrance
	}{{&g.main, main}, {&g.decisions, decisions}} {
		old := *change.now
		*change.now = change.next
		switch {
		case change.next == nil || !g.serving:
		case change.next.server.Load() == nil:
			change.next.serve(bounds)
			g.log.Info("the gateway listens", "setting", change.next.name, "address", change.next.ln.Addr().String())
		default:
			change.next.renew(bounds, drain)
		}
		if old != nil && old != change.next {
			g.log.Info("the gateway leaves an address", "setting", old.name, "address", old.ln.Addr().String())
			old.shut(drain)
		}
	}
}

// serveAll starts the entrances that are open. Locked.
func (g *Gateway) serveAll() {
	g.serving = true
	bounds := g.table.Load().serverBounds()
	for _, e := range []*entrance{g.main, g.decisions} {
		if e != nil && e.server.Load() == nil {
			e.serve(bounds)
			g.log.Info("the gateway listens", "setting", e.name, "address", e.ln.Addr().String())
		}
	}
}

// Listening as an error tells which problem there was.
func listenError(err error) error { return fmt.Errorf("gateway: %w", err) }
