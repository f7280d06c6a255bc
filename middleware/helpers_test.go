package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"lapwing.dev/lapwing/middleware"
	"lapwing.dev/lapwing/middleware/observe"
)

// heard is a sink that keeps everything.
type heard struct {
	mu   sync.Mutex
	list []observe.Exchange
}

func (h *heard) Observe(e *observe.Exchange) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, *e)
}

// all is what was heard so far.
func (h *heard) all() []observe.Exchange {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]observe.Exchange(nil), h.list...)
}

// one is the single exchange that was heard.
func (h *heard) one(t *testing.T) observe.Exchange {
	t.Helper()
	list := h.all()
	if len(list) != 1 {
		t.Fatalf("heard %d exchanges, want one: %+v", len(list), list)
	}
	return list[0]
}

// around returns the handler within a middleware of these options, and what it
// observes.
func around(t *testing.T, o middleware.Options, next http.Handler) (http.Handler, *heard) {
	t.Helper()
	sink := &heard{}
	o.Sinks = append(o.Sinks, sink)
	m, err := middleware.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m.Handler(next), sink
}

// serve sends one request without a network.
func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// get is a request from a client of the documentation's network.
func get(target string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	r.RemoteAddr = "203.0.113.7:51034"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// noLeaks fails the test when goroutines of the middleware are left at its end.
func noLeaks(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		var left string
		for range 200 {
			if left = ours(); left == "" {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Errorf("goroutines are left:\n%s", left)
	})
}

// ours are the stacks of goroutines that run code of this module's packages,
// tests excluded, and of connections that a client keeps.
func ours() string {
	buffer := make([]byte, 1<<20)
	buffer = buffer[:runtime.Stack(buffer, true)]
	var found []string
	for stack := range strings.SplitSeq(string(buffer), "\n\n") {
		if strings.Contains(stack, "net/http.(*persistConn)") || strings.Contains(stack, "lapwing/middleware.(*") && !strings.Contains(stack, "testing.tRunner") {
			found = append(found, stack)
		}
	}
	return strings.Join(found, "\n\n")
}
