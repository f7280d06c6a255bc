package upstream_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/gateway/upstream"
)

// proxy is a pool behind a server of net/http, as the gateway has it.
type proxy struct {
	*httptest.Server
	registry *upstream.Registry
	pool     *upstream.Pool
	out      func(*http.Request) *upstream.Outbound

	mu      sync.Mutex
	results []upstream.Result
	wake    chan struct{}
}

// newProxy starts one before servers that stand for each other.
func newProxy(t *testing.T, cfg upstream.Config, urls ...string) *proxy {
	t.Helper()
	p := &proxy{registry: upstream.NewRegistry(quiet()), wake: make(chan struct{}, 1000)}
	for _, u := range urls {
		cfg.Servers = append(cfg.Servers, upstream.Server{URL: u})
	}
	cfg.Name = "p"
	pool, err := upstream.NewPool(cfg, upstream.Deps{Registry: p.registry})
	if err != nil {
		t.Fatal(err)
	}
	p.pool = pool
	p.registry.Use(pool)
	p.Server = httptest.NewUnstartedServer(p)
	p.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	p.Start()
	t.Cleanup(func() {
		p.CloseClientConnections()
		p.Close()
		p.registry.Use()
	})
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := &upstream.Outbound{}
	if p.out != nil {
		out = p.out(r)
	}
	var res upstream.Result
	defer func() {
		p.mu.Lock()
		p.results = append(p.results, res)
		p.mu.Unlock()
		p.wake <- struct{}{}
	}()
	p.pool.Forward(w, r, out, &res)
	if !res.Committed && res.Error != "" {
		http.Error(w, string(res.Error), res.StatusCode())
	}
}

// result waits for the next exchange to end.
func (p *proxy) result(t *testing.T) upstream.Result {
	t.Helper()
	select {
	case <-p.wake:
	case <-time.After(20 * time.Second):
		t.Fatal("the exchange never ended")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	res := p.results[0]
	p.results = p.results[1:]
	return res
}

// do sends a request without following redirects or reusing connections.
func (p *proxy) do(t *testing.T, method, path string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := p.Client().Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// bothPaths runs a story on the lean and on the reference path.
func bothPaths(t *testing.T, story func(t *testing.T, start func(cfg upstream.Config, urls ...string) *proxy)) {
	t.Helper()
	for _, reference := range []bool{false, true} {
		name := map[bool]string{false: "lean", true: "reference"}[reference]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, func(cfg upstream.Config, urls ...string) *proxy {
				p := newProxy(t, cfg, urls...)
				if reference {
					p.pool.UseReference()
				}
				return p
			})
		})
	}
}

// serverOf starts an upstream.
func serverOf(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// rawUpstream starts an upstream that speaks for itself; serve gets each
// connection, and its number from 1.
func rawUpstream(t *testing.T, serve func(n int, c *net.TCPConn)) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	conns.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			conns.Go(func() {
				defer c.Close()
				serve(n, c.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		conns.Wait()
	})
	return "http://" + l.Addr().String()
}

// nobody is an address where nothing listens: no other test can get this port.
const nobody = "http://127.0.0.1:1"
