package scrape_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/scrape"
	"lapwing.dev/lapwing/internal/verbatim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openDB(t *testing.T) *metrics.DB {
	t.Helper()
	db, err := metrics.Open(t.TempDir(), metrics.Section{}, quiet(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// last returns the last value of each series of a name by its job.
func last(t *testing.T, db *metrics.DB, name string) map[string]float64 {
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
			if kind == 1 {
				_, found[set.At().Labels().Get("job")] = it.At()
			} else {
				_, h := it.AtFloatHistogram(nil)
				found[set.At().Labels().Get("job")] = h.Count
			}
		}
	}
	return found
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 3000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("in vain: %s", what)
}

func change(t *testing.T, s *scrape.Scraper, dir, text string) {
	t.Helper()
	commit, err := s.Prepare(metrics.Config{Dir: dir, ScrapeConfigs: verbatim.YAML{Text: text}})
	if err != nil {
		t.Fatal(err)
	}
	commit()
}

func start(t *testing.T, db *metrics.DB) *scrape.Scraper {
	t.Helper()
	s, err := scrape.New(scrape.Deps{Log: quiet(), Appendable: db.AppendableV2()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestTargetsAreReadHoweverTheyAreFound(t *testing.T) {
	registry := prometheus.NewRegistry()
	orders := prometheus.NewCounter(prometheus.CounterOpts{Name: "orders_total"})
	took := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds", NativeHistogramBucketFactor: 1.1})
	registry.MustRegister(orders, took)
	orders.Add(7)
	took.Observe(0.2)
	target := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	defer target.Close()
	host := strings.TrimPrefix(target.URL, "http://")
	finder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `[{"targets": [%q]}]`, host)
	}))
	defer finder.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "targets.json"), fmt.Appendf(nil, `[{"targets": [%q]}]`, host), 0o600); err != nil {
		t.Fatal(err)
	}
	db := openDB(t)
	s := start(t, db)
	change(t, s, dir, fmt.Sprintf(`
- {job_name: static, scrape_interval: 100ms, scrape_timeout: 100ms, scrape_native_histograms: true, static_configs: [{targets: [%q]}]}
- {job_name: file, scrape_interval: 100ms, scrape_timeout: 100ms, file_sd_configs: [{files: [targets.json]}]}
- {job_name: http, scrape_interval: 100ms, scrape_timeout: 100ms, http_sd_configs: [{url: %q}]}
`, host, finder.URL))
	eventually(t, "all three jobs have read it", func() bool {
		got := last(t, db, "orders_total")
		return got["static"] == 7 && got["file"] == 7 && got["http"] == 7
	})
	if got := last(t, db, "took_seconds"); got["static"] != 1 {
		t.Errorf("native histograms: %v", got)
	}
	active := s.Manager().TargetsActive()
	if len(active["static"]) != 1 || active["static"][0].URL().Host != host {
		t.Errorf("targets: %v", active)
	}

	change(t, s, dir, fmt.Sprintf("- {job_name: other, scrape_interval: 100ms, scrape_timeout: 100ms, static_configs: [{targets: [%q]}]}\n", host))
	eventually(t, "the new job has read it, and the others are gone", func() bool {
		return last(t, db, "orders_total")["other"] == 7 && len(s.Manager().ScrapePools()) == 1
	})
}

func TestATargetThatAnswersWithoutEndDoesNoHarm(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		line := []byte("# " + strings.Repeat("x", 64<<10) + "\n")
		for q.Context().Err() == nil {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	}))
	defer target.Close()
	db := openDB(t)
	s := start(t, db)
	change(t, s, t.TempDir(), fmt.Sprintf("- {job_name: endless, scrape_interval: 3s, scrape_timeout: 3s, static_configs: [{targets: [%q]}]}\n", strings.TrimPrefix(target.URL, "http://")))
	eventually(t, "the target is down", func() bool {
		for _, target := range s.Manager().TargetsActive()["endless"] {
			if target.LastError() != nil {
				if !strings.Contains(target.LastError().Error(), "limit") {
					t.Fatal(target.LastError())
				}
				return true
			}
		}
		return false
	})
}
