package remote_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/prompb"

	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/remote"
)

// BenchmarkReceive stores requests of 2,000 series with a sample each, as
// Prometheus sends them.
func BenchmarkReceive(b *testing.B) {
	db, err := metrics.Open(b.TempDir(), metrics.Section{}, quiet(), nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	h := remote.NewReceiver(quiet(), db.Appendable())
	const n = 2000
	list := make([]prompb.TimeSeries, n)
	for i := range list {
		list[i].Labels = pairs("__name__", "http_requests_total", "api", "orders", "job", "app", "n", strconv.Itoa(i), "route", "/orders/{id}")
	}
	at := time.Now().Add(-30 * time.Minute).UnixMilli()
	b.ReportAllocs()
	for b.Loop() {
		at++
		for i := range list {
			list[i].Samples = samples(prompb.Sample{Timestamp: at, Value: float64(i)})
		}
		if w := write(b, h, v1, bodyV1(b, list...)); w.Code != http.StatusNoContent {
			b.Fatal(w.Code, w.Body)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
}
