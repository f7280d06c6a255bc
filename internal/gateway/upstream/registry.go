package upstream

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Registry has the servers of all pools, by their address: their connections,
// what is known of their health, and how much they have to do. It outlives
// pools, so that a reload forgets nothing.
type Registry struct {
	log    *slog.Logger
	epoch  time.Time
	lookup func(ctx context.Context, host string) ([]string, error)
	dialer net.Dialer

	buffers   buffers
	exchanges sync.Pool // of *exchange

	mu         sync.Mutex
	servers    map[string]*server // by scheme and authority
	transports map[transportKey]*http.Transport
	pools      []*Pool
	standings  map[string]*standing // by the pool's name
	changed    chan struct{}        // Run has another look
}

// transportKey is what pools must agree on to share connections of the
// reference path.
type transportKey struct {
	scheme    string
	tls       *tls.Config
	connect   time.Duration
	maxHeader int
	keepIdle  int
	idleTime  time.Duration
}

// NewRegistry returns a registry without servers.
func NewRegistry(log *slog.Logger) *Registry {
	return &Registry{
		log:        log.With("part", "upstream"),
		exchanges:  sync.Pool{New: func() any { return new(exchange) }},
		epoch:      time.Now(),
		lookup:     net.DefaultResolver.LookupHost,
		dialer:     net.Dialer{KeepAlive: 15 * time.Second},
		servers:    map[string]*server{},
		transports: map[transportKey]*http.Transport{},
		standings:  map[string]*standing{},
		changed:    make(chan struct{}, 1),
	}
}

// now is the time since the registry was made, which no change of the wall
// clock moves.
func (g *Registry) now() time.Duration { return time.Since(g.epoch) }

// Use puts pools in force, and only these: call it before requests are sent to
// new ones. Servers that are in none of them anymore finish what they have in
// work; their other connections are closed. A pool takes over the counters, the
// retry budget and the breaker of the one that had its name.
func (g *Registry) Use(pools ...*Pool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	servers := make(map[string]*server, len(g.servers))
	transports := make(map[transportKey]*http.Transport, len(g.transports))
	standings := make(map[string]*standing, len(pools))
	checkers := map[*checker]bool{}
	for _, p := range pools {
		if standings[p.cfg.Name] == nil {
			standings[p.cfg.Name] = g.standing(p)
		}
		if !p.inUse.Load() {
			p.standing = standings[p.cfg.Name]
		}
		for i := range p.members {
			m := &p.members[i]
			if !p.inUse.Load() {
				m.server = g.server(m)
				m.transport = g.transport(m.url.Scheme, &p.cfg)
				m.checker = m.server.checker(&p.cfg, m)
			}
			servers[m.origin] = m.server
			g.servers[m.origin] = m.server // the next pool of this very call must find it
			if t, ok := m.transport.(*http.Transport); ok {
				key := keyOf(m.url.Scheme, &p.cfg)
				transports[key], g.transports[key] = t, t
			}
			if m.checker != nil {
				checkers[m.checker] = true
			}
			m.server.keep(p.cfg.Connections)
		}
		p.inUse.Store(true)
	}
	for origin, s := range g.servers {
		if servers[origin] != s {
			s.retire()
			continue
		}
		s.forget(checkers)
	}
	for key, t := range g.transports {
		if transports[key] != t {
			t.CloseIdleConnections()
		}
	}
	g.servers, g.transports, g.standings, g.pools = servers, transports, standings, pools
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// standing returns what a pool of that name has learned already. Locked.
func (g *Registry) standing(p *Pool) *standing {
	s := g.standings[p.cfg.Name]
	if s == nil {
		s = &standing{}
	}
	s.budget.configure(&p.cfg.Retries, g.now())
	s.breaker.configure(&p.cfg.Breaker)
	return s
}

// server returns the server of a member. Locked.
func (g *Registry) server(m *member) *server {
	if s := g.servers[m.origin]; s != nil {
		return s
	}
	joined := g.now()
	if g.pools == nil {
		joined = longAgo // the first ones have nobody beside them to begin slowly for
	}
	return newServer(m, joined)
}

// longAgo is before any slow start that can be configured.
const longAgo = -365 * 24 * time.Hour

func keyOf(scheme string, c *Config) transportKey {
	key := transportKey{
		scheme: scheme, tls: c.TLS, connect: c.Timeouts.Connect, maxHeader: c.MaxHeader,
		keepIdle: c.Connections.KeepIdle, idleTime: c.Connections.IdleTime,
	}
	if scheme != "https" {
		key.tls = nil
	}
	return key
}

// transport returns the reference path's connections. Locked.
func (g *Registry) transport(scheme string, c *Config) http.RoundTripper {
	if t := g.transports[keyOf(scheme, c)]; t != nil {
		return t
	}
	return g.newTransport(scheme, c)
}
