package otlp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"lapwing.dev/lapwing/internal/metrics/otlp"
)

func receiver(t testing.TB, appendable storage.AppendableV2) *otlp.Receiver {
	t.Helper()
	r, err := otlp.NewReceiver(quiet(), appendable)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTheSDKOfOpenTelemetrySends sends with the official SDK, whatever its user
// has chosen.
func TestTheSDKOfOpenTelemetrySends(t *testing.T) {
	cumulative := func(sdk.InstrumentKind) metricdata.Temporality { return metricdata.CumulativeTemporality }
	delta := func(sdk.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }
	exponential := func(kind sdk.InstrumentKind) sdk.Aggregation {
		if kind == sdk.InstrumentKindHistogram {
			return sdk.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
		}
		return sdk.DefaultAggregationSelector(kind)
	}
	for name, options := range map[string][]otlpmetrichttp.Option{
		"as it is":           {otlpmetrichttp.WithTemporalitySelector(cumulative)},
		"with gzip":          {otlpmetrichttp.WithTemporalitySelector(cumulative), otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression)},
		"as deltas":          {otlpmetrichttp.WithTemporalitySelector(delta)},
		"exponential":        {otlpmetrichttp.WithTemporalitySelector(cumulative), otlpmetrichttp.WithAggregationSelector(exponential)},
		"exponential deltas": {otlpmetrichttp.WithTemporalitySelector(delta), otlpmetrichttp.WithAggregationSelector(exponential)},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t)
			r := receiver(t, db.AppendableV2())
			runs(t, r.Run)
			server := httptest.NewServer(r)
			defer server.Close()
			exporter, err := otlpmetrichttp.New(t.Context(), append(options, otlpmetrichttp.WithEndpointURL(server.URL+"/v1/metrics"))...)
			if err != nil {
				t.Fatal(err)
			}
			provider := sdk.NewMeterProvider(sdk.WithReader(sdk.NewPeriodicReader(exporter)), sdk.WithResource(resource.NewSchemaless(
				attribute.String("service.name", "orders"), attribute.String("service.instance.id", "a"))))
			meter := provider.Meter("test")
			requests, _ := meter.Int64Counter("orders.placed", metric.WithUnit("{order}"))
			took, _ := meter.Float64Histogram("http.server.request.duration", metric.WithUnit("s"))
			for range 2 { // rounds
				for range 5 {
					requests.Add(t.Context(), 1, metric.WithAttributes(attribute.String("kind", "web")))
					took.Record(t.Context(), 0.2)
				}
				if err := provider.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
				for flushed := time.Now().UnixMilli(); time.Now().UnixMilli() <= flushed; { // the next round is of another time
					time.Sleep(time.Millisecond)
				}
			}
			if err := provider.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := map[string]float64{`{instance="a", job="orders", kind="web"}`: 10}
			if diff := cmp.Diff(want, stored(t, db, "orders_placed_total")); diff != "" {
				t.Error(diff)
			}
			name := "http_server_request_duration_seconds_count"
			if len(stored(t, db, name)) == 0 {
				name = "http_server_request_duration_seconds" // a native histogram
			}
			if diff := cmp.Diff(map[string]float64{`{instance="a", job="orders"}`: 10}, stored(t, db, name)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// gauges makes a request of gauges, each of a time.
func gauges(times ...time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	r := md.ResourceMetrics().AppendEmpty()
	r.Resource().Attributes().PutStr("service.name", "orders")
	list := r.ScopeMetrics().AppendEmpty().Metrics()
	for i, at := range times {
		m := list.AppendEmpty()
		m.SetName(fmt.Sprintf("g%d", i))
		p := m.SetEmptyGauge().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(at))
		p.SetDoubleValue(float64(i))
	}
	return md
}

func protobuf(t testing.TB, md pmetric.Metrics) []byte {
	t.Helper()
	body, err := pmetricotlp.NewExportRequestFromMetrics(md).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func post(t testing.TB, h http.Handler, kind string, body []byte, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/metrics", bytes.NewReader(body))
	q.Header.Set("Content-Type", kind)
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	return w
}

func TestJSONIsTakenToo(t *testing.T) {
	db := openDB(t)
	body, err := pmetricotlp.NewExportRequestFromMetrics(gauges(time.Now())).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	w := post(t, receiver(t, db.AppendableV2()), "application/json; charset=utf-8", body)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" || !json.Valid(w.Body.Bytes()) {
		t.Errorf("%d %v: %s", w.Code, w.Header(), w.Body)
	}
	if got := stored(t, db, "g0"); len(got) != 1 {
		t.Errorf("stored %v", got)
	}
}

func TestPartialSuccess(t *testing.T) {
	db, now := openDB(t), time.Now()
	md := gauges(now, now.Add(time.Hour), now.Add(-24*time.Hour), time.Unix(0, 0))
	negative := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
	negative.SetName("")
	p := negative.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(now))
	w := post(t, receiver(t, db.AppendableV2()), "application/x-protobuf", protobuf(t, md))
	response := pmetricotlp.NewExportResponse()
	if err := response.UnmarshalProto(w.Body.Bytes()); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d: %v", w.Code, err)
	}
	partial := response.PartialSuccess()
	if partial.RejectedDataPoints() != 4 || !strings.Contains(partial.ErrorMessage(), "in the future") {
		t.Errorf("%d rejected: %s", partial.RejectedDataPoints(), partial.ErrorMessage())
	}
	for i, want := range []int{1, 0, 0, 0} {
		if got := stored(t, db, fmt.Sprintf("g%d", i)); len(got) != want {
			t.Errorf("g%d: %v", i, got)
		}
	}
}

func TestHostileBodies(t *testing.T) {
	h := receiver(t, openDB(t).AppendableV2())
	zip := func(body []byte) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(body)
		_ = w.Close()
		return b.Bytes()
	}
	nested := gauges(time.Now())
	value := nested.ResourceMetrics().At(0).Resource().Attributes().PutEmpty("deep")
	for range 2000 {
		value = value.SetEmptySlice().AppendEmpty()
	}
	const pb, js = "application/x-protobuf", "application/json"
	for name, tt := range map[string]struct {
		kind   string
		body   []byte
		header []string
		want   int
	}{
		"nothing, which is allowed": {pb, nil, nil, http.StatusOK},
		"not protobuf":              {pb, []byte("hello"), nil, http.StatusBadRequest},
		"not JSON":                  {js, []byte("hello"), nil, http.StatusBadRequest},
		"a text":                    {"text/plain", nil, nil, http.StatusUnsupportedMediaType},
		"not gzip":                  {pb, []byte("hello"), []string{"Content-Encoding", "gzip"}, http.StatusBadRequest},
		"zstd":                      {pb, nil, []string{"Content-Encoding", "zstd"}, http.StatusBadRequest},
		"a gzip bomb":               {pb, zip(make([]byte, 64<<20)), []string{"Content-Encoding", "gzip"}, http.StatusRequestEntityTooLarge},
		"too large":                 {pb, make([]byte, 17<<20), nil, http.StatusRequestEntityTooLarge},
		"a bomb of empty resources": {pb, bytes.Repeat([]byte{0x0a, 0}, 600_000), nil, http.StatusBadRequest},
		"a bomb of empty objects":   {js, []byte(`{"resourceMetrics":[` + strings.Repeat("{},", 600_000) + `{}]}`), nil, http.StatusBadRequest},
		"nested deeply":             {pb, protobuf(t, nested), nil, http.StatusBadRequest},
		"nested deeply in JSON":     {js, []byte(strings.Repeat("[", 1<<20)), nil, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w := post(t, h, tt.kind, tt.body, tt.header...)
			if w.Code != tt.want {
				t.Errorf("%d: %.200q", w.Code, w.Body)
			}
			if tt.kind != "text/plain" && w.Header().Get("Content-Type") != tt.kind {
				t.Errorf("the answer is %s", w.Header().Get("Content-Type"))
			}
		})
	}
}

// full is a store that cannot write.
type full struct{ storage.AppendableV2 }

func (f full) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return fullAppender{f.AppendableV2.AppenderV2(ctx)}
}

type fullAppender struct{ storage.AppenderV2 }

func (a fullAppender) Commit() error {
	return errors.Join(a.Rollback(), errors.New("no space left on device"))
}

func TestWhenNothingCanBeStoredTheSenderTriesAgain(t *testing.T) {
	w := post(t, receiver(t, full{openDB(t).AppendableV2()}), "application/json", []byte(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[{"asDouble":1,"timeUnixNano":"`+strconv.FormatInt(time.Now().UnixNano(), 10)+`"}]}}]}]}]}`))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"code":14`) {
		t.Errorf("%d %v: %s", w.Code, w.Header(), w.Body)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add(protobuf(f, gauges(time.Now())), false)
	body, _ := pmetricotlp.NewExportRequestFromMetrics(gauges(time.Now())).MarshalJSON()
	f.Add(body, true)
	md := gauges(time.Now())
	h := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
	h.SetName("h")
	e := h.SetEmptyExponentialHistogram()
	e.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	p := e.DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	p.SetCount(3)
	p.SetScale(20)
	p.Positive().BucketCounts().FromRaw([]uint64{1, 0, 2})
	f.Add(protobuf(f, md), false)
	r := receiver(f, nowhere{})
	f.Fuzz(func(t *testing.T, body []byte, text bool) {
		kind := "application/x-protobuf"
		if text {
			kind = "application/json"
		}
		switch w := post(t, r, kind, body); w.Code {
		case http.StatusOK, http.StatusBadRequest:
		default:
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	})
}
