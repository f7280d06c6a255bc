package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// operations knows one template.
type operations struct{}

func (operations) Operation(_, _, path string) (string, bool) {
	if strings.HasPrefix(path, "/orders/") {
		return "/orders/{id}", true
	}
	return "", false
}

func TestARequestGoesThroughAndIsObserved(t *testing.T) {
	s := start(t, around{cfg: single(upstreamServer(t, echo)), deps: gateway.Deps{Operations: operations{}}})
	res, body := s.do("POST", "/orders/17?token=geheim&x=1", strings.NewReader("hello"), "User-Agent", "test", "X-Request-Id", "abc-1",
		"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if res.StatusCode != 200 || !strings.HasPrefix(body, "POST /orders/17?token=geheim&x=1\nX-Forwarded-For: 127.0.0.1\nX-Request-Id: abc-1\n") || !strings.HasSuffix(body, "hello") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if got := res.Header.Get("X-Request-Id"); got != "abc-1" {
		t.Errorf("request id %q", got)
	}
	e := s.sink.one(t)
	if e.Duration <= 0 || e.Phases.Wait <= 0 || e.Time.IsZero() || e.SpanID == [8]byte{} || e.ParentSpanID == [8]byte{} {
		t.Errorf("times and ids: %+v", e)
	}
	want := observe.Exchange{
		Source: observe.SourceGateway, API: "orders", Operation: "POST /orders/{id}", Route: "/orders/{id}", Method: "POST", Scheme: "http",
		Host: s.Addr().String(), Path: "/orders/17", Query: "token=" + observe.Redacted + "&x=1", Protocol: "HTTP/1.1",
		Status: 200, RequestBytes: 5, ResponseBytes: int64(len(body)), Client: netip.MustParseAddr("127.0.0.1"), ClientKey: "127.0.0.1",
		UserAgent: "test", RequestID: "abc-1", Verdict: observe.Allowed, Sampled: true, Attempts: 1,
		TraceID:  [16]byte{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c},
		Upstream: e.Upstream, Time: e.Time, Duration: e.Duration, Phases: e.Phases, SpanID: e.SpanID, ParentSpanID: e.ParentSpanID,
	}
	if diff := cmp.Diff(want, e, compareAddr); diff != "" {
		t.Error(diff)
	}
}

// eachPath makes an operation of every path.
type eachPath struct{}

func (eachPath) Operation(_, _, path string) (string, bool) { return path, true }

// However a path is written, it is one operation with one limit, and conditions
// see it as routes do.
func TestAnotherSpellingIsNoOtherOperation(t *testing.T) {
	cfg := single(upstreamServer(t, echo))
	cfg.Routes[0].Path, cfg.Routes[0].Strip, cfg.Routes[0].Limits = "/shop", true, []string{"per-operation"}
	s := start(t, around{
		cfg: cfg, deps: gateway.Deps{Operations: eachPath{}},
		policies: map[string]limit.Policy{"per-operation": {Key: []limit.KeyPart{limit.OperationKey()}, Rate: limit.PerMinute(1)}},
		tiers: []limit.Tier{
			{Name: "shop", When: func(q *limit.Request) bool { return q.Path == "/shop/users/a b" }},
			{Name: "elsewhere"},
		},
	})
	want := 200
	for _, path := range []string{
		"/shop/users/a%20b", "/shop/%75sers/a%20b", "//shop/users/a%20b", "/shop//users//a%20b", "/shop/users;x=1/a%20b", "/shop;v=2/users/%61%20b", "/%73hop/users/a%20b",
	} {
		if res, body := s.get(path); res.StatusCode != want {
			t.Errorf("%s: %d instead of %d: %s", path, res.StatusCode, want, body)
		}
		want = 429
	}
	for _, e := range s.sink.wait(7) {
		if e.Operation != "GET /users/a%20b" || e.Tier != "shop" {
			t.Errorf("%s is the operation %q for the tier %q", e.Path, e.Operation, e.Tier)
		}
	}
}

// problem reads the answer that the gateway itself gives.
func problem(t *testing.T, res *http.Response, body string) map[string]any {
	t.Helper()
	if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%d with content type %q: %s", res.StatusCode, got, body)
	}
	var p map[string]any
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if p["status"] != float64(res.StatusCode) || p["request_id"] != res.Header.Get("X-Request-Id") || p["type"] == "" || p["title"] == "" {
		t.Errorf("%d %s: %v", res.StatusCode, res.Header.Get("X-Request-Id"), p)
	}
	return p
}

type blocks struct{}

func (blocks) Blocked(addr netip.Addr, key string) (block.Entry, bool) {
	switch {
	case addr == netip.MustParseAddr("203.0.113.7"):
		return block.Entry{Rule: "rule:path-scan", Expires: time.Now().Add(time.Hour)}, true
	case addr == netip.MustParseAddr("203.0.113.8"):
		return block.Entry{Shadow: true}, true
	case key == "key:stolen":
		return block.Entry{Reason: "stolen"}, true
	}
	return block.Entry{}, false
}

func TestWhatIsRefusedIsToldAndObserved(t *testing.T) {
	nobody := "http://127.0.0.1:1"
	cfg := single(upstreamServer(t, echo))
	cfg.TrustedProxies = networks(t, "127.0.0.1")
	cfg.Routes[0].Path = "/a"
	cfg.Routes[0].Methods = []string{"GET", "POST"}
	cfg.Routes[0].Limits = []string{"one"}
	cfg.Routes[0].MaxBody = sizeOf(10)
	cfg.Routes = append(cfg.Routes, gateway.Route{API: "users", Path: "/nobody", Upstreams: map[string]gateway.Servers{"default": {{URL: nobody}}}})
	for _, test := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		code                     string
		want                     observe.Exchange
		answer                   map[string]string
	}{
		{name: "no route", path: "/b", status: 404, code: "no-route", want: observe.Exchange{Verdict: observe.Invalid}},
		{name: "method", method: "DELETE", path: "/a", status: 405, code: "method-not-allowed", want: observe.Exchange{Verdict: observe.Invalid, API: "orders"}, answer: map[string]string{"Allow": "GET, POST"}},
		{name: "trace", method: "TRACE", path: "/nobody", status: 405, code: "method-not-allowed", want: observe.Exchange{Verdict: observe.Invalid, API: "users"}},
		{name: "dots", path: "/a/%2e%2e/x", status: 400, code: "ambiguous-path", want: observe.Exchange{Verdict: observe.Invalid}},
		{name: "encoded slash", path: "/a/%2Fx", status: 400, code: "ambiguous-path", want: observe.Exchange{Verdict: observe.Invalid, API: "orders"}},
		{name: "blocked", path: "/a", header: []string{"X-Forwarded-For", "203.0.113.7"}, status: 403, code: "blocked", want: observe.Exchange{Verdict: observe.Blocked, Policy: "rule:path-scan", ClientKey: "203.0.113.7"}},
		{name: "blocked in shadow", path: "/a", header: []string{"X-Forwarded-For", "203.0.113.8"}, status: 200, want: observe.Exchange{Verdict: observe.Allowed, Shadow: "block", API: "orders", ClientKey: "203.0.113.8"}},
		{name: "too large", method: "POST", path: "/a", body: "12345678901", header: []string{"X-Forwarded-For", "2001:db8:1:2:3::1"}, status: 413, code: "body-too-large", want: observe.Exchange{Verdict: observe.Invalid, Error: observe.ErrorRequestBody, API: "orders", ClientKey: "2001:db8:1:2::/64"}},
		{name: "upstream away", path: "/nobody", status: 502, code: "upstream-failed", want: observe.Exchange{Verdict: observe.Allowed, Error: observe.ErrorConnect, API: "users", Upstream: nobody, Attempts: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, around{cfg: cfg, deps: gateway.Deps{Blocker: blocks{}}, policies: map[string]limit.Policy{"one": {Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerMinute(1)}}})
			method := test.method
			if method == "" {
				method = "GET"
			}
			var from io.Reader
			if test.body != "" {
				from = strings.NewReader(test.body)
			}
			res, body := s.do(method, test.path, from, test.header...)
			if res.StatusCode != test.status {
				t.Fatalf("%d %s", res.StatusCode, body)
			}
			if test.code != "" {
				if p := problem(t, res, body); p["code"] != test.code {
					t.Errorf("code %v", p["code"])
				}
			}
			for name, want := range test.answer {
				if got := res.Header.Get(name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
			e := s.sink.one(t)
			got := observe.Exchange{Verdict: e.Verdict, Policy: e.Policy, Shadow: e.Shadow, Error: e.Error, API: e.API, Upstream: test.want.Upstream, Attempts: test.want.Attempts, ClientKey: e.ClientKey}
			if test.want.ClientKey == "" {
				test.want.ClientKey = "127.0.0.1"
			}
			if diff := cmp.Diff(test.want, got, compareAddr); diff != "" {
				t.Error(diff)
			}
			if e.Status != test.status || e.RequestID != res.Header.Get("X-Request-Id") {
				t.Errorf("observed %d with id %s", e.Status, e.RequestID)
			}
		})
	}
}

func TestALimitAnswersWithItsFields(t *testing.T) {
	cfg := single(upstreamServer(t, echo))
	cfg.Routes[0].Limits = []string{"one"}
	s := start(t, around{cfg: cfg, policies: map[string]limit.Policy{"one": {Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerMinute(2), Burst: 2}}})
	for i := range 2 {
		res, body := s.get("/x")
		if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("RateLimit-Policy"), `"one";q=2`) || res.Header.Get("RateLimit") == "" {
			t.Errorf("request %d: %d %v %s", i, res.StatusCode, res.Header, body)
		}
	}
	res, body := s.get("/x")
	p := problem(t, res, body)
	if res.StatusCode != 429 || p["type"] != limit.ProblemQuotaExceeded || res.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v %v", res.StatusCode, res.Header, p)
	}
	if diff := cmp.Diff([]any{"one"}, p["violated-policies"]); diff != "" {
		t.Error(diff)
	}
	e := s.sink.wait(3)[2]
	if e.Verdict != observe.Rejected || e.Policy != "one" || e.RetryAfter <= 0 || e.Status != 429 || e.Upstream != "" {
		t.Errorf("%+v", e)
	}
}

// learned is eachPath without a document.
type learned struct{}

func (learned) Operation(_, _, path string) (string, bool) { return path, false }

func TestWhatTheAPIHasNotGotIsNoOperation(t *testing.T) {
	s := start(t, around{cfg: single(upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wp-login.php" {
			w.WriteHeader(http.StatusNotFound)
		}
	})), deps: gateway.Deps{Operations: learned{}}})
	s.get("/wp-login.php")
	s.get("/orders")
	for _, e := range s.sink.wait(2) {
		if want := map[string]string{"/wp-login.php": "", "/orders": "GET /orders"}[e.Path]; e.Operation != want || e.Route != e.Path {
			t.Errorf("%s is the operation %q, route %q", e.Path, e.Operation, e.Route)
		}
	}
}
