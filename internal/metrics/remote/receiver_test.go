package remote_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/storage"

	"lapwing.dev/lapwing/internal/metrics/remote"
)

const (
	v1 = "application/x-protobuf"
	v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
)

func write(t testing.TB, h http.Handler, kind string, packed []byte, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/write", bytes.NewReader(packed))
	q.Header.Set("Content-Type", kind)
	q.Header.Set("Content-Encoding", "snappy")
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, q)
	return w
}

func pairs(list ...string) (labels []prompb.Label) {
	for i := 0; i < len(list); i += 2 {
		labels = append(labels, prompb.Label{Name: list[i], Value: list[i+1]})
	}
	return labels
}

func bodyV1(t testing.TB, series ...prompb.TimeSeries) []byte {
	t.Helper()
	body, err := (&prompb.WriteRequest{Timeseries: series}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return snappy.Encode(nil, body)
}

func samples(list ...prompb.Sample) []prompb.Sample { return list }

func TestWhatIsWrongWithSomeSamplesDoesNotKeepTheOthersOut(t *testing.T) {
	now := time.Now().UnixMilli()
	old, ahead := now-3*3600_000, now+3600_000
	good := prompb.TimeSeries{Labels: pairs("__name__", "m", "n", "good"), Samples: samples(prompb.Sample{Timestamp: now, Value: 7})}
	for name, bad := range map[string]struct {
		series prompb.TimeSeries
		want   string
	}{
		"in the future":      {prompb.TimeSeries{Labels: pairs("__name__", "m", "n", "bad"), Samples: samples(prompb.Sample{Timestamp: ahead})}, "10 minutes ahead"},
		"at the end of time": {prompb.TimeSeries{Labels: pairs("__name__", "m", "n", "bad"), Samples: samples(prompb.Sample{Timestamp: math.MaxInt64})}, "10 minutes ahead"},
		"before time":        {prompb.TimeSeries{Labels: pairs("__name__", "m", "n", "bad"), Samples: samples(prompb.Sample{Timestamp: math.MinInt64})}, "more than an hour old"},
		"too old":            {prompb.TimeSeries{Labels: pairs("__name__", "m", "n", "bad"), Samples: samples(prompb.Sample{Timestamp: old})}, "more than an hour old"},
		"without a name":     {prompb.TimeSeries{Labels: pairs("n", "bad"), Samples: samples(prompb.Sample{Timestamp: now})}, "no name"},
		"a label twice":      {prompb.TimeSeries{Labels: pairs("__name__", "m", "n", "1", "n", "2"), Samples: samples(prompb.Sample{Timestamp: now})}, `label "n" comes twice`},
		"not UTF-8":          {prompb.TimeSeries{Labels: pairs("__name__", "m", "n", "\xff"), Samples: samples(prompb.Sample{Timestamp: now})}, "not valid"},
		"a long value":       {prompb.TimeSeries{Labels: pairs("__name__", "m", "n", strings.Repeat("x", 1<<20)), Samples: samples(prompb.Sample{Timestamp: now})}, "longer than"},
		"a broken histogram": {prompb.TimeSeries{Labels: pairs("__name__", "m", "n", "bad"), Histograms: []prompb.Histogram{{
			Timestamp: now, Schema: 3, Count: &prompb.Histogram_CountInt{CountInt: 1}, PositiveSpans: []prompb.BucketSpan{{Offset: 0, Length: 9}}, PositiveDeltas: []int64{1},
		}}}, "span"},
	} {
		t.Run(name, func(t *testing.T) {
			db := openDB(t, t.TempDir())
			w := write(t, remote.NewReceiver(quiet(), db.Appendable()), v1, bodyV1(t, good, bad.series))
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "1 of 2 samples were not stored") || !strings.Contains(w.Body.String(), bad.want) {
				t.Errorf("%d: %s", w.Code, w.Body)
			}
			if w.Body.Len() > 2000 {
				t.Errorf("the answer has %d bytes", w.Body.Len())
			}
			if got := stored(t, db, "m"); cmp.Diff(map[string]map[int64]float64{"good": {now: 7}}, got) != "" {
				t.Errorf("stored %v", got)
			}
		})
	}
}

func TestASecondValueForTheSameTimeIsRefused(t *testing.T) {
	db := openDB(t, t.TempDir())
	h, now := remote.NewReceiver(quiet(), db.Appendable()), time.Now().UnixMilli()
	for _, tt := range []struct {
		value float64
		want  int
	}{{1, http.StatusNoContent}, {1, http.StatusNoContent}, {2, http.StatusBadRequest}} { // the first once more: its answer was lost
		w := write(t, h, v1, bodyV1(t, prompb.TimeSeries{Labels: pairs("__name__", "m"), Samples: samples(prompb.Sample{Timestamp: now, Value: tt.value})}))
		if w.Code != tt.want {
			t.Errorf("%v: %d %s", tt.value, w.Code, w.Body)
		}
	}
}

func TestRemoteWriteTwoSaysHowMuchWasWritten(t *testing.T) {
	db := openDB(t, t.TempDir())
	now := time.Now().UnixMilli()
	symbols := writev2.NewSymbolTable()
	series := func(n string) []uint32 {
		return symbols.SymbolizeLabels(labels.FromStrings(model.MetricNameLabel, "m", "n", n), nil)
	}
	q := writev2.Request{Timeseries: []writev2.TimeSeries{
		{LabelsRefs: series("a"), Samples: []writev2.Sample{{Timestamp: now, Value: 1}, {Timestamp: now + 1, Value: 2}}, Metadata: writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_GAUGE}},
		{LabelsRefs: series("b"), Histograms: []writev2.Histogram{writev2.FromIntHistogram(0, now, &histogram.Histogram{Schema: 1, Count: 1, Sum: 3, PositiveSpans: []histogram.Span{{Offset: 1, Length: 1}}, PositiveBuckets: []int64{1}})}},
		{LabelsRefs: series("c"), Samples: []writev2.Sample{{Timestamp: now + 3600_000, Value: 1}}},
		{LabelsRefs: []uint32{1, 999}, Samples: []writev2.Sample{{Timestamp: now, Value: 1}}},
	}}
	q.Symbols = symbols.Symbols()
	body, err := q.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	w := write(t, remote.NewReceiver(quiet(), db.Appendable()), v2, snappy.Encode(nil, body))
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "2 of 5 samples were not stored") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	for header, want := range map[string]string{"Samples": "2", "Histograms": "1", "Exemplars": "0"} {
		if got := w.Header().Get("X-Prometheus-Remote-Write-" + header + "-Written"); got != want {
			t.Errorf("%s written: %q, want %s", header, got, want)
		}
	}
}

func TestHostileBodies(t *testing.T) {
	db := openDB(t, t.TempDir())
	h := remote.NewReceiver(quiet(), db.Appendable())
	empty := bytes.Repeat([]byte{0x0a, 0}, 600_000) // series without anything, two bytes each
	deep := []byte{}
	for len(deep) < 60_000 {
		deep = append([]byte{0x0a, byte(len(deep)&0x7f | 0x80), byte(len(deep)>>7&0x7f | 0x80), byte(len(deep) >> 14)}, deep...)
	}
	for name, tt := range map[string]struct {
		kind   string
		packed []byte
		header []string
		want   int
	}{
		"nothing":                           {v1, nil, nil, http.StatusBadRequest},
		"not snappy":                        {v1, []byte("hello"), nil, http.StatusBadRequest},
		"a bomb by its promise":             {v1, []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0}, nil, http.StatusRequestEntityTooLarge},
		"a promise not kept":                {v1, []byte{0x80, 0x80, 0x80, 0x08, 0}, nil, http.StatusBadRequest},
		"a bomb of zeros":                   {v1, snappy.Encode(nil, make([]byte, 33<<20)), nil, http.StatusRequestEntityTooLarge},
		"a bomb of empty series":            {v1, snappy.Encode(nil, empty), nil, http.StatusBadRequest},
		"a bomb of empty series, version 2": {v2, snappy.Encode(nil, bytes.Repeat([]byte{0x2a, 0}, 600_000)), nil, http.StatusBadRequest},
		"nested deeply":                     {v1, snappy.Encode(nil, deep), nil, http.StatusBadRequest},
		"not protobuf":                      {v1, snappy.Encode(nil, []byte("hello world")), nil, http.StatusBadRequest},
		"gzip":                              {v1, nil, []string{"Content-Encoding", "gzip"}, http.StatusUnsupportedMediaType},
		"JSON":                              {"application/json", snappy.Encode(nil, []byte("{}")), nil, http.StatusUnsupportedMediaType},
		"a version nobody knows":            {"application/x-protobuf;proto=io.prometheus.write.v3.Request", snappy.Encode(nil, nil), nil, http.StatusUnsupportedMediaType},
		"version 2 as version 1":            {v2, bodyV1(t, prompb.TimeSeries{Labels: pairs("__name__", "m"), Samples: samples(prompb.Sample{})}), nil, http.StatusBadRequest},
		"empty, which is allowed":           {v1, snappy.Encode(nil, nil), nil, http.StatusNoContent},
	} {
		t.Run(name, func(t *testing.T) {
			if w := write(t, h, tt.kind, tt.packed, tt.header...); w.Code != tt.want {
				t.Errorf("%d: %.200s", w.Code, w.Body)
			}
		})
	}
	if got := stored(t, db, "m"); len(got) != 0 {
		t.Errorf("stored %v", got)
	}
}

// full is a store that cannot write.
type full struct{ storage.Appendable }

func (f full) Appender(ctx context.Context) storage.Appender {
	return fullAppender{f.Appendable.Appender(ctx)}
}

type fullAppender struct{ storage.Appender }

func (a fullAppender) Commit() error {
	return errors.Join(a.Rollback(), errors.New("write /var/lib/lapwing: no space left on device"))
}

func TestWhenNothingCanBeStoredTheSenderTriesAgain(t *testing.T) {
	db := openDB(t, t.TempDir())
	w := write(t, remote.NewReceiver(quiet(), full{db.Appendable()}), v1, bodyV1(t, prompb.TimeSeries{
		Labels: pairs("__name__", "m"), Samples: samples(prompb.Sample{Timestamp: time.Now().UnixMilli()}),
	}))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "/var/lib") {
		t.Errorf("%d %v: %s", w.Code, w.Header(), w.Body)
	}
}

func FuzzReceive(f *testing.F) {
	body, _ := (&prompb.WriteRequest{Timeseries: []prompb.TimeSeries{{
		Labels: pairs("__name__", "m"), Samples: samples(prompb.Sample{Timestamp: 1e12, Value: 1}),
		Exemplars:  []prompb.Exemplar{{Labels: pairs("trace_id", "x"), Value: 1}},
		Histograms: []prompb.Histogram{prompb.FromIntHistogram(1e12, &histogram.Histogram{Schema: 1, Count: 1, PositiveSpans: []histogram.Span{{Length: 1}}, PositiveBuckets: []int64{1}})},
	}}}).Marshal()
	f.Add(body, false)
	two := writev2.Request{Symbols: []string{"", "__name__", "m"}, Timeseries: []writev2.TimeSeries{{
		LabelsRefs: []uint32{1, 2}, Samples: []writev2.Sample{{Timestamp: 1e12, Value: 1}}, Exemplars: []writev2.Exemplar{{LabelsRefs: []uint32{1, 2}}},
		Histograms: []writev2.Histogram{writev2.FromFloatHistogram(0, 1e12, &histogram.FloatHistogram{Schema: 1, Count: 1, PositiveSpans: []histogram.Span{{Length: 1}}, PositiveBuckets: []float64{1}})},
	}}}
	body, _ = two.Marshal()
	f.Add(body, true)
	h := remote.NewReceiver(quiet(), nowhere{})
	f.Fuzz(func(t *testing.T, body []byte, second bool) {
		kind := v1
		if second {
			kind = v2
		}
		switch w := write(t, h, kind, snappy.Encode(nil, body)); w.Code {
		case http.StatusNoContent, http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		default:
			t.Errorf("%d: %s", w.Code, w.Body)
		}
	})
}
