package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/limit"
)

func TestAHundredReloadsUnderLoadLoseNoRequest(t *testing.T) {
	answer := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, name)
		}
	}
	one, two := upstreamServer(t, answer("one")), upstreamServer(t, answer("two"))
	config := func(i int) around {
		url := one
		if i%2 == 1 {
			url = two
		}
		cfg := single(url)
		cfg.Routes[0].Limits = []string{"per-client"}
		return around{cfg: cfg, policies: map[string]limit.Policy{"per-client": {Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerSecond(1_000_000)}}}
	}
	s := start(t, config(0))
	done := make(chan struct{})
	var sent, wrong atomic.Int64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				r, _ := http.NewRequestWithContext(context.Background(), "POST", s.url("/"), strings.NewReader("a body"))
				r.GetBody = nil // so that the client repeats nothing
				res, err := s.client.Do(r)
				sent.Add(1)
				if err != nil {
					wrong.Add(1)
					t.Error(err)
					return
				}
				body, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || res.StatusCode != 200 || string(body) != "one" && string(body) != "two" {
					wrong.Add(1)
					t.Errorf("%d %q %v", res.StatusCode, body, err)
				}
			}
		})
	}
	for i := range 100 {
		before := sent.Load()
		s.reload(config(i + 1))
		for sent.Load() < before+20 && wrong.Load() == 0 {
			time.Sleep(time.Millisecond) // until requests have met this configuration
		}
	}
	close(done)
	clients.Wait()
	t.Logf("%d requests over 100 reloads", sent.Load())
	if observed := int64(len(s.sink.wait(int(sent.Load())))); observed != sent.Load() || wrong.Load() != 0 {
		t.Errorf("%d requests, %d observed, %d wrong", sent.Load(), observed, wrong.Load())
	}
}

func TestAReloadThatIsRefusedChangesNothing(t *testing.T) {
	cfg := single(upstreamServer(t, echo))
	s := start(t, around{cfg: cfg})
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	bad := cfg
	bad.Listen = taken.Listener.Addr().String()
	_, err := s.Prepare(t.Context(), bad, s.environment(around{}))
	if err == nil || !strings.Contains(err.Error(), "listen: "+bad.Listen+" is taken by another program") {
		t.Errorf("got %v", err)
	}
	if res, _ := s.get("/"); res.StatusCode != 200 {
		t.Error(res.StatusCode)
	}
}

// An address is left only when those who are in have been served.
func TestAChangeOfAddressDrains(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	cfg := single(upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-release
		}
		io.WriteString(w, "served")
	}))
	s := start(t, around{cfg: cfg})
	old := s.Addr().String()
	answered := make(chan string, 1)
	go func() {
		_, body := s.get("/slow")
		answered <- body
	}()
	<-entered
	next := cfg
	next.Listen = "localhost:0"
	s.reload(around{cfg: next})
	if s.Addr().String() == old {
		t.Fatal("the address is the same")
	}
	if res, body := s.get("/"); res.StatusCode != 200 || body != "served" {
		t.Errorf("at the new address: %d %s", res.StatusCode, body)
	}
	close(release)
	if body := <-answered; body != "served" {
		t.Errorf("the request in work got %q", body)
	}
	if c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", old); err == nil {
		c.Close()
		t.Error("the old address still lets connections in")
	}
}

// New bounds need a new server; the address stays open for all of it.
func TestAChangeOfBoundsKeepsTheAddress(t *testing.T) {
	cfg := single(upstreamServer(t, echo))
	s := start(t, around{cfg: cfg})
	addr := s.Addr().String()
	for i := range 5 {
		next := cfg
		next.Bounds.Streams = 10 + i
		s.reload(around{cfg: next})
		for range 10 {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			res, err := client.Get("http://" + addr + "/")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != 200 {
				t.Error(res.Status)
			}
		}
	}
}

func TestStoppingLetsRequestsInWorkFinish(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := start(t, around{cfg: single(upstreamServer(t, func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		io.WriteString(w, "served")
	}))})
	answered := make(chan string, 1)
	go func() {
		_, body := s.get("/")
		answered <- body
	}()
	<-entered
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.stop()
	}()
	for s.Addr() != nil {
		time.Sleep(time.Millisecond) // until the stop has begun
	}
	close(release)
	if got := <-answered; got != "served" {
		t.Errorf("%+v", got)
	}
	<-stopped
	if e := s.sink.one(t); e.Status != 200 || e.Error != "" {
		t.Errorf("%+v", e)
	}
}

func TestWhatDoesNotFinishIsCutOff(t *testing.T) {
	entered := make(chan struct{})
	release := make(chan struct{})
	cfg := single(upstreamServer(t, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	cfg.Drain = units.Duration(300 * time.Millisecond)
	s := start(t, around{cfg: cfg})
	failed := make(chan error, 1)
	go func() {
		res, err := s.client.Get(s.url("/"))
		if err == nil {
			res.Body.Close()
			err = fmt.Errorf("answered %s", res.Status)
		}
		failed <- err
	}()
	<-entered
	s.stop()
	if err := <-failed; strings.Contains(err.Error(), "answered 200") {
		t.Error(err)
	}
	close(release)
	s.sink.one(t)
}

func TestAnAddressThatIsTakenIsToldAtTheStart(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	cfg := single("http://127.0.0.1:1")
	cfg.Listen = taken.Listener.Addr().String()
	g := gateway.New(gateway.Deps{Log: quiet()})
	commit, err := g.Prepare(t.Context(), cfg, gateway.Around{APIs: map[string]string{"orders": ""}})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	if err := g.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), "is taken by another program") {
		t.Errorf("got %v", err)
	}
	g.Close()
}

func TestWithoutRoutesThereIsNoGateway(t *testing.T) {
	s := start(t, around{})
	if s.Addr() != nil {
		t.Errorf("it listens on %s", s.Addr())
	}
	s.reload(around{cfg: single(upstreamServer(t, echo))})
	if res, _ := s.get("/"); res.StatusCode != 200 {
		t.Error(res.StatusCode)
	}
	s.reload(around{})
	if s.Addr() != nil {
		t.Errorf("it still listens on %s", s.Addr())
	}
}

// A WebSocket does not end by itself: it is cut off when the time to drain is over.
func TestAnOpenWebSocketDoesNotHoldTheStop(t *testing.T) {
	cfg := single(upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err == nil {
			_, _, _ = c.Read(r.Context()) // until it is cut off
		}
	}))
	cfg.Drain = units.Duration(300 * time.Millisecond)
	s := start(t, around{cfg: cfg})
	c, _, err := websocket.Dial(t.Context(), "ws://"+s.Addr().String()+"/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	s.stop()
	if _, _, err := c.Read(t.Context()); err == nil {
		t.Error("it is still open")
	}
	if e := s.sink.one(t); e.Status != 101 {
		t.Errorf("%+v", e)
	}
}

// HTTPS can be switched on and off without leaving the address.
func TestTLSComesAndGoesWithAReload(t *testing.T) {
	cfg, client := secure(t, upstreamServer(t, echo))
	plain := cfg
	plain.TLS = nil
	s := start(t, around{cfg: plain})
	addr := s.Addr().String()
	for _, step := range []struct {
		scheme string
		cfg    gateway.Config
	}{{"http", plain}, {"https", cfg}, {"http", plain}} {
		s.reload(around{cfg: step.cfg})
		r, err := http.NewRequestWithContext(t.Context(), "GET", step.scheme+"://"+addr+"/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if res, _ := s.send(client, r); res.StatusCode != 200 {
			t.Error(res.Status)
		}
		client.CloseIdleConnections()
	}
}
