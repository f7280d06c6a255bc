// Package series measures what it costs to make series of requests and to keep
// them, beside Prometheus' own client in the same run:
//
//	go test -run '^$' -bench . -benchmem -count 6 ./bench/series
package series

import (
	"log/slog"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

// operations is how many operations make 10,000 stored series: each has two
// answers with a histogram of durations, two of sizes, and two outcomes, that is
// 2·3 + 2·3 + 2.
const operations = 10_000 / 14

// exchange is a request of the operation.
func exchange(operation, status int) *observe.Exchange {
	route := "/orders/{id}/" + strconv.Itoa(operation)
	return &observe.Exchange{
		Time: time.Now(), Duration: 3 * time.Millisecond, Source: observe.SourceGateway,
		API: "orders", Operation: "GET " + route, Route: route, Method: "GET", Scheme: "https", Host: "shop.example", Path: "/orders/4711", Protocol: "HTTP/1.1",
		Status: status, RequestBytes: 100, ResponseBytes: 1024, Client: netip.MustParseAddr("203.0.113.7"), ClientKey: "203.0.113.7", UserAgent: "curl/8.5.0",
		Verdict: observe.Allowed, Upstream: "http://127.0.0.1:8000", Attempts: 1,
	}
}

// manager has room for all of the operations.
func manager() *traffic.Manager {
	return traffic.New(traffic.Deps{Log: slog.New(slog.DiscardHandler), Bounds: traffic.Bounds{Operations: 5000, Series: 100_000}})
}

// client is the same with Prometheus' own client: durations with native and
// classic buckets, sizes and a counter. It keeps no history, no clients and no
// sample of requests.
type client struct {
	durations, requests, responses *prometheus.HistogramVec
	exchanges                      *prometheus.CounterVec
}

func newClient(r prometheus.Registerer) *client {
	histogram := func(name string, factor float64, labels []string, buckets ...float64) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: name, Buckets: buckets, NativeHistogramBucketFactor: factor}, labels)
		r.MustRegister(v)
		return v
	}
	sizes := []string{"api", "http_request_method", "http_route"}
	c := &client{
		durations: histogram("http_server_request_duration_seconds", 1.1, append(sizes, "url_scheme", "http_response_status_code", "error_type"),
			.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10),
		requests:  histogram("http_server_request_body_size_bytes", 2, sizes, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000),
		responses: histogram("http_server_response_body_size_bytes", 2, sizes, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000),
		exchanges: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lapwing_exchanges_total", Help: "exchanges"}, []string{"api", "operation", "status", "verdict", "error_type", "source"}),
	}
	r.MustRegister(c.exchanges)
	return c
}

func (c *client) Observe(e *observe.Exchange) {
	class := strconv.Itoa(e.Status/100) + "xx"
	c.durations.WithLabelValues(e.API, e.Method, e.Route, e.Scheme, strconv.Itoa(e.Status), string(e.Error)).Observe(e.Duration.Seconds())
	c.requests.WithLabelValues(e.API, e.Method, e.Route).Observe(float64(e.RequestBytes))
	c.responses.WithLabelValues(e.API, e.Method, e.Route).Observe(float64(e.ResponseBytes))
	c.exchanges.WithLabelValues(e.API, e.Operation, class, string(e.Verdict), string(e.Error), string(e.Source)).Inc()
}

// BenchmarkExchange is what a request adds to its sink, in the middle of all
// operations.
func BenchmarkExchange(b *testing.B) {
	traced := func(e *observe.Exchange) *observe.Exchange {
		e.Sampled, e.TraceID = true, [16]byte{15: 1}
		return e
	}
	var exchanges []*observe.Exchange
	for i := range operations {
		exchanges = append(exchanges, exchange(i, 200), traced(exchange(i, 500)))
	}
	for _, sink := range []struct {
		name string
		observe.Sink
	}{{"lapwing", manager()}, {"client_golang", newClient(prometheus.NewRegistry())}} {
		for _, e := range exchanges {
			sink.Observe(e)
		}
		b.Run(sink.name+" one operation", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink.Observe(exchanges[0])
			}
		})
		b.Run(sink.name+" all operations", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				sink.Observe(exchanges[i%len(exchanges)])
			}
		})
	}
}
