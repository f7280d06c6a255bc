package gateway_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/gateway/auth"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

func hashed(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// Who it is decides what it may do, where it goes, and under which name it is seen.
func TestKeysHaveTiersAndTiersHaveUpstreams(t *testing.T) {
	name := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Api-Key") != "" {
				t.Error("the upstream got the key")
			}
			_, _ = w.Write([]byte(text))
		}
	}
	required := true
	cfg := single(upstreamServer(t, name("default")))
	cfg.Routes[0].Upstreams["fast"] = gateway.Servers{{URL: upstreamServer(t, name("fast"))}}
	cfg.Routes[0].Limits = []string{"per-key"}
	cfg.Auth = &auth.Config{Required: &required, Strip: true, APIKeys: []auth.APIKey{
		{Name: "mobile", SHA256: hashed("one"), Claims: map[string]string{"plan": "pro"}},
		{Name: "web", SHA256: hashed("two")},
		{Name: "stolen", SHA256: hashed("three")},
	}}
	pro := limit.Tier{
		Name: "pro", Upstream: "fast", Rates: map[string]limit.Rate{"per-key": limit.PerMinute(100)},
		When: func(q *limit.Request) bool { return q.Token != nil && q.Token.Get("plan") == "pro" },
	}
	s := start(t, around{
		cfg: cfg, deps: gateway.Deps{Blocker: blocks{}}, tiers: []limit.Tier{pro, {Name: "free"}},
		policies: map[string]limit.Policy{"per-key": {Key: []limit.KeyPart{limit.APIKeyName()}, Rate: limit.PerMinute(1)}},
	})
	for i, test := range []struct {
		key, body string
		status    int
		want      observe.Exchange
	}{
		{"one", "fast", 200, observe.Exchange{Tier: "pro", ClientKey: "key:mobile", User: "mobile", Verdict: observe.Allowed}},
		{"one", "fast", 200, observe.Exchange{Tier: "pro", ClientKey: "key:mobile", User: "mobile", Verdict: observe.Allowed}},
		{"two", "default", 200, observe.Exchange{Tier: "free", ClientKey: "key:web", User: "web", Verdict: observe.Allowed}},
		{"two", "quota-exceeded", 429, observe.Exchange{Tier: "free", ClientKey: "key:web", User: "web", Verdict: observe.Rejected, Policy: "per-key"}},
		{"three", "blocked", 403, observe.Exchange{ClientKey: "key:stolen", User: "stolen", Verdict: observe.Blocked, Policy: "block"}},
		{"four", "not known", 401, observe.Exchange{ClientKey: "127.0.0.1", Verdict: observe.Unauthorized, Policy: "auth"}},
		{"", "missing", 401, observe.Exchange{ClientKey: "127.0.0.1", Verdict: observe.Unauthorized, Policy: "auth"}},
	} {
		var header []string
		if test.key != "" {
			header = []string{"X-Api-Key", test.key}
		}
		res, body := s.get("/", header...)
		if res.StatusCode != test.status || !strings.Contains(body, test.body) {
			t.Errorf("%s: %d %s", test.key, res.StatusCode, body)
		}
		if (test.status == 401) != (res.Header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: %v", test.key, res.Header)
		}
		e := s.sink.wait(i + 1)[i]
		if e.Tier != test.want.Tier || e.ClientKey != test.want.ClientKey || e.User != test.want.User || e.Verdict != test.want.Verdict || e.Policy != test.want.Policy {
			t.Errorf("%s: %+v", test.key, e)
		}
	}
}

// Excess waits, in order, and one client's queue is not another's.
func TestExcessWaitsInOrder(t *testing.T) {
	served := make(chan string, 10)
	cfg := single(upstreamServer(t, func(_ http.ResponseWriter, r *http.Request) { served <- r.URL.Path }))
	cfg.Routes[0].Limits = []string{"per-client"}
	cfg.TrustedProxies = networks(t, "127.0.0.1")
	s := start(t, around{cfg: cfg, policies: map[string]limit.Policy{"per-client": {
		Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerSecond(20), Burst: 1, Mode: limit.Throttle, Queue: limit.Queue{Depth: 5},
	}}})
	done := make(chan int, 10)
	for i := range 6 {
		go func() {
			res, _ := s.get("/"+string(rune('0'+i)), "X-Forwarded-For", "198.51.100.1")
			done <- res.StatusCode
		}()
		for int(s.InFlight())+len(s.sink.wait(0)) <= i {
		}
	}
	if res, _ := s.get("/other", "X-Forwarded-For", "198.51.100.2"); res.StatusCode != 200 {
		t.Error(res.StatusCode)
	}
	for range 6 {
		if status := <-done; status != 200 {
			t.Error(status)
		}
	}
	var order strings.Builder
	for range 7 {
		if path := <-served; path != "/other" {
			order.WriteString(path[1:])
		}
	}
	if order.String() != "012345" {
		t.Errorf("served in the order %s", order.String())
	}
	delayed := 0
	for _, e := range s.sink.wait(7) {
		if e.Verdict == observe.Delayed && e.Phases.Queued > 0 {
			delayed++
		}
	}
	if delayed < 4 {
		t.Errorf("%d were delayed", delayed)
	}
}
