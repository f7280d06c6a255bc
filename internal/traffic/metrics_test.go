package traffic_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

// scrape is what /metrics says of operations, as lines of text.
func scrape(t *testing.T, m *traffic.Manager) []string {
	t.Helper()
	var b bytes.Buffer
	encoder := expfmt.NewEncoder(&b, expfmt.NewFormat(expfmt.TypeTextPlain))
	if err := m.WriteMetrics(func(f *dto.MetricFamily) error { return encoder.Encode(f) }); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	if _, err := parser.TextToMetricFamilies(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatalf("what is written is not a valid exposition: %v", err)
	}
	return strings.Split(b.String(), "\n")
}

func TestSeriesHaveTheNamesOfOpenTelemetry(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet()})
	m.Observe(exchange(nil))
	m.Observe(exchange(func(e *observe.Exchange) { e.Duration = 30 * time.Second; e.RequestBytes = 5000 }))
	m.Observe(exchange(func(e *observe.Exchange) { e.Status, e.Error, e.Scheme = 502, observe.ErrorConnect, "https" }))
	m.Observe(exchange(func(e *observe.Exchange) { e.Status = 500 }))
	m.Observe(exchange(func(e *observe.Exchange) {
		e.Status, e.Verdict, e.Operation, e.Route, e.Method = 429, observe.Rejected, "", "", "BREW"
	}))
	lines := scrape(t, m)
	for _, want := range []string{
		`http_server_request_duration_seconds_bucket{api="orders",http_request_method="GET",http_route="/orders/{id}",url_scheme="http",http_response_status_code="200",le="0.005"} 1`,
		`http_server_request_duration_seconds_bucket{api="orders",http_request_method="GET",http_route="/orders/{id}",url_scheme="http",http_response_status_code="200",le="+Inf"} 2`,
		`http_server_request_duration_seconds_sum{api="orders",http_request_method="GET",http_route="/orders/{id}",url_scheme="http",http_response_status_code="200"} 30.003`,
		`http_server_request_duration_seconds_count{api="orders",http_request_method="GET",http_route="/orders/{id}",url_scheme="https",http_response_status_code="502",error_type="connect"} 1`,
		`http_server_request_duration_seconds_count{api="orders",http_request_method="GET",http_route="/orders/{id}",url_scheme="http",http_response_status_code="500",error_type="500"} 1`,
		`http_server_request_duration_seconds_count{api="orders",http_request_method="_OTHER",http_route="",url_scheme="http",http_response_status_code="429"} 1`,
		`http_server_request_body_size_bytes_bucket{api="orders",http_request_method="GET",http_route="/orders/{id}",le="10000"} 4`,
		`http_server_response_body_size_bytes_sum{api="orders",http_request_method="GET",http_route="/orders/{id}"} 4096`,
		`lapwing_exchanges_total{api="orders",operation="GET /orders/{id}",status="2xx",verdict="allow",error_type="",source="gateway"} 2`,
		`lapwing_exchanges_total{api="orders",operation="GET /orders/{id}",status="5xx",verdict="allow",error_type="connect",source="gateway"} 1`,
		`lapwing_exchanges_total{api="orders",operation="_OTHER",status="4xx",verdict="reject",error_type="",source="gateway"} 1`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(lines, "\n"))
	}
}

// Whoever can choose paths, methods, statuses and names must not be able to
// choose how many series there are.
func TestSeriesAreBounded(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet(), Bounds: traffic.Bounds{Operations: 20, Series: 30}})
	for i := range 50_000 {
		e := exchange(nil)
		e.API, e.Route, e.Method = fmt.Sprintf("api%d", i%7), fmt.Sprintf("/%d", i), fmt.Sprintf("M%d", i)
		e.Status = 100 + i%900
		e.Error = observe.ErrorClass(fmt.Sprintf("e%d", i))
		e.Source = observe.Source(fmt.Sprintf("s%d", i))
		m.Observe(e)
	}
	lines := scrape(t, m)
	if len(lines) > 2500 {
		t.Errorf("%d lines", len(lines))
	}
	var counted float64
	for _, line := range lines {
		if strings.HasPrefix(line, "lapwing_exchanges_total{") {
			var n float64
			_, _ = fmt.Sscan(line[strings.LastIndex(line, " "):], &n)
			counted += n
		}
	}
	if counted != 50_000 {
		t.Errorf("%v exchanges are counted, want 50000: nothing is lost in what has no room", counted)
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, `operation="other"`) }) {
		t.Error("nothing is counted as other")
	}
}

// A scanner asks for thousands of paths that are not there, faster than it may: the
// operations that customers call tomorrow must find a place all the same.
func TestScannersTakeNoPlaceOfOperations(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet()})
	begin := time.Now()
	for i := range 2000 {
		m.Observe(exchange(func(e *observe.Exchange) {
			e.Route, e.Status = fmt.Sprintf("/wp-%d", i), 404
			if i%2 == 0 {
				e.Status, e.Verdict = 429, observe.Rejected
			}
		}))
	}
	m.Observe(exchange(func(e *observe.Exchange) { e.Route = "/new" }))
	m.Observe(exchange(func(e *observe.Exchange) { e.Route, e.Status = "/new", 404 }))
	got := map[string]uint64{}
	for _, op := range m.Operations(begin.Add(-time.Minute), time.Now(), traffic.Filter{}) {
		got[op.Name] = op.Requests
	}
	if diff := cmp.Diff(map[string]uint64{"GET": 2000, "GET /new": 2}, got); diff != "" {
		t.Error(diff)
	}
}

// A scrape with a series twice is refused as a whole.
func TestNamesThatNoLabelCanHoldAreOneSeries(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet()})
	for _, route := range []string{"/a\xff", "/a\xfe", "/a\uFFFD", "/b\n\"\\", "/\u202e"} {
		for range 3 {
			m.Observe(exchange(func(e *observe.Exchange) { e.Route = route }))
		}
	}
	var counts []string
	for _, line := range scrape(t, m) {
		if strings.HasPrefix(line, "lapwing_exchanges_total{") {
			counts = append(counts, line[strings.LastIndex(line, " ")+1:])
		}
	}
	if diff := cmp.Diff([]string{"9", "3", "3"}, counts); diff != "" {
		t.Error(diff)
	}
}
