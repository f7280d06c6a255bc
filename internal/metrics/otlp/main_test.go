package otlp_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openDB(t testing.TB) *metrics.DB {
	t.Helper()
	db, err := metrics.Open(t.TempDir(), metrics.Section{}, quiet(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// stored returns the last value of each series of a name by its labels;
// histograms count.
func stored(t *testing.T, db *metrics.DB, name string) map[string]float64 {
	t.Helper()
	q, err := db.Queryable().Querier(0, time.Now().Add(time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	found := map[string]float64{}
	set := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name))
	for set.Next() {
		it := set.At().Iterator(nil)
		for kind := it.Next(); kind != 0; kind = it.Next() {
			key := set.At().Labels().MatchLabels(false, model.MetricNameLabel).String()
			if kind == 1 {
				_, found[key] = it.At()
			} else {
				_, h := it.AtFloatHistogram(nil)
				found[key] = h.Count
			}
		}
	}
	if set.Err() != nil {
		t.Fatal(set.Err())
	}
	return found
}

// runs runs what has a Run until the test ends or stops it.
func runs(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// eventually waits for what happens in other goroutines.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("in vain: %s", what)
}
