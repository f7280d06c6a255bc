package metrics_test

import (
	"errors"
	"fmt"
	"math"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/labels"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/testneeds"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

// value asks for one number.
func value(t *testing.T, db *metrics.DB, expr string, at time.Time) float64 {
	t.Helper()
	samples, err := db.Instant(t.Context(), expr, at)
	if err != nil {
		t.Fatal(err)
	}
	if len(samples) != 1 {
		t.Fatalf("%s has %d results: %v", expr, len(samples), samples)
	}
	return samples[0].Value
}

func exchange(at time.Time, d time.Duration) *observe.Exchange {
	return &observe.Exchange{
		Time: at, Duration: d, Source: observe.SourceGateway, API: "orders", Operation: "GET /orders/{id}", Route: "/orders/{id}",
		Method: "GET", Scheme: "https", Status: 200, ResponseBytes: 1024, Verdict: observe.Allowed,
	}
}

func TestRequestsBecomeSeriesThatPromQLReads(t *testing.T) {
	db := open(t, t.TempDir(), metrics.Section{}, nil)
	m := traffic.New(traffic.Deps{Log: quiet()})
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.Collectors()...)
	c := metrics.NewCollector(db, registry, m.WriteMetrics)
	registry.MustRegister(c.Collectors()...)
	now := time.Now().Truncate(15 * time.Second)
	begin := now.Add(-4 * time.Minute)
	for at := begin; !at.After(now); at = at.Add(15 * time.Second) {
		for i := range 100 {
			e := exchange(at, time.Duration(i+1)*time.Millisecond)
			if i == 50 {
				e.Sampled, e.TraceID = true, [16]byte{1: byte(at.Unix()), 15: 7}
			}
			m.Observe(e)
		}
		c.Collect(t.Context(), at)
	}
	for expr, want := range map[string]float64{
		`sum(rate(http_server_request_duration_seconds_count{api="orders"}[2m]))`:                                             100. / 15,
		`histogram_quantile(0.95, sum(rate(http_server_request_duration_seconds{api="orders"}[2m])))`:                         .0955,
		`histogram_count(sum(rate(http_server_request_duration_seconds{http_route="/orders/{id}"}[2m])))`:                     100. / 15,
		`sum(rate(http_server_request_duration_seconds_sum[2m])) / sum(rate(http_server_request_duration_seconds_count[2m]))`: .0505,
		`histogram_avg(rate(http_server_response_body_size_bytes[2m]))`:                                                       1024,
		`sum(lapwing_exchanges_total{operation="GET /orders/{id}",status="2xx"})`:                                             1700,
		`up{job="lapwing"}`: 1,
	} {
		if diff := cmp.Diff(want, value(t, db, expr, now), cmpopts.EquateApprox(.05, 0)); diff != "" {
			t.Errorf("%s: %s", expr, diff)
		}
	}
	if samples, err := db.Instant(t.Context(), "http_server_request_duration_seconds_bucket", now); err != nil || len(samples) > 0 {
		t.Errorf("there are classic buckets that nobody asked for: %v, %v", samples, err)
	}
	if _, err := db.Instant(t.Context(), "http_server_request_duration_seconds", now); err == nil || !strings.Contains(err.Error(), "histogram_quantile") {
		t.Errorf("a histogram is no number: %v", err)
	}
	if s := db.Stats(); len(s.Refused) > 0 || s.Samples == 0 || s.Series == 0 {
		t.Errorf("the store says %+v", s)
	}

	exemplars, err := db.ExemplarQueryable().ExemplarQuerier(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found, err := exemplars.Select(begin.UnixMilli(), now.UnixMilli(), []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "__name__", "http_server_request_duration_seconds")})
	if err != nil || len(found) != 1 || len(found[0].Exemplars) != 17 {
		t.Fatalf("exemplars: %+v, %v", found, err)
	}
	if id := found[0].Exemplars[0].Labels.Get("trace_id"); !strings.HasSuffix(id, "07") {
		t.Errorf("the trace of an exemplar is %q", id)
	}
}

func TestClassicBucketsAreStoredOnRequest(t *testing.T) {
	db := open(t, t.TempDir(), metrics.Section{ClassicHistograms: true}, nil)
	m := traffic.New(traffic.Deps{Log: quiet()})
	registry := prometheus.NewRegistry()
	plain := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "plain_seconds", Buckets: []float64{1, 2.5}})
	plain.Observe(2)
	registry.MustRegister(plain)
	now := time.Now()
	for range 10 {
		m.Observe(exchange(now, 20*time.Millisecond))
	}
	metrics.NewCollector(db, registry, m.WriteMetrics).Collect(t.Context(), now)
	for expr, want := range map[string]float64{
		`http_server_request_duration_seconds_bucket{le="0.01"}`:  0,
		`http_server_request_duration_seconds_bucket{le="0.025"}`: 10,
		`http_server_request_duration_seconds_bucket{le="1.0"}`:   10, // as Prometheus 3 writes it
		`http_server_request_duration_seconds_bucket{le="+Inf"}`:  10,
		`plain_seconds_bucket{le="2.5"}`:                          1,
		`plain_seconds_bucket{le="+Inf"}`:                         1,
	} {
		if got := value(t, db, expr, now); got != want {
			t.Errorf("%s is %v, want %v", expr, got, want)
		}
	}
	commit, err := db.Prepare(metrics.Config{})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	if db.Section().ClassicHistograms {
		t.Error("a reload does not change what is stored")
	}
}

// family makes a family of gauges by the label x.
func family(name string, values map[string]float64) *dto.MetricFamily {
	kind, label := dto.MetricType_GAUGE, "x"
	f := &dto.MetricFamily{Name: &name, Type: &kind}
	for x, v := range values {
		f.Metric = append(f.Metric, &dto.Metric{Label: []*dto.LabelPair{{Name: &label, Value: &x}}, Gauge: &dto.Gauge{Value: &v}})
	}
	return f
}

func TestASeriesThatIsGoneEndsAtOnceAndMayComeBack(t *testing.T) {
	db := open(t, t.TempDir(), metrics.Section{}, nil)
	values := map[string]float64{"a": 1, "b": 2}
	c := metrics.NewCollector(db, prometheus.NewRegistry(), func(emit func(*dto.MetricFamily) error) error { return emit(family("checks", values)) })
	now := time.Now().Add(-time.Minute)
	c.Collect(t.Context(), now)
	delete(values, "b")
	c.Collect(t.Context(), now.Add(15*time.Second))
	if diff := cmp.Diff(map[string]float64{`{instance="` + c.Instance() + `", job="lapwing", x="a"}`: 1}, ask(t, db, "checks", now.Add(16*time.Second))); diff != "" {
		t.Error(diff)
	}
	values["b"] = 3
	c.Collect(t.Context(), now.Add(30*time.Second))
	if got := value(t, db, "sum(checks)", now.Add(31*time.Second)); got != 4 {
		t.Errorf("a series that came back is missing: the sum is %v", got)
	}
	if got := value(t, db, `count_over_time(checks{x="b"}[1m])`, now.Add(31*time.Second)); got != 2 {
		t.Errorf("%v samples of the series that was away, want 2", got)
	}
}

func TestAClockThatWasSetBackIsTold(t *testing.T) {
	dir, notices := t.TempDir(), &health.Registry{}
	db := open(t, dir, metrics.Section{}, notices)
	c := metrics.NewCollector(db, prometheus.NewRegistry())
	now := time.Now()
	c.Collect(t.Context(), now)
	c.Collect(t.Context(), now.Add(-20*time.Minute))
	if diff := cmp.Diff([]string{"metrics_clock"}, codes(notices)); diff != "" {
		t.Error(diff)
	}
	c.Collect(t.Context(), now.Add(time.Second))
	if list := codes(notices); len(list) > 0 {
		t.Errorf("still told: %v", list)
	}
	// By a server that is started anew, too.
	c = metrics.NewCollector(db, prometheus.NewRegistry())
	c.Collect(t.Context(), now.Add(-40*time.Minute))
	if diff := cmp.Diff([]string{"metrics_clock"}, codes(notices)); diff != "" {
		t.Fatal(diff)
	}
	// Nothing is stored then, and a wrong clock may have been years ahead.
	if got := ask(t, db, "count_over_time(up[15m])", now.Add(-30*time.Minute)); len(got) > 0 {
		t.Errorf("stored after all: %v", got)
	}
	if text := notices.List()[0].Text; !strings.Contains(text, "nothing is stored") || !strings.Contains(text, "move the folder "+dir) {
		t.Error(text)
	}
}

// The instance of a check is its target, and dashboards choose by it.
func TestAnInstanceThatASeriesNamesItselfIsKept(t *testing.T) {
	db := open(t, t.TempDir(), metrics.Section{}, nil)
	registry := prometheus.NewRegistry()
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "probe_success"}, []string{"job", "instance"})
	gauge.WithLabelValues("lapwing", "https://shop.example/health").Set(1)
	registry.MustRegister(gauge)
	now := time.Now()
	metrics.NewCollector(db, registry).Collect(t.Context(), now)
	if got := value(t, db, `probe_success{job="lapwing",instance="https://shop.example/health"}`, now); got != 1 {
		t.Errorf("the gauge is %v", got)
	}
}

func TestASourceThatFailsCostsItsOwnSeriesOnly(t *testing.T) {
	db := open(t, t.TempDir(), metrics.Section{}, nil)
	now := time.Now()
	metrics.NewCollector(
		db, prometheus.NewRegistry(),
		func(emit func(*dto.MetricFamily) error) error { return errors.New("the database is locked") },
		func(emit func(*dto.MetricFamily) error) error {
			bad := family("bad\xff", map[string]float64{"a": 1})
			return errors.Join(emit(bad), emit(family("good", map[string]float64{"a": 1, "\xfe": 2, strings.Repeat("x", 5000): 3})))
		},
	).Collect(t.Context(), now)
	if got := value(t, db, "sum(good)", now); got != 1 {
		t.Errorf("the sum is %v", got)
	}
	if diff := cmp.Diff(map[string]uint64{metrics.RefusedLabels: 3}, db.Stats().Refused); diff != "" {
		t.Error(diff)
	}
}

func TestAHistogramOfFractionsAndNegativeNumbersIsStored(t *testing.T) {
	db := open(t, t.TempDir(), metrics.Section{}, nil)
	registry := prometheus.NewRegistry()
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "drift_seconds", NativeHistogramBucketFactor: 1.1})
	for i := -100; i < 200; i++ {
		h.Observe(float64(i) / 10)
	}
	registry.MustRegister(h)
	name, kind, zero, length, schema, offset := "fractions", dto.MetricType_GAUGE_HISTOGRAM, 1e-9, uint32(2), int32(1), int32(0)
	count, sum := 2.5, 3.
	fractions := func(emit func(*dto.MetricFamily) error) error {
		return emit(&dto.MetricFamily{Name: &name, Type: &kind, Metric: []*dto.Metric{{Histogram: &dto.Histogram{
			SampleCountFloat: &count, SampleSum: &sum, Schema: &schema, ZeroThreshold: &zero,
			PositiveSpan: []*dto.BucketSpan{{Offset: &offset, Length: &length}}, PositiveCount: []float64{1.5, 1},
		}}}})
	}
	now := time.Now()
	metrics.NewCollector(db, registry, fractions).Collect(t.Context(), now)
	for expr, want := range map[string]float64{
		"histogram_quantile(0.5, drift_seconds)":     5,
		"histogram_fraction(-Inf, 0, drift_seconds)": 1. / 3,
		"histogram_count(fractions)":                 2.5,
		"fractions_count":                            2.5,
	} {
		if diff := cmp.Diff(want, value(t, db, expr, now), cmpopts.EquateApprox(.05, 0)); diff != "" {
			t.Errorf("%s: %s", expr, diff)
		}
	}
}

func TestRoundsAreAlignedAndFollowTheConfiguration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		db, err := metrics.Open(t.TempDir(), metrics.Section{}, quiet(), registry, &health.Registry{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		var at []string
		c := metrics.NewCollector(db, registry, func(func(*dto.MetricFamily) error) error {
			at = append(at, time.Now().Format("04:05"))
			return nil
		})
		time.Sleep(7 * time.Second) // the bubble's clock
		done := make(chan error)
		ctx, cancel := newContext(t)
		go func() { done <- c.Run(ctx) }()
		time.Sleep(40 * time.Second)
		commit, err := db.Prepare(metrics.Config{Metrics: metrics.Section{Every: 10e9}})
		if err != nil {
			t.Fatal(err)
		}
		commit()
		time.Sleep(30 * time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"00:15", "00:30", "00:45", "01:00", "01:10"}, at); diff != "" {
			t.Error(diff)
		}
	})
}

// Whoever scrapes /metrics with a Prometheus must not be told that it is
// malformed.
func TestPromtoolFindsNothingInMetrics(t *testing.T) {
	promtool := testneeds.Program(t, "promtool", "promtool")
	registry := prometheus.NewRegistry()
	notices := &health.Registry{}
	db, err := metrics.Open(t.TempDir(), metrics.Section{}, quiet(), nil, notices)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	m := traffic.New(traffic.Deps{Log: quiet()})
	c := metrics.NewCollector(db, registry)
	registry.MustRegister(m.Collectors()...)
	registry.MustRegister(c.Collectors()...)
	registry.MustRegister(db.Collectors()...)
	for i := range 50 {
		e := exchange(time.Now(), time.Duration(i)*time.Second)
		e.Sampled, e.TraceID = true, [16]byte{15: 7}
		m.Observe(e)
	}
	notices.Raise(health.Notice{Code: "test", Severity: health.Warning})
	w := httptest.NewRecorder()
	metrics.Handler(quiet(), registry, m.WriteMetrics, metrics.Notices(notices)).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = w.Body
	out, err := check.CombinedOutput()
	// Names are OpenTelemetry's, or Prometheus' own: promtool has an opinion on one of them.
	findings := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), func(line string) bool {
		return line == "" || strings.HasPrefix(line, "prometheus_")
	})
	if len(findings) > 0 {
		t.Errorf("%v\n%s", err, strings.Join(findings, "\n"))
	}
}

func TestNumbersThatAreNoneAreStoredAsTheyAre(t *testing.T) {
	db := open(t, t.TempDir(), metrics.Section{}, nil)
	now := time.Now()
	metrics.NewCollector(db, prometheus.NewRegistry(), func(emit func(*dto.MetricFamily) error) error {
		return emit(family("odd", map[string]float64{"nan": math.NaN(), "inf": math.Inf(1)}))
	}).Collect(t.Context(), now)
	got := ask(t, db, "sum by (x) (odd)", now)
	if len(got) != 2 || !math.IsNaN(got[`{x="nan"}`]) || !math.IsInf(got[`{x="inf"}`], 1) {
		t.Error(fmt.Sprint(got))
	}
}

func TestAHistogramThatIsGoneEndsAtOnceToo(t *testing.T) {
	db := open(t, t.TempDir(), metrics.Section{}, nil)
	registry := prometheus.NewRegistry()
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h_seconds", NativeHistogramBucketFactor: 1.1})
	h.Observe(1)
	registry.MustRegister(h)
	c := metrics.NewCollector(db, registry)
	now := time.Now().Add(-time.Minute)
	c.Collect(t.Context(), now)
	registry.Unregister(h)
	c.Collect(t.Context(), now.Add(15*time.Second))
	if got := ask(t, db, "histogram_count(h_seconds)", now.Add(16*time.Second)); len(got) > 0 {
		t.Errorf("it goes on: %v", got)
	}
	h.Observe(2)
	registry.MustRegister(h)
	c.Collect(t.Context(), now.Add(30*time.Second))
	if got := value(t, db, "histogram_count(h_seconds)", now.Add(31*time.Second)); got != 2 {
		t.Errorf("it came back with %v observations", got)
	}
	if s := db.Stats(); len(s.Refused) > 0 {
		t.Errorf("refused: %v", s.Refused)
	}
}
