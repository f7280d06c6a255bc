package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call sends one request to the handler and returns its answer.
func call(t *testing.T, api http.Handler, request, body string, header http.Header) *http.Response {
	t.Helper()
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, "http://shop.example"+target, strings.NewReader(body))
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	answer := w.Result()
	answer.Request = r
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func document(t *testing.T) *catalog.Document {
	t.Helper()
	d, err := catalog.Parse(Document, catalog.Origin{API: "shop", Base: "http://shop.example"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func bearer(t *testing.T, api http.Handler) http.Header {
	t.Helper()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	answer := call(t, api, "POST /login", `{"user":"probe","password":"lapwing"}`, nil)
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil {
		t.Fatal(err)
	}
	return http.Header{"Authorization": {"Bearer " + token.AccessToken}}
}

func TestEveryAnswerIsAsTheDocumentSays(t *testing.T) {
	type request struct {
		line, body string
		status     int
		loggedIn   bool
	}
	requests := []request{
		{"GET /health", "", 200, false},
		{"GET /orders", "", 200, false},
		{"GET /orders?limit=3&status=paid", "", 200, false},
		{"GET /orders?limit=x", "", 422, false},
		{"GET /orders?limit=99", "", 422, false},
		{"GET /orders/9999", "", 404, false},
		{"GET /orders/x", "", 422, false},
		{"GET /items", "", 200, false},
		{"GET /items/3", "", 200, false},
		{"GET /items/99", "", 404, false},
		{"GET /search?q=LAMP", "", 200, false},
		{"GET /search", "", 422, false},
		{"GET /reports/daily", "", 200, false},
		{"GET /refunds", "", 503, false},
		{"POST /login", `{"user":"probe","password":"lapwing"}`, 200, false},
		{"POST /login", `{"user":"probe","password":"no"}`, 401, false},
		{"POST /login", `{}`, 422, false},
		{"POST /login", `{`, 422, false},
		{"GET /users/me", "", 200, true},
		{"GET /users/me", "", 401, false},
		{"HEAD /health", "", 200, false},
	}
	for id := range orderCount {
		requests = append(requests, request{fmt.Sprintf("GET /orders/%d", id+1), "", 200, false})
	}
	synctest.Test(t, func(t *testing.T) {
		api, d := API(1), document(t)
		seen := map[string]bool{"GET /inventory": true} // has a test of its own
		for _, r := range requests {
			var header http.Header
			if r.loggedIn {
				header = bearer(t, api)
			}
			answer := call(t, api, r.line, r.body, header)
			if answer.StatusCode != r.status {
				t.Errorf("%s answered %d, want %d", r.line, answer.StatusCode, r.status)
			}
			holds(t, d, answer)
			if o, ok := d.Match(answer.Request.Method, answer.Request.URL.EscapedPath()); ok {
				seen[o.String()] = true
			}
		}
		var missing []string
		for _, o := range d.Operations() {
			if !seen[o.String()] {
				missing = append(missing, o.String())
			}
		}
		if len(missing) > 0 {
			t.Errorf("never called: %v", missing)
		}
	})
}

func holds(t *testing.T, d *catalog.Document, answer *http.Response) {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := answer.Request
	if err := d.ValidateResponse(t.Context(), r.Method, r.URL, answer.StatusCode, answer.Header, body); err != nil {
		t.Errorf("%s %s: %v\n%s", r.Method, r.URL.Path, err, body)
	}
}

func TestTheInventoryFailsNowAndThenButNeverTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, d := API(1), document(t)
		failures, failed := 0, false
		for range 200 {
			answer := call(t, api, "GET /inventory", "", nil)
			holds(t, d, answer)
			if answer.StatusCode == http.StatusOK {
				failed = false
				continue
			}
			if failed {
				t.Fatal("failed twice in a row")
			}
			failures, failed = failures+1, true
		}
		if failures < 10 || failures > 50 {
			t.Errorf("%d of 200 failed", failures)
		}
	})
}

func TestTheSameSeedTakesTheSameTime(t *testing.T) {
	times := func(t *testing.T, seed uint64) (list []time.Duration) {
		api := API(seed)
		for _, path := range []string{"/health", "/orders", "/reports/daily", "/inventory", "/inventory"} {
			start := time.Now()
			call(t, api, "GET "+path, "", nil)
			list = append(list, time.Since(start))
		}
		return list
	}
	synctest.Test(t, func(t *testing.T) {
		first := times(t, 1)
		if diff := cmp.Diff(first, times(t, 1)); diff != "" {
			t.Error(diff)
		}
		if slices.Equal(first, times(t, 2)) {
			t.Error("another seed takes the same time")
		}
		if report := first[2]; report < 350*time.Millisecond || report > 600*time.Millisecond {
			t.Errorf("the report took %v", report)
		}
	})
}

func TestATokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := API(1)
		header := bearer(t, api)
		if answer := call(t, api, "GET /users/me", "", header); answer.StatusCode != http.StatusOK {
			t.Errorf("answered %d", answer.StatusCode)
		}
		time.Sleep(tokenLife)
		if answer := call(t, api, "GET /users/me", "", header); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("answered %d", answer.StatusCode)
		}
		for _, forged := range []string{"", "demo.9999999999.00", "demo.x.y", "nothing"} {
			if answer := call(t, api, "GET /users/me", "", http.Header{"Authorization": {"Bearer " + forged}}); answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("%q answered %d", forged, answer.StatusCode)
			}
		}
	})
}

func TestUnknownPathsAndMethodsAreRefusedAsFastAPIDoes(t *testing.T) {
	api := API(1)
	for request, want := range map[string]string{
		"GET /nothing":   `404 {"detail":"Not Found"}`,
		"POST /orders":   `405 {"detail":"Method Not Allowed"}`,
		"GET /login":     `405 {"detail":"Method Not Allowed"}`,
		"DELETE /health": `405 {"detail":"Method Not Allowed"}`,
	} {
		answer := call(t, api, request, "", nil)
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%d %s", answer.StatusCode, bytes.TrimSpace(body)); got != want {
			t.Errorf("%s: got %s, want %s", request, got, want)
		}
	}
}

func TestACallerWhoGoesIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		server := API(1)
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/reports/daily", nil)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		server.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
		if took := time.Since(start); took != 10*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// The checks find what they are to find. The document that `contract` needs is
// the API's own.
func TestTheChecksAskForWhatTheDocumentHas(t *testing.T) {
	d := document(t)
	for _, c := range configured(t, "http://127.0.0.1:1").Checks {
		if c.URL == "" {
			continue
		}
		path, _, _ := strings.Cut(c.URL, "?")
		if _, ok := d.Match("GET", path); !ok {
			t.Errorf("%s asks for %s, which is not in the document", c.Name, path)
		}
	}
}
