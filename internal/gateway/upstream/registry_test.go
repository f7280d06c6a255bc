package upstream_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"lapwing.dev/lapwing/internal/gateway/upstream"
)

// until waits for something that another goroutine brings about.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: never", what)
		}
	}
}

// running runs a registry until the test ends.
func running(t *testing.T, g *upstream.Registry) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func poolAt(t *testing.T, g *upstream.Registry, cfg upstream.Config, urls ...string) *upstream.Pool {
	t.Helper()
	for _, u := range urls {
		cfg.Servers = append(cfg.Servers, upstream.Server{URL: u})
	}
	p, err := upstream.NewPool(cfg, upstream.Deps{Registry: g})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestACheckTakesAServerOutAndBringsItBack(t *testing.T) {
	var sick atomic.Bool
	var asked atomic.Int32
	server := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			asked.Add(1)
			if sick.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}
	})
	other := serverOf(t, func(http.ResponseWriter, *http.Request) {})
	g := upstream.NewRegistry(quiet())
	cfg := upstream.Config{Name: "p", Check: upstream.Check{Path: "/health", Every: 2 * time.Millisecond, Down: 2, Up: 2}}
	p := poolAt(t, g, cfg, server, other)
	g.Use(p)
	defer g.Use()
	running(t, g)
	state := func() upstream.State { return p.Status().Servers[0].State }
	until(t, "it is asked", func() bool { return asked.Load() > 3 })
	sick.Store(true)
	until(t, "it is down", func() bool { return state() == upstream.Down })
	if s := p.Status().Servers[0]; s.Why != "it answered 503" || s.Checked.IsZero() {
		t.Errorf("status %+v", s)
	}

	// A reload with another interval knows it.
	cfg.Check.Every = 3 * time.Millisecond
	p = poolAt(t, g, cfg, server, other)
	g.Use(p)
	if state() != upstream.Down {
		t.Error("after a reload it is thought to be up")
	}
	sick.Store(false)
	until(t, "it comes back", func() bool { return state() != upstream.Down })

	// Without a check nobody asks anymore.
	g.Use(poolAt(t, g, upstream.Config{Name: "p"}, server))
	until(t, "nobody asks", func() bool {
		before := asked.Load()
		<-time.After(10 * time.Millisecond)
		return asked.Load() == before
	})
}

func TestAReloadKeepsConnectionsAndWhatIsKnown(t *testing.T) {
	server := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/fail") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	other := serverOf(t, func(http.ResponseWriter, *http.Request) {})
	p := newProxy(t, upstream.Config{Ejection: upstream.Ejection{After: 2}, Servers: []upstream.Server{{URL: server, Weight: 1_000_000_000}}, SlowStart: -1}, other)
	for range 2 {
		p.do(t, "POST", "/fail")
		p.result(t)
	}
	before := p.pool.Status()
	if before.Servers[0].State != upstream.Ejected || before.Servers[0].Connections != 1 {
		t.Fatalf("before: %+v", before)
	}
	again := poolAt(t, p.registry, upstream.Config{Name: "p"}, server)
	p.registry.Use(again)
	after := again.Status()
	if s := after.Servers[0]; s.State != upstream.Ejected || s.Connections != 1 || after.Requests != 2 {
		t.Errorf("after a reload: %+v", after)
	}
	p.registry.Use(poolAt(t, p.registry, upstream.Config{Name: "q"}, other))
	if s := again.Status().Servers[0]; s.Connections != 0 {
		t.Errorf("a server that is gone has %d connections", s.Connections)
	}
}

func TestReloadsUnderLoadLoseNothing(t *testing.T) {
	server := serverOf(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	g := upstream.NewRegistry(quiet())
	running(t, g)
	var pool atomic.Pointer[upstream.Pool]
	reload := func(i int) {
		p := poolAt(t, g, upstream.Config{Name: fmt.Sprint("p", i%2)}, server)
		g.Use(p)
		pool.Store(p)
	}
	reload(0)
	defer g.Use()
	front := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		var res upstream.Result
		pool.Load().Forward(w, r, &upstream.Outbound{}, &res)
		if !res.Committed {
			http.Error(w, fmt.Sprint(res.Err), res.StatusCode())
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var served atomic.Int32
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				res, err := client.Post(front, "text/plain", strings.NewReader("hello"))
				if err != nil {
					t.Error(err)
					return
				}
				text, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != 200 || string(text) != "hello" {
					t.Errorf("status %d, %q", res.StatusCode, text)
					return
				}
				served.Add(1)
			}
		})
	}
	for i := range 100 {
		reload(i)
		until(t, "requests are served between reloads", func() bool { return int(served.Load()) > i })
	}
	stop()
	clients.Wait()
}

func TestConnectionsAreLimitedAndRequestsWaitInLine(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		asked, release := make(chan struct{}, 10), make(chan struct{})
		p := start(upstream.Config{Connections: upstream.Connections{Max: 1, Queue: 1, Wait: 10 * time.Second}}, serverOf(t, func(http.ResponseWriter, *http.Request) {
			asked <- struct{}{}
			<-release
		}))
		statuses := make(chan int, 3)
		ask := func() {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", p.URL, nil)
			res, err := p.Client().Do(req)
			if err != nil {
				statuses <- -1
				return
			}
			res.Body.Close()
			statuses <- res.StatusCode
		}
		go ask()
		<-asked
		go ask()
		until(t, "one waits", func() bool { return p.pool.Status().Servers[0].Waiting == 1 })
		go ask()
		if got := <-statuses; got != http.StatusServiceUnavailable {
			t.Errorf("with a full queue: status %d", got)
		}
		close(release)
		for range 2 {
			if got := <-statuses; got != 200 {
				t.Errorf("status %d", got)
			}
		}
	})
}

func TestTheBreakerAnswersForThePool(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		var asked atomic.Int32
		p := start(upstream.Config{Breaker: upstream.Breaker{Share: 0.5, Least: 3}}, serverOf(t, func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.WriteHeader(http.StatusBadGateway)
		}))
		for range 3 {
			p.do(t, "GET", "/")
			p.result(t)
		}
		if res := p.do(t, "GET", "/"); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("status %d", res.StatusCode)
		}
		if got := p.result(t); got.Error != "no_upstream" || got.RetryAfter <= 0 || got.Attempts != 0 {
			t.Errorf("result %+v", got)
		}
		if s := p.pool.Status(); s.Breaker != "open" || s.Refused != 1 || asked.Load() != 3 {
			t.Errorf("%+v, %d asked", s, asked.Load())
		}
	})
}

func TestMetrics(t *testing.T) {
	p := newProxy(t, upstream.Config{Breaker: upstream.Breaker{Share: 1}}, serverOf(t, func(http.ResponseWriter, *http.Request) {}))
	p.do(t, "GET", "/")
	p.result(t)
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(p.registry.Collector()); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, f := range families {
		_, _ = expfmt.MetricFamilyToText(&text, f)
	}
	url := p.pool.Status().Servers[0].URL
	for _, want := range []string{
		`lapwing_upstream_up{upstream="` + url + `"} 1`,
		`lapwing_upstream_requests_total{upstream="` + url + `"} 1`,
		`lapwing_upstream_connections{state="idle",upstream="` + url + `"} 1`,
		`lapwing_upstream_breaker_open{pool="p"} 0`,
		`lapwing_upstream_retries_total{allowed="true",pool="p"} 0`,
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%s is missing in\n%s", want, text.String())
		}
	}
}

func TestLogsTellWhatHappensToServers(t *testing.T) {
	var text bytes.Buffer
	g := upstream.NewRegistry(slog.New(slog.NewTextHandler(&text, nil)))
	bad := nobody
	p := poolAt(t, g, upstream.Config{Name: "p", Ejection: upstream.Ejection{After: 1}, SlowStart: -1}, bad, serverOf(t, func(http.ResponseWriter, *http.Request) {}))
	g.Use(p)
	defer g.Use()
	front := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		var res upstream.Result
		p.Forward(w, r, &upstream.Outbound{}, &res)
	})
	for range 20 { // one of them is sent to the bad one, and repeated
		res, err := http.Get(front)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Errorf("status %d", res.StatusCode)
		}
	}
	if got := text.String(); !strings.Contains(got, "an upstream is taken out") || !strings.Contains(got, "upstream="+bad) {
		t.Errorf("logged: %s", got)
	}
	http.DefaultClient.CloseIdleConnections()
}
