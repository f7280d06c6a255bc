package proxies

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"lapwing.dev/lapwing/middleware/limit/limittest"
	"lapwing.dev/lapwing/middleware/observe"
)

// tell plays all stories behind one proxy.
func tell(t *testing.T, s *stand) {
	t.Run("limits mean what they mean everywhere", func(t *testing.T) {
		for i, c := range limittest.Cases() {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				path := "/case/" + strconv.Itoa(i) + "/orders"
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("what the gateway was asked about %s, and what it said:\n%s", path, s.sink.told(path))
					}
				})
				limittest.Drive(t, c, limittest.Driver{Take: func(client string) (limittest.Answer, error) { return s.take(path, client) }})
			})
		}
	})
	for name, story := range map[string]func(*testing.T, *stand){
		"a request goes on as it was": goesOn, "a rejection tells when to come again": rejection, "a tier has its limits and its servers": tiers,
		"a blocked client": blocked, "credentials": credentials, "errors of the API are the API's": ownErrors, "clients cannot speak for the proxy": forged,
		"requests that no route takes": noRoute, "a large body": largeBody,
	} {
		t.Run(name, func(t *testing.T) {
			story(t, &stand{t: t, gateway: s.gateway, proxy: s.proxy, client: s.client, sink: s.sink, deaf: s.deaf})
		})
	}
	t.Run("while Lapwing is away nobody comes in", func(t *testing.T) {
		s.stop()
		res, text, err := s.ask(http.MethodGet, "/plain/away", "")
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode < 500 || res.Header.Get("X-Api-Server") != "" {
			t.Errorf("%s: %s", res.Status, text)
		}
	})
}

func goesOn(t *testing.T, s *stand) {
	res, text := s.must(http.MethodPost, "/plain/a%20b?c=d&e=%2F", "hello", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X-Request-Id", "req-4711")
	want := []string{"POST /plain/a%20b?c=d&e=%2F\n", "\nhello", "X-Request-Id: req-4711\n", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-"}
	for _, part := range want {
		if !strings.Contains(text+"\n", part) && !strings.HasSuffix(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("X-Api-Server") != "default" || strings.Contains(text, "b7ad6b7169203331") {
		t.Errorf("%s from %s: %s", res.Status, res.Header.Get("X-Api-Server"), text)
	}
	if !strings.Contains(text, "X-Lapwing-Tier: \nX-Lapwing-User: \n") || strings.Contains(res.Header.Get("RateLimit"), "{") {
		t.Errorf("what Lapwing did not say: %s, RateLimit %s", text, res.Header.Get("RateLimit"))
	}
	seen := s.sink.of("/plain/a%20b")
	if len(seen) != 1 || seen[0].Method != "POST" || seen[0].Query != "c=d&e=%2F" || seen[0].Source != observe.SourceDecision || seen[0].ClientKey != "127.0.0.1" || seen[0].RequestID != "req-4711" {
		t.Errorf("observed: %+v", seen)
	}
}

// problem reads problem details.
func problem(t *testing.T, res *http.Response, text string) map[string]any {
	t.Helper()
	if kind := res.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("content type %q", kind)
	}
	var p map[string]any
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Errorf("no problem details: %v: %s", err, text)
	}
	if int(p["status"].(float64)) != res.StatusCode || p["title"] == "" {
		t.Errorf("%s: %v", res.Status, p)
	}
	return p
}

func rejection(t *testing.T, s *stand) {
	for i := range 3 {
		res, text := s.must(http.MethodGet, "/tiers/orders", "", limittest.ClientHeader, "rejected")
		told := !s.deaf || i == 2
		if got := res.Header.Get("RateLimit-Policy"); told && got != `"per-client";q=2;w=3600` && !strings.HasPrefix(got, `"per-client";q=2;w=3600;`) {
			t.Errorf("RateLimit-Policy: %s", got)
		}
		if got := res.Header.Get("RateLimit"); told && !strings.HasPrefix(got, `"per-client";r=`+strconv.Itoa(max(1-i, 0))) {
			t.Errorf("RateLimit: %s", got)
		}
		if i < 2 {
			if res.StatusCode != http.StatusOK || res.Header.Get("Retry-After") != "" {
				t.Errorf("%d: %s", i, res.Status)
			}
			continue
		}
		seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
		if res.StatusCode != http.StatusTooManyRequests || err != nil || seconds < 1700 || seconds > 1801 {
			t.Errorf("%s, Retry-After %q", res.Status, res.Header.Get("Retry-After"))
		}
		p := problem(t, res, text)
		if !strings.HasSuffix(p["type"].(string), "#quota-exceeded") || p["request_id"] == "" || p["request_id"] != res.Header.Get("X-Request-Id") {
			t.Errorf("problem %v, request %s", p, res.Header.Get("X-Request-Id"))
		}
		if res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("a cache may keep it: %v", res.Header)
		}
	}
}

func tiers(t *testing.T, s *stand) {
	for i := range 6 {
		res, text := s.must(http.MethodGet, "/tiers/orders", "", limittest.ClientHeader, "paying", "X-Plan", "pro")
		if i == 5 {
			if res.StatusCode != http.StatusTooManyRequests {
				t.Errorf("the sixth: %s", res.Status)
			}
			continue
		}
		if !s.deaf && res.Header.Get("X-Api-Server") != "fast" || !strings.Contains(text, "X-Lapwing-Tier: pro\n") {
			t.Errorf("%s from %s: %s", res.Status, res.Header.Get("X-Api-Server"), text)
		}
	}
	if res, text := s.must(http.MethodGet, "/tiers/orders", "", limittest.ClientHeader, "not paying"); res.Header.Get("X-Api-Server") != "default" {
		t.Errorf("%s from %s: %s", res.Status, res.Header.Get("X-Api-Server"), text)
	}
}

func blocked(t *testing.T, s *stand) {
	client := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 66, 66, 66)}}).DialContext}}
	defer client.CloseIdleConnections()
	res, text, err := s.askBy(client, http.MethodGet, "/plain/blocked", "")
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusForbidden || res.Header.Get("X-Api-Server") != "" {
		t.Errorf("%s: %s", res.Status, text)
	}
	if p := problem(t, res, text); p["type"] != "https://lapwing.dev/problems/blocked" || p["request_id"] == "" {
		t.Errorf("problem %v", p)
	}
	if seen := s.sink.of("/plain/blocked"); len(seen) != 1 || seen[0].Verdict != observe.Blocked || seen[0].ClientKey != "127.66.66.66" {
		t.Errorf("observed: %+v", seen)
	}
}

func credentials(t *testing.T, s *stand) {
	res, text := s.must(http.MethodGet, "/private/x", "", "X-Api-Key", "key", "X-Lapwing-User", "admin")
	if res.StatusCode != http.StatusOK || !strings.Contains(text, "X-Lapwing-User: mobile-app\n") {
		t.Errorf("with a good key: %s: %s", res.Status, text)
	}
	res, text = s.must(http.MethodGet, "/private/x", "", "X-Api-Key", "wrong")
	if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), `Bearer realm="api"`) || len(res.Header.Values("WWW-Authenticate")) != 1 {
		t.Errorf("with a wrong key: %s %q: %s", res.Status, res.Header.Values("WWW-Authenticate"), text)
	}
	problem(t, res, text)
}

func ownErrors(t *testing.T, s *stand) {
	for _, status := range []int{http.StatusForbidden, http.StatusInternalServerError} {
		target := "/plain/own?status=" + strconv.Itoa(status)
		res, text := s.must(http.MethodGet, target, "")
		if res.StatusCode != status || res.Header.Get("X-Api-Server") != "default" || !strings.HasPrefix(text, "GET "+target) {
			t.Errorf("%d became %s: %s", status, res.Status, text)
		}
	}
}

// forged sends everything that a proxy might say of a request; nothing of it may
// reach Lapwing or the API as the proxy's word.
func forged(t *testing.T, s *stand) {
	headers := map[string]string{
		"X-Original-URI": "/plain/free", "X-Original-Method": "HEAD", "X-Original-Host": "other.example",
		"X-Forwarded-Uri": "/plain/free", "X-Forwarded-Method": "HEAD", "X-Forwarded-Host": "other.example",
		"X-Forwarded-For": "198.51.100.9", "Forwarded": "for=198.51.100.9", "X-Real-Ip": "198.51.100.9",
		"X-Lapwing-Tier": "pro", "X-Lapwing-User": "admin", "X-Lapwing-Upstream": "fast", "X-Lapwing-Status": "200",
	}
	for name, value := range headers {
		path := "/private/forged-" + strings.ToLower(name)
		res, text := s.must(http.MethodGet, path, "", name, value)
		if res.StatusCode < 400 || res.Header.Get("X-Api-Server") != "" {
			t.Errorf("%s: %s came in: %s: %s", name, value, res.Status, text)
		}
		path = "/plain/forged-" + strings.ToLower(name)
		res, text = s.must(http.MethodGet, path, "", name, value)
		if res.StatusCode == http.StatusBadRequest { // refusing it altogether is fine
			continue
		}
		if res.StatusCode != http.StatusOK || res.Header.Get("X-Api-Server") != "default" || strings.Contains(text, "pro\n") || strings.Contains(text, "admin") {
			t.Errorf("%s: %s reached the API: %s: %s", name, value, res.Status, text)
		}
		if seen := s.sink.of(path); len(seen) != 1 || seen[0].ClientKey != "127.0.0.1" || seen[0].Method != http.MethodGet {
			t.Errorf("%s: %s was believed: %+v", name, value, seen)
		}
	}
}

func noRoute(t *testing.T, s *stand) {
	if res, text := s.must(http.MethodGet, "/nowhere", ""); res.StatusCode != http.StatusNotFound || res.Header.Get("X-Api-Server") != "" {
		t.Errorf("%s: %s", res.Status, text)
	}
	if res, text := s.must(http.MethodDelete, "/get-only/x", ""); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("X-Api-Server") != "" {
		t.Errorf("%s: %s", res.Status, text)
	}
}

// The inquiry before it must take nothing from a body. The API tells its digest:
// an answer as large would also test how proxies hand on answers, which are none
// of ours (Caddy 2.6 cuts one in a hundred off).
func largeBody(t *testing.T, s *stand) {
	body := strings.Repeat("0123456789abcdef", 32<<10) // 512 KiB
	want := fmt.Sprintf("%x", sha256.Sum256([]byte(body)))
	if res, text := s.must(http.MethodPut, "/plain/large?digest", body); res.StatusCode != http.StatusOK || !strings.HasSuffix(text, want) {
		t.Errorf("%s: %s", res.Status, text)
	}
}
