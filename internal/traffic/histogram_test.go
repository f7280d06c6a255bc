package traffic_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

// only returns the metrics of a family.
func only(t *testing.T, m *traffic.Manager, name string) []*dto.Metric {
	t.Helper()
	var out []*dto.Metric
	if err := m.WriteMetrics(func(f *dto.MetricFamily) error {
		if f.GetName() == name {
			out = f.GetMetric()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// buckets are the counts of a native histogram by the index of the bucket.
func buckets(h *dto.Histogram) map[int32]int64 {
	out := map[int32]int64{}
	index, count, i := int32(0), int64(0), 0
	for _, span := range h.GetPositiveSpan() {
		index += span.GetOffset()
		for range span.GetLength() {
			count += h.GetPositiveDelta()[i]
			if count != 0 {
				out[index] = count
			}
			index++
			i++
		}
	}
	return out
}

// Prometheus' own client is the judge of what a native histogram has to be.
func TestDurationsAreTheNativeHistogramThatPrometheusClientMakes(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet()})
	judge := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "judge", Buckets: []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10},
		NativeHistogramBucketFactor: 1.1, NativeHistogramZeroThreshold: math.Exp2(-20),
	})
	durations := []time.Duration{
		0, 1, 953, 954, time.Microsecond, 5 * time.Millisecond, 5*time.Millisecond + 1, 250 * time.Millisecond, 500 * time.Millisecond,
		time.Second - 1, time.Second, time.Second + 1, 2 * time.Second, 7500 * time.Millisecond, 10 * time.Second, 10*time.Second + 1, 1024 * time.Second,
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		durations = append(durations, time.Duration(math.Exp2(random.Float64()*39.5)))
	}
	for _, d := range durations {
		m.Observe(exchange(func(e *observe.Exchange) { e.Duration = d }))
		judge.Observe(d.Seconds())
	}
	var want dto.Metric
	if err := judge.Write(&want); err != nil {
		t.Fatal(err)
	}
	got, right := only(t, m, "http_server_request_duration_seconds")[0].GetHistogram(), want.GetHistogram()
	if got.GetSchema() != right.GetSchema() || got.GetZeroThreshold() != right.GetZeroThreshold() || got.GetZeroCount() != right.GetZeroCount() || got.GetSampleCount() != right.GetSampleCount() {
		t.Errorf("schema %d, zero bucket of %d up to %v, %d in all; want %d, %d up to %v, %d", got.GetSchema(), got.GetZeroCount(), got.GetZeroThreshold(), got.GetSampleCount(),
			right.GetSchema(), right.GetZeroCount(), right.GetZeroThreshold(), right.GetSampleCount())
	}
	if diff := cmp.Diff(buckets(right), buckets(got)); diff != "" {
		t.Error(diff)
	}
	for i, b := range right.GetBucket() {
		if got.GetBucket()[i].GetCumulativeCount() != b.GetCumulativeCount() {
			t.Errorf("%d are up to %v s, want %d", got.GetBucket()[i].GetCumulativeCount(), b.GetUpperBound(), b.GetCumulativeCount())
		}
	}
	if diff := cmp.Diff(right.GetSampleSum(), got.GetSampleSum(), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsTooLongIsInTheLastBucket(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet()})
	for _, d := range []time.Duration{-time.Second, time.Hour, math.MaxInt64} {
		m.Observe(exchange(func(e *observe.Exchange) { e.Duration = d }))
	}
	h := only(t, m, "http_server_request_duration_seconds")[0].GetHistogram()
	if diff := cmp.Diff(map[int32]int64{81: 2}, buckets(h)); diff != "" || h.GetZeroCount() != 1 || h.GetSampleCount() != 3 {
		t.Errorf("%s, %d are zero, %d in all", diff, h.GetZeroCount(), h.GetSampleCount())
	}
}

func TestSizesOfBodiesAreBothKindsOfHistogram(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet()})
	for _, n := range []int64{-1, 0, 1, 2, 3, 4, 100, 101, 128, 129, 1000, 1 << 20, math.MaxInt64} {
		m.Observe(exchange(func(e *observe.Exchange) { e.ResponseBytes = n }))
	}
	h := only(t, m, "http_server_response_body_size_bytes")[0].GetHistogram()
	want := map[int32]int64{0: 1, 1: 1, 2: 2, 7: 3, 8: 1, 10: 1, 20: 1, 41: 1} // index i is up to 2^i
	if diff := cmp.Diff(want, buckets(h)); diff != "" || h.GetZeroCount() != 2 {
		t.Errorf("%s, %d are zero", diff, h.GetZeroCount())
	}
	var classic []uint64
	for _, b := range h.GetBucket() {
		classic = append(classic, b.GetCumulativeCount())
	}
	if diff := cmp.Diff([]uint64{7, 11, 11, 11, 11, 12}, classic); diff != "" {
		t.Error(diff)
	}
}

// From a point in a chart to the very request: the exemplar is one that was
// traced.
func TestAHistogramNamesARequestThatWasTraced(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet()})
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	trace := func(id byte, second int, sampled bool, d time.Duration) {
		m.Observe(exchange(func(e *observe.Exchange) {
			e.TraceID, e.Sampled, e.Duration, e.Time = [16]byte{15: id}, sampled, d, at.Add(time.Duration(second)*time.Second)
		}))
	}
	line := func() string {
		var b bytes.Buffer
		encoder := expfmt.NewEncoder(&b, expfmt.NewFormat(expfmt.TypeOpenMetrics))
		if err := m.WriteMetrics(func(f *dto.MetricFamily) error { return encoder.Encode(f) }); err != nil {
			t.Fatal(err)
		}
		for text := range strings.Lines(b.String()) {
			if strings.Contains(text, "trace_id") {
				return strings.TrimSpace(text)
			}
		}
		return ""
	}
	trace(1, 0, false, time.Millisecond)
	if got := line(); got != "" {
		t.Errorf("a request that nobody can look at is named: %s", got)
	}
	trace(2, 0, true, 30*time.Millisecond)
	trace(3, 0, true, 40*time.Millisecond) // the same second
	if got := line(); !strings.Contains(got, `le="0.05"} 3 # {trace_id="00000000000000000000000000000002"} 0.03 `) {
		t.Errorf("the exemplar is %s", got)
	}
	trace(4, 1, true, 20*time.Second) // beyond all boundaries
	if got := line(); !strings.Contains(got, `le="+Inf"} 4 # {trace_id="00000000000000000000000000000004"} 20.0 `) {
		t.Errorf("the exemplar is %s", got)
	}
	h := only(t, m, "http_server_request_duration_seconds")[0].GetHistogram()
	if len(h.GetExemplars()) != 1 || !h.GetExemplars()[0].GetTimestamp().AsTime().Equal(at.Add(time.Second)) {
		t.Errorf("the native histogram has %v", h.GetExemplars())
	}
}

// One API with a route for each order must not take the places of all others,
// and nothing of it is lost.
func TestAnAPIMakesNoMoreSeriesThanItMay(t *testing.T) {
	m := traffic.New(traffic.Deps{Log: quiet(), Bounds: traffic.Bounds{Operations: 5000, Series: 100_000}})
	commit, err := m.Prepare(traffic.Config{SeriesPerAPI: 500})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	begin := time.Now()
	for i := range 3000 {
		m.Observe(exchange(func(e *observe.Exchange) { e.Route, e.Status = "/orders/"+time.Duration(i).String(), 200+i%7 }))
	}
	m.Observe(exchange(func(e *observe.Exchange) { e.API, e.Route = "users", "/users" }))

	series, requests := 0, 0.
	var others []string
	if err := m.WriteMetrics(func(f *dto.MetricFamily) error {
		for _, metric := range f.GetMetric() {
			labels := map[string]string{}
			for _, p := range metric.GetLabel() {
				labels[p.GetName()] = p.GetValue()
			}
			if labels["api"] != "orders" {
				continue
			}
			if metric.GetHistogram() != nil {
				series += 3 // the histogram, its count and its sum
			} else {
				series++
				requests += metric.GetCounter().GetValue()
			}
			if labels["http_route"] == "other" && !slices.Contains(others, f.GetName()) {
				others = append(others, f.GetName())
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if series > 600 || series < 300 {
		t.Errorf("the API has %d series, want about 500 and at most 100 of others", series)
	}
	if requests != 3000 {
		t.Errorf("%v of 3000 requests are counted", requests)
	}
	if len(others) != 3 {
		t.Errorf(`route="other" is in %v`, others)
	}
	summary := m.Summary(begin.Add(-time.Minute), time.Now(), 100, traffic.Filter{API: "orders"})
	if summary.Folded < 2000 || summary.Requests != 3000 {
		t.Errorf("%d of %d requests are said to be of others", summary.Folded, summary.Requests)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	overflow := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "lapwing_traffic_overflow_total" {
			for _, metric := range f.GetMetric() {
				overflow[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
			}
		}
	}
	if diff := cmp.Diff(map[string]float64{"orders": float64(summary.Folded), "other": 0, "users": 0}, overflow); diff != "" {
		t.Error(diff)
	}
}
