// Package middleware measures what the Go middleware adds to a request, beside
// a bare handler and beside OpenTelemetry's handler in the same run:
//
//	go test -bench . -count 6 ./bench/middleware
package middleware

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"lapwing.dev/lapwing/middleware"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// writer is a ResponseWriter that costs nothing.
type writer struct{ header http.Header }

func (w *writer) Header() http.Header         { return w.header }
func (w *writer) Write(p []byte) (int, error) { return len(p), nil }
func (w *writer) WriteHeader(int)             {}
func (w *writer) Flush()                      {}

// request is one of a client that has a trace, which is not sampled.
func request() *http.Request {
	return &http.Request{
		Method: "GET", URL: &url.URL{Path: "/orders/17", RawQuery: "expand=items"}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Host: "api.example.com", RemoteAddr: "203.0.113.7:51034", RequestURI: "/orders/17?expand=items", Pattern: "GET /orders/{id}",
		Header: http.Header{
			"User-Agent": {"curl/8.5.0"}, "Accept": {"*/*"}, "Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"},
		},
	}
}

func BenchmarkHandler(b *testing.B) {
	body := []byte("{}")
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	sink := observe.SinkFunc(func(*observe.Exchange) {})
	policies := []limit.Policy{{Name: "default", Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerSecond(1_000_000)}}
	lapwing := func(o middleware.Options) http.Handler {
		m, err := middleware.New(o)
		if err != nil {
			b.Fatal(err)
		}
		return m.Handler(bare)
	}
	traces := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.01))))
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	propagators := otelhttp.WithPropagators(propagation.TraceContext{})

	for _, bench := range []struct {
		name    string
		handler http.Handler
	}{
		{"bare", bare},
		{"lapwing observe", lapwing(middleware.Options{API: "orders", Sinks: []observe.Sink{sink}})},
		{"lapwing observe and limit", lapwing(middleware.Options{API: "orders", Sinks: []observe.Sink{sink}, Policies: policies})},
		{"lapwing observe, limit and send", lapwing(middleware.Options{API: "orders", Policies: policies, Server: "http://127.0.0.1:1", Interval: time.Hour})},
		{"otelhttp metrics and traces", otelhttp.NewHandler(bare, "GET /orders/{id}", otelhttp.WithTracerProvider(traces), otelhttp.WithMeterProvider(metrics), propagators)},
		{"otelhttp without providers", otelhttp.NewHandler(bare, "GET /orders/{id}", propagators)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			r, w := request(), &writer{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				bench.handler.ServeHTTP(w, r)
			}
		})
	}
}
