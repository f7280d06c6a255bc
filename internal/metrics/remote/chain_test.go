package remote_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"lapwing.dev/lapwing/internal/metrics/remote"
)

// TestOneOfUsWritesToAnother takes version 2.0 in both directions, with what
// Debian's Prometheus does not know yet.
func TestOneOfUsWritesToAnother(t *testing.T) {
	from, to := openDB(t, t.TempDir()), openDB(t, t.TempDir())
	server := httptest.NewServer(remote.NewReceiver(quiet(), to.Appendable()))
	defer server.Close()
	run(t, sender(t, from, "- url: "+server.URL+"\n  protobuf_message: io.prometheus.write.v2.Request\n  send_native_histograms: true\n  send_exemplars: true\n  queue_config: {batch_send_deadline: 50ms}\n"))
	ls := labels.FromStrings(model.MetricNameLabel, "took")
	eventually(t, "a native histogram and its example arrive", func() bool {
		app, now := from.Appendable().Appender(t.Context()), time.Now()
		h := &histogram.Histogram{Schema: 1, Count: 2, Sum: 3, PositiveSpans: []histogram.Span{{Offset: 1, Length: 1}}, PositiveBuckets: []int64{2}}
		if _, err := app.AppendHistogram(0, ls, now.UnixMilli(), h, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := app.AppendExemplar(0, ls, exemplar.Exemplar{Labels: labels.FromStrings("trace_id", "abc"), Value: 1, Ts: now.UnixMilli(), HasTs: true}); err != nil {
			t.Fatal(err)
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
		q, err := to.ExemplarQueryable().ExemplarQuerier(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := q.Select(0, time.Now().Add(time.Minute).UnixMilli(), []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, "took")})
		if err != nil {
			t.Fatal(err)
		}
		return len(got) == 1 && got[0].SeriesLabels.Get("region") == "eu" && histograms(t, to) > 0
	})
}
