package proxies

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/gateway/auth"
	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/limit/limittest"
	"lapwing.dev/lapwing/middleware/observe"
)

// stand is a gateway that is asked by a proxy, and the API behind that proxy.
type stand struct {
	t       *testing.T
	gateway *gateway.Gateway
	stop    func() // the gateway
	proxy   string // address
	client  *http.Client
	sink    *recorder
	deaf    bool // see proxied
}

// proxied is one of the examples.
type proxied struct {
	name    string
	files   []string // in examples/<name>
	changed []string // text in them, and what it becomes
	deaf    bool     // it neither routes by what Lapwing says nor adds to good answers
	misled  bool     // it asks the API instead of Lapwing
	run     func(t *testing.T, dir string) *exec.Cmd
}

// open starts gateway, API and proxy, and ends them with the test.
func open(t *testing.T, p proxied) *stand {
	t.Helper()
	s := &stand{t: t, sink: &recorder{}, deaf: p.deaf}
	s.client = &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(s.client.CloseIdleConnections)
	s.startGateway()
	s.proxy = freeAddress(t)
	asked, api := s.gateway.Addr().String(), s.api("default")
	if p.misled {
		asked = api
	}
	replaced := strings.NewReplacer(append(p.changed,
		"127.0.0.1:8480", asked,
		"127.0.0.1:8000", api, "127.0.0.1:8001", s.api("fast"),
		"127.0.0.1:8080", s.proxy,
	)...)
	dir := t.TempDir()
	for _, name := range p.files {
		text, err := os.ReadFile(filepath.Join("..", "..", "examples", p.name, name))
		if err != nil {
			t.Fatal(err)
		}
		changed := replaced.Replace(string(text))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.start(p.run(t, dir))
	return s
}

// startGateway runs a gateway with one route for each case of the conformance
// suite, each with counters of its own, and some more.
func (s *stand) startGateway() {
	t := s.t
	t.Helper()
	cases := limittest.Cases()
	limiters := map[string]*limit.Limiter{}
	cfg := gateway.Config{Listen: "127.0.0.1:0"}
	upstreams := map[string]gateway.Servers{"default": {{URL: "http://127.0.0.1:1"}}, "fast": {{URL: "http://127.0.0.1:1"}}}
	for i := range cases {
		name := strconv.Itoa(i)
		limiters[name] = limit.New(limit.Options{Bytes: 1 << 16})
		cfg.Routes = append(cfg.Routes, gateway.Route{API: "orders", Path: "/case/" + name, Limits: []string{name}, Upstreams: upstreams})
	}
	required := true
	cfg.Routes = append(cfg.Routes,
		gateway.Route{API: "orders", Path: "/plain", Upstreams: upstreams},
		gateway.Route{API: "orders", Path: "/tiers", Upstreams: upstreams, Limits: []string{"tiers"}},
		gateway.Route{API: "orders", Path: "/get-only", Upstreams: upstreams, Methods: []string{"GET"}},
		gateway.Route{API: "orders", Path: "/private", Upstreams: upstreams, Auth: &auth.Config{
			Required: &required,
			APIKeys:  []auth.APIKey{{Name: "mobile-app", SHA256: "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"}}, // "key"
		}},
	)
	limiters["tiers"] = limit.New(limit.Options{Bytes: 1 << 16})
	s.gateway = gateway.New(gateway.Deps{Log: slog.New(slog.DiscardHandler), Sink: s.sink, Blocker: blocklist{}})
	commit, err := s.gateway.Prepare(t.Context(), cfg, gateway.Around{
		APIs: map[string]string{"orders": ""},
		Rules: func(names []string) (*limit.Rules, error) {
			if len(names) == 0 {
				return limit.New(limit.Options{Bytes: 1 << 12}).Compile(nil, nil)
			}
			if names[0] == "tiers" {
				return limiters["tiers"].Compile(
					[]limit.Policy{{Name: "per-client", Key: []limit.KeyPart{limit.Header(limittest.ClientHeader)}, Rate: limit.PerHour(2)}},
					[]limit.Tier{{
						Name: "pro", When: func(q *limit.Request) bool { return q.Headers.Get("X-Plan") == "pro" },
						Rates: map[string]limit.Rate{"per-client": limit.PerHour(5)}, Upstream: "fast",
					}},
				)
			}
			i, err := strconv.Atoi(names[0])
			if err != nil {
				return nil, err
			}
			return limiters[names[0]].Compile(cases[i].Policies, nil)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.gateway.Run(ctx) }()
	if err := s.gateway.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the gateway ended with: %v", err)
		}
	})
	t.Cleanup(s.stop)
}

// blocklist blocks one client.
type blocklist struct{}

func (blocklist) Blocked(addr netip.Addr, _ string) (block.Entry, bool) {
	return block.Entry{Reason: "too many"}, addr == netip.MustParseAddr("127.66.66.66")
}

// api is a server of the API, which says what it was asked.
func (s *stand) api(name string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Api-Server", name)
		switch r.URL.Query().Get("status") {
		case "403":
			w.WriteHeader(http.StatusForbidden)
		case "500":
			w.WriteHeader(http.StatusInternalServerError)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			fmt.Fprintln(w, err)
		}
		fmt.Fprintf(w, "%s %s\n", r.Method, r.RequestURI)
		for _, name := range []string{"X-Lapwing-Tier", "X-Lapwing-User", "X-Request-Id", "Traceparent"} {
			fmt.Fprintf(w, "%s: %s\n", name, strings.Join(r.Header.Values(name), "|"))
		}
		if r.URL.Query().Has("digest") {
			fmt.Fprintf(w, "%x", sha256.Sum256(body))
			return
		}
		_, _ = w.Write(body)
	}))
	s.t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// start runs a proxy until the test ends.
func (s *stand) start(cmd *exec.Cmd) {
	t := s.t
	t.Helper()
	// A file, so that nothing waits for children that keep a pipe open.
	output, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = output, output
	said := func() string {
		text, _ := os.ReadFile(output.Name()) // what there is
		return string(text)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // by a signal, mostly
		close(ended)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(cmd.Path), said())
		}
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill() // it may have ended
			<-ended
		}
		_ = output.Close() // only read by name
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.proxy)
		if err == nil {
			_ = c.Close() // nothing was sent
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended at once:\n%s", filepath.Base(cmd.Path), said())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen:\n%s", filepath.Base(cmd.Path), said())
		}
	}
}

// freeAddress is one that nobody listens on at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// ask sends a request through the proxy.
func (s *stand) ask(method, target, body string, header ...string) (*http.Response, string, error) {
	return s.askBy(s.client, method, target, body, header...)
}

func (s *stand) askBy(client *http.Client, method, target, body string, header ...string) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.proxy+target, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res, string(text), err
}

// must is ask of which nothing may go wrong.
func (s *stand) must(method, target, body string, header ...string) (*http.Response, string) {
	s.t.Helper()
	res, text, err := s.ask(method, target, body, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return res, text
}

// take makes a request of a client for the conformance suite.
func (s *stand) take(path, client string) (limittest.Answer, error) {
	began := time.Now()
	res, text, err := s.ask(http.MethodGet, path, "", limittest.ClientHeader, client)
	if err != nil {
		return limittest.Answer{}, err
	}
	switch res.StatusCode {
	case http.StatusOK:
		return limittest.Answer{Waited: time.Since(began)}, nil
	case http.StatusTooManyRequests:
		seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
		if err != nil {
			return limittest.Answer{}, fmt.Errorf("retry-after: %w", err)
		}
		if !strings.Contains(text, "quota-exceeded") {
			return limittest.Answer{}, fmt.Errorf("the answer is %q", text)
		}
		return limittest.Answer{Rejected: true, RetryAfter: time.Duration(seconds) * time.Second}, nil
	}
	return limittest.Answer{}, errors.New(res.Status + ": " + text)
}

// recorder keeps what the gateway observed.
type recorder struct {
	mu  sync.Mutex
	all []observe.Exchange
}

func (r *recorder) Observe(e *observe.Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, *e)
}

// told is how often the gateway decided what about a path: with what the client
// was told it shows on which side of the proxy a wrong answer was made.
func (r *recorder) told(path string) string {
	times := map[string]int{}
	for _, e := range r.of(path) {
		times[fmt.Sprintf("%s %s by %q of %s: %d", e.Method, e.Verdict, e.Policy, e.ClientKey, e.Status)]++
	}
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(times)) {
		fmt.Fprintf(&b, "%4d × %s\n", times[what], what)
	}
	return b.String()
}

// of are those of one path.
func (r *recorder) of(path string) []observe.Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []observe.Exchange
	for i := range r.all {
		if r.all[i].Path == path {
			list = append(list, r.all[i])
		}
	}
	return list
}
