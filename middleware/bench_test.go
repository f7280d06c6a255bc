package middleware_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"lapwing.dev/lapwing/middleware"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// nowhere is a ResponseWriter that can do what HTTP/1's can, and costs nothing.
type nowhere struct {
	http.ResponseWriter // for the methods that are never called
	header              http.Header
}

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(int)             {}
func (w *nowhere) Flush()                      {}

// ok is the bare handler.
func ok(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }
}

func getRequest() *http.Request {
	return &http.Request{
		Method: "GET", URL: &url.URL{Path: "/orders/17", RawQuery: "expand=items"}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Host: "api.example.com", RemoteAddr: "203.0.113.7:51034", RequestURI: "/orders/17?expand=items", Pattern: "GET /orders/{id}",
		Header: http.Header{
			"User-Agent": {"curl/8.5.0"}, "Accept": {"*/*"}, "Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		},
	}
}

func BenchmarkHandler(b *testing.B) {
	plenty := []limit.Policy{{Name: "default", Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerSecond(1_000_000)}}
	sink := observe.SinkFunc(func(*observe.Exchange) {})
	for _, bench := range []struct {
		name    string
		options *middleware.Options
	}{
		{"bare", nil},
		{"observe", &middleware.Options{API: "orders", Sinks: []observe.Sink{sink}}},
		{"observe and limit", &middleware.Options{API: "orders", Sinks: []observe.Sink{sink}, Policies: plenty}},
		{"observe, limit and send", &middleware.Options{API: "orders", Policies: plenty, Server: "http://127.0.0.1:1", Interval: time.Hour}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var h http.Handler = ok([]byte("{}"))
			if bench.options != nil {
				m, err := middleware.New(*bench.options)
				if err != nil {
					b.Fatal(err)
				}
				h = m.Handler(h)
			}
			r, w := getRequest(), &nowhere{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}

// TestARequestCostsTwoAllocations is the figure of the benchmark that does not
// depend on the machine.
func TestARequestCostsTwoAllocations(t *testing.T) {
	plenty := []limit.Policy{{Name: "default", Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerSecond(1_000_000)}}
	m, err := middleware.New(middleware.Options{API: "orders", Policies: plenty, Server: "http://127.0.0.1:1", Sinks: []observe.Sink{observe.SinkFunc(func(*observe.Exchange) {})}})
	if err != nil {
		t.Fatal(err)
	}
	h := m.Handler(ok([]byte("{}")))
	r, w := getRequest(), &nowhere{header: http.Header{}}
	if n := testing.AllocsPerRun(200, func() { h.ServeHTTP(w, r) }); n > 2 {
		t.Errorf("%v allocations, want at most 2", n)
	}
}
