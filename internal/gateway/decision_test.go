package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// asked is a gateway whose decision endpoint answers about a route with a limit.
func asked(t *testing.T, policy limit.Policy) *stand {
	t.Helper()
	cfg := single("http://127.0.0.1:1")
	cfg.Routes[0].Limits = []string{"one"}
	cfg.Routes[0].Path = "/orders"
	cfg.Routes[0].Upstreams["fast"] = gateway.Servers{{URL: "http://127.0.0.1:2"}}
	return start(t, around{
		cfg: cfg, deps: gateway.Deps{Blocker: blocks{}, Operations: operations{}}, policies: map[string]limit.Policy{"one": policy},
		tiers: []limit.Tier{{Name: "pro", Upstream: "fast", When: func(q *limit.Request) bool { return q.Headers.Get("X-Plan") == "pro" }}},
	})
}

func perMinute(n int64) limit.Policy {
	return limit.Policy{Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerMinute(n), Burst: n}
}

// lapwing picks what the endpoint tells the proxy.
func lapwing(h http.Header) map[string]string {
	told := map[string]string{}
	for name := range h {
		if after, ok := strings.CutPrefix(name, "X-Lapwing-"); ok {
			told[after] = h.Get(name)
		}
	}
	return told
}

func TestAProxyAsksAndIsToldWhatToDo(t *testing.T) {
	s := asked(t, perMinute(1))
	const path = gateway.DecisionPath
	for _, test := range []struct {
		name, path string
		header     []string
		status     int
		told       map[string]string
		observed   observe.Exchange
	}{
		{
			name: "nginx, allowed", path: path + "?deny=403",
			header: []string{"X-Original-URI", "/orders/17?x=1", "X-Original-Method", "DELETE", "X-Forwarded-For", "198.51.100.1", "X-Plan", "pro", "Host", "shop"},
			status: 200, told: map[string]string{"Verdict": "allow", "Client": "198.51.100.1", "Tier": "pro", "Upstream": "fast"},
			observed: observe.Exchange{Verdict: observe.Allowed, Operation: "DELETE /orders/{id}", Path: "/orders/17", Query: "x=1", ClientKey: "198.51.100.1", Host: "shop"},
		},
		{
			name: "nginx, over the limit", path: path + "?deny=403",
			header: []string{"X-Original-URI", "/orders/17", "X-Original-Method", "GET", "X-Forwarded-For", "198.51.100.1", "Host", "shop"},
			status: 403, told: map[string]string{"Verdict": "reject", "Client": "198.51.100.1", "Status": "429"},
			observed: observe.Exchange{Verdict: observe.Rejected, Operation: "GET /orders/{id}", Path: "/orders/17", ClientKey: "198.51.100.1", Host: "shop", Status: 429, Policy: "one"},
		},
		{
			name: "Caddy and Traefik, over the limit", path: path,
			header: []string{"X-Forwarded-Uri", "/orders/17", "X-Forwarded-Method", "GET", "X-Forwarded-Host", "shop", "X-Forwarded-Proto", "https", "X-Forwarded-For", "198.51.100.1"},
			status: 429, told: map[string]string{"Verdict": "reject", "Client": "198.51.100.1", "Status": "429"},
			observed: observe.Exchange{Verdict: observe.Rejected, Operation: "GET /orders/{id}", Path: "/orders/17", ClientKey: "198.51.100.1", Host: "shop", Status: 429, Policy: "one", Scheme: "https"},
		},
		{
			name: "blocked", path: path, header: []string{"X-Forwarded-Uri", "/orders/1", "X-Forwarded-For", "203.0.113.7", "Host", "shop"},
			status: 403, told: map[string]string{"Verdict": "block", "Client": "203.0.113.7", "Status": "403"},
			observed: observe.Exchange{Verdict: observe.Blocked, Path: "/orders/1", ClientKey: "203.0.113.7", Host: "shop", Status: 403, Policy: "rule:path-scan"},
		},
		{
			name: "a whole URL", path: path, header: []string{"X-Forwarded-Uri", "http://shop/orders/1?y", "X-Forwarded-For", "198.51.100.2", "Host", "shop"},
			status: 200, told: map[string]string{"Verdict": "allow", "Client": "198.51.100.2", "Upstream": "default"},
			observed: observe.Exchange{Verdict: observe.Allowed, Operation: "GET /orders/{id}", Path: "/orders/1", Query: "y", ClientKey: "198.51.100.2", Host: "shop"},
		},
		{
			name: "nothing is asked about", path: path, header: []string{"Host", "shop"},
			status: 400, told: map[string]string{"Verdict": "invalid", "Client": "127.0.0.1", "Status": "400"},
			observed: observe.Exchange{Verdict: observe.Invalid, ClientKey: "127.0.0.1", Host: "shop", Status: 400},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(s.sink.wait(0))
			res, body := s.get(test.path, test.header...)
			if res.StatusCode != test.status {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			if diff := cmp.Diff(test.told, lapwing(res.Header)); diff != "" {
				t.Error(diff)
			}
			if res.Header.Get("X-Request-Id") == "" {
				t.Error("no request id")
			}
			if test.told["Status"] == "429" && (res.Header.Get("Retry-After") == "" || res.Header.Get("RateLimit") == "" || !strings.Contains(body, "quota-exceeded")) {
				t.Errorf("%v %s", res.Header, body)
			}
			if test.status == 200 && (res.Header.Get("Traceparent") == "" || body != "") {
				t.Errorf("%v %s", res.Header, body)
			}
			e := s.sink.wait(before + 1)[before]
			if e.Source != observe.SourceDecision {
				t.Errorf("source %s", e.Source)
			}
			got := observe.Exchange{Verdict: e.Verdict, Operation: e.Operation, Path: e.Path, Query: e.Query, ClientKey: e.ClientKey, Host: e.Host, Status: e.Status, Policy: e.Policy}
			if test.observed.Scheme != "" {
				got.Scheme = e.Scheme
			}
			if diff := cmp.Diff(test.observed, got, compareAddr); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAHeldAnswerThrottles(t *testing.T) {
	s := asked(t, limit.Policy{Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerSecond(10), Burst: 1, Mode: limit.Throttle})
	header := []string{"X-Forwarded-Uri", "/orders/1"}
	s.get(gateway.DecisionPath, header...)
	res, _ := s.get(gateway.DecisionPath, header...)
	if res.StatusCode != 200 || res.Header.Get("X-Lapwing-Verdict") != "delay" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if e := s.sink.wait(2)[1]; e.Verdict != observe.Delayed || e.Phases.Queued <= 0 || e.Status != 0 {
		t.Errorf("%+v", e)
	}
}

func TestOnlyTrustedProxiesMayAsk(t *testing.T) {
	s := asked(t, perMinute(1))
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", http.NoBody)
	r.RemoteAddr = "192.0.2.1:1234"
	r.Header.Set("X-Forwarded-Uri", "/orders/1")
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	w := httptest.NewRecorder()
	s.Decision().ServeHTTP(w, r)
	if w.Code != 403 || !strings.Contains(w.Body.String(), "not-a-trusted-proxy") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if e := s.sink.one(t); e.ClientKey != "192.0.2.1" || e.Verdict != observe.Invalid {
		t.Errorf("%+v", e)
	}
	// At the gateway's own address the endpoint is not there for them.
	r.URL.Path, r.RequestURI = gateway.DecisionPath, gateway.DecisionPath
	w = httptest.NewRecorder()
	s.FrontDoor(w, r)
	if w.Code != 404 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTheEndpointCanHaveAnAddressOfItsOwn(t *testing.T) {
	cfg := single("http://127.0.0.1:1")
	cfg.Decision = gateway.Decision{Listen: "127.0.0.1:0", Path: "off"}
	s := start(t, around{cfg: cfg})
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.DecisionAddr().String()+"/any/path", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Original-URI", "/orders")
	if res, body := s.send(s.client, r); res.StatusCode != 200 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res, _ := s.get(gateway.DecisionPath, "X-Original-URI", "/orders"); res.StatusCode != 502 {
		t.Errorf("at the gateway's own address, where it is off: %d", res.StatusCode)
	}
	next := single("http://127.0.0.1:1")
	s.reload(around{cfg: next})
	if s.DecisionAddr() != nil {
		t.Error("it is still there")
	}
}

// The same bytes that would be refused in front of the proxy are refused here.
func TestAnInquiryAboutAnAmbiguousPathIsRefused(t *testing.T) {
	s := asked(t, perMinute(100))
	for _, uri := range []string{"/orders/../admin", "/orders%2f..%2fadmin", "orders", "/orders/%zz", "/orders/%00", "/orders/%2F1"} {
		if res, body := s.get(gateway.DecisionPath, "X-Forwarded-Uri", uri); res.StatusCode != 400 {
			t.Errorf("%s: %d %s", uri, res.StatusCode, body)
		}
	}
}
