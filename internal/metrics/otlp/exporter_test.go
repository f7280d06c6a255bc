package otlp_test

import (
	"compress/gzip"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/otlp"
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
)

// collector is a server that decodes with OpenTelemetry's own package.
type collector struct {
	*httptest.Server
	answer func(w http.ResponseWriter) bool // false: what it wrote is the answer

	mu       sync.Mutex
	metrics  map[string]pmetric.Metric
	resource map[string]any
	header   http.Header
	requests int
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{metrics: map[string]pmetric.Metric{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	if c.answer != nil && !c.answer(w) {
		return
	}
	zip, err := gzip.NewReader(q.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, _ := io.ReadAll(zip)
	request := pmetricotlp.NewExportRequest()
	if err := request.UnmarshalProto(body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.header = q.Header
	for _, r := range request.Metrics().ResourceMetrics().All() {
		c.resource = r.Resource().Attributes().AsRaw()
		for _, m := range r.ScopeMetrics().At(0).Metrics().All() {
			c.metrics[m.Name()] = m
		}
	}
	response, _ := pmetricotlp.NewExportResponse().MarshalProto()
	_, _ = w.Write(response)
}

func (c *collector) got(name string) (pmetric.Metric, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.metrics[name]
	return m, ok
}

func (c *collector) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

func exporter(t *testing.T, to *collector, every time.Duration, gatherer prometheus.Gatherer, sources ...metrics.Source) *otlp.Exporter {
	t.Helper()
	e := otlp.NewExporter(otlp.ExporterDeps{Log: quiet(), Gatherer: gatherer, Sources: sources, Version: "1.2.3", Instance: "host-a"})
	commit, err := e.Prepare(metrics.Config{Metrics: metrics.Section{Labels: map[string]string{"region": "eu"}, OTLP: metrics.OTLPExport{
		URL: to.URL + "/v1/metrics", Headers: map[string]secret.String{"DD-API-KEY": secret.New("hunter2")}, Every: units.Duration(every),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	return e
}

func TestACollectorGetsWhatMetricsShows(t *testing.T) {
	registry := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total", Help: "Requests."}, []string{"route"})
	open := prometheus.NewGauge(prometheus.GaugeOpts{Name: "open"})
	native := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds", NativeHistogramBucketFactor: 1.1, NativeHistogramZeroThreshold: 1e-6})
	classic := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "size_bytes", Buckets: []float64{10, 100}})
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "waited", Objectives: map[float64]float64{0.5: 0.01}})
	registry.MustRegister(requests, open, native, classic, summary)
	requests.WithLabelValues("/orders").Add(3)
	open.Set(-2)
	values := []float64{0, 0.001, 0.2, 0.2, 3, 1000, -0.5}
	for _, v := range values {
		native.Observe(v)
	}
	native.(prometheus.ExemplarObserver).ObserveWithExemplar(0.2, prometheus.Labels{"trace_id": "0af7651916cd43dd8448eb211c80319c"})
	for _, v := range []float64{5, 50, 500, 5000} {
		classic.Observe(v)
	}
	summary.Observe(7)
	source := func(emit func(*dto.MetricFamily) error) error {
		name, kind, one := "probe_success", dto.MetricType_GAUGE, 1.0
		return emit(&dto.MetricFamily{Name: &name, Type: &kind, Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: &one}}}})
	}
	c := newCollector(t)
	runs(t, exporter(t, c, 500*time.Millisecond, registry, source).Run)
	eventually(t, "the collector gets everything", func() bool { _, ok := c.got("probe_success"); return ok })

	m, _ := c.got("requests_total")
	p := m.Sum().DataPoints().At(0)
	if !m.Sum().IsMonotonic() || m.Sum().AggregationTemporality() != pmetric.AggregationTemporalityCumulative || p.DoubleValue() != 3 ||
		p.Attributes().AsRaw()["route"] != "/orders" || p.StartTimestamp() == 0 || p.StartTimestamp() > p.Timestamp() || m.Description() != "Requests." {
		t.Errorf("counter: %v", m)
	}
	if m, _ := c.got("open"); m.Gauge().DataPoints().At(0).DoubleValue() != -2 {
		t.Errorf("gauge: %v", m)
	}
	m, _ = c.got("size_bytes")
	h := m.Histogram().DataPoints().At(0)
	if diff := cmp.Diff([]uint64{1, 1, 2}, h.BucketCounts().AsRaw()); diff != "" || h.Count() != 4 || h.Sum() != 5555 {
		t.Errorf("histogram: %s", diff)
	}
	m, _ = c.got("waited")
	if s := m.Summary().DataPoints().At(0); s.Count() != 1 || s.QuantileValues().At(0).Value() != 7 {
		t.Errorf("summary: %v", m)
	}
	m, _ = c.got("took_seconds")
	e := m.ExponentialHistogram().DataPoints().At(0)
	if e.Count() != 8 || e.ZeroCount() != 1 || e.Exemplars().Len() != 1 || e.Exemplars().At(0).TraceID().String() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("native histogram: count %d, zero %d, exemplars %d", e.Count(), e.ZeroCount(), e.Exemplars().Len())
	}
	for v, want := range map[float64]uint64{0.001: 1, 0.2: 3, 3: 1, 1000: 1} {
		if got := countOf(e, e.Positive(), v); got != want {
			t.Errorf("%d values in the bucket of %v, want %d", got, v, want)
		}
	}
	if got := countOf(e, e.Negative(), 0.5); got != 1 {
		t.Errorf("%d values in the bucket of -0.5", got)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	want := map[string]any{"region": "eu", "service.name": "lapwing", "service.version": "1.2.3", "service.instance.id": "host-a"}
	if diff := cmp.Diff(want, c.resource); diff != "" || c.header.Get("Dd-Api-Key") != "hunter2" {
		t.Error(diff, c.header)
	}
}

// countOf finds the bucket of a value by the definition of the data model:
// base^index < value <= base^(index+1).
func countOf(h pmetric.ExponentialHistogramDataPoint, side pmetric.ExponentialHistogramDataPointBuckets, value float64) uint64 {
	base := math.Pow(2, math.Pow(2, -float64(h.Scale())))
	for i, n := range side.BucketCounts().AsRaw() {
		index := float64(int(side.Offset()) + i)
		if math.Pow(base, index) < value*(1+1e-9) && value <= math.Pow(base, index+1)*(1+1e-9) && n > 0 {
			return n
		}
	}
	return 0
}

func TestACollectorThatIsAwayGetsThePresentValuesWhenItIsBack(t *testing.T) {
	c, elsewhere := newCollector(t), newCollector(t)
	var away atomic.Int32
	c.answer = func(w http.ResponseWriter) bool {
		switch away.Add(1) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.WriteHeader(http.StatusInternalServerError)
		case 3:
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(http.StatusTemporaryRedirect) // with our key
		default:
			return true
		}
		return false
	}
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "requests_total"})
	registry.MustRegister(counter)
	e := exporter(t, c, 20*time.Millisecond, registry)
	runs(t, e.Run)
	eventually(t, "it was away", func() bool { return c.count() >= 3 })
	counter.Add(42)
	eventually(t, "it has the present value", func() bool {
		m, ok := c.got("requests_total")
		return ok && m.Sum().DataPoints().At(0).DoubleValue() == 42
	})
	if elsewhere.count() > 0 {
		t.Error("our key went where the collector pointed to")
	}
	own := prometheus.NewRegistry()
	own.MustRegister(e.Collectors()...)
	families, _ := own.Gather()
	for _, f := range families {
		if f.GetName() == "lapwing_otlp_export_failures_total" && f.GetMetric()[0].GetCounter().GetValue() < 3 {
			t.Errorf("failures: %v", f)
		}
	}
}

func TestManySeriesAreSentInParts(t *testing.T) {
	c := newCollector(t)
	source := func(emit func(*dto.MetricFamily) error) error {
		for i := range 50 {
			name, kind, value, label := "family"+strconv.Itoa(i), dto.MetricType_GAUGE, 1.0, "n"
			f := &dto.MetricFamily{Name: &name, Type: &kind}
			for j := range 200 {
				n := strings.Repeat("x", j)
				f.Metric = append(f.Metric, &dto.Metric{Gauge: &dto.Gauge{Value: &value}, Label: []*dto.LabelPair{{Name: &label, Value: &n}}})
			}
			if err := emit(f); err != nil {
				return err
			}
		}
		return nil
	}
	runs(t, exporter(t, c, time.Second, nil, source).Run)
	eventually(t, "the last family arrives", func() bool { _, ok := c.got("family49"); return ok })
	if n := c.count(); n < 5 {
		t.Errorf("%d requests", n)
	}
}
