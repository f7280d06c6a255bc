package gateway_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// stand is a gateway that runs, with everything around it that a test wants.
type stand struct {
	*gateway.Gateway
	t       *testing.T
	sink    *recorder
	limiter *limit.Limiter
	client  *http.Client
	stop    func()
}

// around is what a test chooses.
type around struct {
	cfg      gateway.Config
	deps     gateway.Deps
	policies map[string]limit.Policy
	tiers    []limit.Tier
}

// single is a configuration with one route to one upstream.
func single(url string) gateway.Config {
	return gateway.Config{
		Listen: "127.0.0.1:0",
		Routes: []gateway.Route{{API: "orders", Upstreams: map[string]gateway.Servers{"default": {{URL: url}}}}},
	}
}

// start runs a gateway until the test ends.
func start(t *testing.T, a around) *stand {
	t.Helper()
	s := &stand{t: t, sink: newRecorder(), limiter: limit.New(limit.Options{Bytes: 1 << 20})}
	a.deps.Sink = s.sink
	if a.deps.Log == nil {
		a.deps.Log = slog.New(slog.DiscardHandler)
	}
	s.Gateway = gateway.New(a.deps)
	s.reload(a)
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(s.client.CloseIdleConnections)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.stop = sync.OnceFunc(func() {
		s.client.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the gateway ended with: %v", err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

// reload puts another configuration in force.
func (s *stand) reload(a around) {
	s.t.Helper()
	commit, err := s.Prepare(context.Background(), a.cfg, s.environment(a))
	if err != nil {
		s.t.Fatal(err)
	}
	commit()
}

func (s *stand) environment(a around) gateway.Around {
	names := []string{}
	for name := range a.policies {
		names = append(names, name)
	}
	slices.Sort(names)
	return gateway.Around{
		APIs: map[string]string{"orders": "", "users": ""}, LimitNames: names,
		Rules: func(names []string) (*limit.Rules, error) {
			var list []limit.Policy
			for _, name := range names {
				p := a.policies[name]
				p.Name = name
				list = append(list, p)
			}
			return s.limiter.Compile(list, a.tiers)
		},
	}
}

func (s *stand) url(path string) string { return "http://" + s.Addr().String() + path }

// get sends a request and reads the answer.
func (s *stand) get(path string, header ...string) (*http.Response, string) {
	s.t.Helper()
	return s.do(http.MethodGet, path, nil, header...)
}

func (s *stand) do(method, path string, body io.Reader, header ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url(path), body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Add(header[i], header[i+1])
	}
	return s.send(s.client, r)
}

func (s *stand) send(client *http.Client, r *http.Request) (*http.Response, string) {
	s.t.Helper()
	res, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res, string(body)
}

// raw sends bytes as they are and returns all that comes back until the gateway
// closes the connection or one answer without a body is read.
func (s *stand) raw(text string) string {
	s.t.Helper()
	c, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", s.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test's client
	go io.WriteString(c, text)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close() //nolint:errcheck // a test's client
	body, _ := io.ReadAll(res.Body)
	return res.Status + " " + string(body)
}

// upstreamServer is an upstream that answers with a handler.
func upstreamServer(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, r.Method+" "+r.RequestURI+"\n")
	for _, name := range []string{"X-Forwarded-For", "X-Request-Id", "Authorization"} {
		if v := r.Header.Values(name); v != nil {
			io.WriteString(w, name+": "+strings.Join(v, "|")+"\n")
		}
	}
	w.Write(body)
}

// recorder keeps exchanges.
type recorder struct {
	mu   sync.Mutex
	more *sync.Cond
	all  []observe.Exchange
}

func newRecorder() *recorder {
	r := &recorder{}
	r.more = sync.NewCond(&r.mu)
	return r
}

func (r *recorder) Observe(e *observe.Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, *e)
	r.more.Broadcast()
}

// wait returns the exchanges once there are n: an exchange is observed after its
// answer has been sent.
func (r *recorder) wait(n int) []observe.Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.all) < n {
		r.more.Wait()
	}
	return slices.Clone(r.all)
}

// one is the only exchange that there must be.
func (r *recorder) one(t *testing.T) observe.Exchange {
	t.Helper()
	all := r.wait(1)
	if len(all) != 1 {
		t.Fatalf("%d exchanges instead of one", len(all))
	}
	return all[0]
}
