package upstream

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestANameIsLookedUpAgain(t *testing.T) {
	served := func(name string) (*httptest.Server, *atomic.Int32) {
		var n atomic.Int32
		return httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n.Add(1)
			_, _ = w.Write([]byte(name))
		})), &n
	}
	old, oldServed := served("old")
	moved, newServed := served("new")
	listen := func(s *httptest.Server, address string) string {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Skipf("a second loopback address is missing: %v", err)
		}
		s.Listener.Close()
		s.Listener = l
		s.Start()
		t.Cleanup(s.Close)
		_, port, _ := net.SplitHostPort(l.Addr().String())
		return port
	}
	port := listen(old, "127.0.0.2:0")
	listen(moved, "127.0.0.3:"+port)

	var where atomic.Value
	where.Store([]string{"127.0.0.2"})
	g := NewRegistry(slog.New(slog.DiscardHandler))
	g.lookup = func(_ context.Context, host string) ([]string, error) {
		if host != "orders.internal" {
			return nil, errors.New("unknown host " + host)
		}
		list, _ := where.Load().([]string)
		return slices.Clone(list), nil
	}
	p, err := NewPool(Config{Name: "p", Servers: []Server{{URL: "http://orders.internal:" + port}}}, Deps{Registry: g})
	if err != nil {
		t.Fatal(err)
	}
	g.Use(p)
	defer g.Use()
	ask := func(reference bool) {
		t.Helper()
		r := httptest.NewRequest("GET", "/", nil)
		if reference {
			r.Header.Set("Te", "x")
		}
		var res Result
		p.Forward(httptest.NewRecorder(), r, &Outbound{}, &res)
		if res.Error != "" {
			t.Fatalf("%v", res.Err)
		}
	}
	ask(false)
	ask(true)
	where.Store([]string{"127.0.0.3"})
	ask(false) // over the kept connection
	g.lookupAll(t.Context())
	ask(false)
	ask(true)
	if oldServed.Load() != 3 || newServed.Load() != 2 {
		t.Errorf("the old place served %d, the new one %d; want 3 and 2", oldServed.Load(), newServed.Load())
	}
	where.Store([]string{})
	g.lookupAll(t.Context()) // the resolver is away: what was known is used
	ask(false)
}

func TestConnectionsGoRoundTheAddresses(t *testing.T) {
	g := NewRegistry(slog.New(slog.DiscardHandler))
	g.lookup = func(context.Context, string) ([]string, error) { return []string{"b", "a", "c"}, nil }
	var n names
	var firsts []string
	for range 4 {
		list, err := n.addresses(t.Context(), g, "host")
		if err != nil || len(list) != 3 {
			t.Fatalf("%v, %v", list, err)
		}
		firsts = append(firsts, list[0])
	}
	if got := slices.Compact(slices.Sorted(slices.Values(firsts))); len(got) != 3 {
		t.Errorf("connections begin with %v", firsts)
	}
}

func TestIdleConnectionsAreKeptAndClosed(t *testing.T) {
	s := &server{}
	open := func() *conn {
		a, b := net.Pipe()
		t.Cleanup(func() { b.Close() })
		return newConn(a, s, 0)
	}
	s.keep(Connections{KeepIdle: 2, IdleTime: time.Minute})
	first, second := open(), open()
	if !s.idle.put(first, 0) || !s.idle.put(second, 30*time.Second) || s.idle.put(open(), 0) {
		t.Fatal("two are kept, and no third")
	}
	s.idle.sweep(time.Minute)
	if s.idle.len() != 1 || s.idle.take() != second || s.idle.take() != nil {
		t.Error("the one that was idle for a minute is closed, the other one kept")
	}
	s.retire()
	if s.idle.put(second, 0) {
		t.Error("a server that is gone keeps a connection")
	}
}
