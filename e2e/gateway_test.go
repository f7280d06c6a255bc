package e2e

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

var gatewayLine = regexp.MustCompile(`Gateway (http://\S+)`)

// gateway is where the server's clients come in, without the last slash.
func (s *server) gateway(t *testing.T) string {
	t.Helper()
	var match []string
	waitFor(t, "the gateway's address", func() bool { // the line after the one of the pages
		match = gatewayLine.FindStringSubmatch(s.talk())
		return match != nil
	})
	return strings.TrimSuffix(match[1], "/")
}

const tokenSecret = "a secret of thirty-two bytes, and more"

// token is a JSON Web Token (RFC 7519) of a subscriber.
func token(t *testing.T, subject, plan string) string {
	t.Helper()
	encode := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := encode(map[string]string{"alg": "HS256", "typ": "JWT"}) + "." +
		encode(map[string]any{"sub": subject, "plan": plan, "exp": time.Now().Add(time.Hour).Unix()})
	mac := hmac.New(sha256.New, []byte(tokenSecret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// ask sends one GET through the gateway and returns the status.
func ask(t *testing.T, url, token, id string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Request-Id", id)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// logged waits for so many lines of the access log, and returns them by request id.
func logged(t *testing.T, file string, n int) map[string]observe.Exchange {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		lines := map[string]observe.Exchange{}
		log, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		scanner := bufio.NewScanner(log)
		for scanner.Scan() {
			var e observe.Exchange
			if err := observe.DecodeJSON(scanner.Bytes(), &e); err != nil {
				t.Fatalf("%v: %s", err, scanner.Text())
			}
			lines[e.RequestID] = e
		}
		_ = log.Close()
		if len(lines) >= n {
			return lines
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d requests are in the access log", len(lines), n)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestAFastAPIAppBehindTheGateway: its operations are shown, what is over
// 500/minute waits in order, and two tokens are two tiers on two upstreams.
func TestAFastAPIAppBehindTheGateway(t *testing.T) {
	ordinary, fast := startFastAPI(t), startFastAPI(t)
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret", tokenSecret)
	write("lapwing.yaml", fmt.Sprintf(`listen: 127.0.0.1:0
apis:
  - {name: orders, url: %[1]q, openapi: /openapi.json}
limits:
  - {name: per-client, key: token.sub, rate: 500/minute, burst: 5, mode: throttle, queue: {depth: 100, wait: 10s}}
tiers:
  - {name: pro, when: token.plan == "pro", limits: {per-client: 50000/minute}, upstream: fast}
  - {name: free, when: "true"}
gateway:
  listen: 127.0.0.1:0
  auth: {jwt: {secret_file: secret}}
  routes:
    - {api: orders, limits: [per-client], upstreams: {default: [%[1]q], fast: [%[2]q]}}
access_log: access.log
`, ordinary, fast))
	s := start(t, dir, "serve")
	gateway := s.gateway(t)
	free, pro := token(t, "4711", "free"), token(t, "4712", "pro")

	// The document is read after the start; then the route has its name.
	waitFor(t, "the operations of the API", func() bool {
		return strings.Contains(s.get(t, "GET", "/api/v1/apis/orders/operations"), "/orders/{order_id}")
	})

	const burst, queued = 5, 12
	var waiting sync.WaitGroup
	for i := range burst + queued {
		waiting.Go(func() {
			if status := ask(t, gateway+"/orders/"+strconv.Itoa(i%3+1), free, "free-"+strconv.Itoa(i)); status != http.StatusOK {
				t.Errorf("request %d of the free tier got %d", i, status)
			}
		})
		waitFor(t, "a place in the queue", func() bool { return decided(t, s) > i }) // so that the order is known
	}
	for i := range 20 {
		if status := ask(t, gateway+"/items", pro, "pro-"+strconv.Itoa(i)); status != http.StatusOK {
			t.Errorf("request %d of the pro tier got %d", i, status)
		}
	}
	if status := ask(t, gateway+"/items", free+"x", "forged"); status != http.StatusUnauthorized {
		t.Errorf("a forged token got %d", status)
	}
	waiting.Wait()

	lines := logged(t, filepath.Join(dir, "access.log"), burst+queued+20+1)
	var goes []time.Time
	for i := range burst + queued {
		e := lines["free-"+strconv.Itoa(i)]
		if e.Upstream != ordinary || e.Tier != "free" || e.User != "4711" || e.Operation != "GET /orders/{order_id}" {
			t.Errorf("a free request is logged as %+v", e)
		}
		if delayed := e.Verdict == observe.Delayed; delayed != (i >= burst) {
			t.Errorf("request %d is %s", i, e.Verdict)
		}
		goes = append(goes, e.Time.Add(e.Phases.Queued))
	}
	if !slices.IsSortedFunc(goes[burst:], time.Time.Compare) {
		t.Errorf("the queue is not in order: %v", goes)
	}
	// 120 ms apart, as 500 a minute are; timers are late by themselves, never early.
	if took := goes[len(goes)-1].Sub(goes[0]); took < (queued-1)*120*time.Millisecond {
		t.Errorf("%d excess requests went on within %s: faster than 500/minute", queued, took)
	}
	for i := range 20 {
		if e := lines["pro-"+strconv.Itoa(i)]; e.Upstream != fast || e.Tier != "pro" || e.Verdict != observe.Allowed {
			t.Errorf("a pro request is logged as %+v", e)
		}
	}
	if e := lines["forged"]; e.Verdict != observe.Unauthorized || e.Upstream != "" {
		t.Errorf("a forged token is logged as %+v", e)
	}

	if page := s.get(t, "GET", "/traffic"); !strings.Contains(page, "/orders/{order_id}") || !strings.Contains(page, "per-client") {
		t.Error("the traffic page shows neither the operation nor the limit")
	}
	if metrics := s.get(t, "GET", "/metrics"); !strings.Contains(metrics, `http_route="/orders/{order_id}"`) {
		t.Error("/metrics does not know the operation")
	}
}

// decided is how many requests the limit has decided about.
func decided(t *testing.T, s *server) int {
	t.Helper()
	var answer struct {
		Limits []struct{ Allowed, Delayed int } `json:"limits"`
	}
	if err := json.Unmarshal([]byte(s.get(t, "GET", "/api/v1/limits")), &answer); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range answer.Limits {
		n += l.Allowed + l.Delayed
	}
	return n
}

// waitFor polls until something holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
