package rules_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// database is a store in a folder.
type database struct {
	*tsdb.DB
	engine *promql.Engine
}

func (d *database) Queryable() storage.Queryable   { return d.DB }
func (d *database) Appendable() storage.Appendable { return d.DB }
func (d *database) Engine() *promql.Engine         { return d.engine }

func openDB(t testing.TB, dir string) *database {
	t.Helper()
	o := tsdb.DefaultOptions()
	o.NoLockfile, o.StripeSize, o.WALSegmentSize = true, 64, 1<<20
	db, err := tsdb.Open(dir, slog.New(slog.DiscardHandler), nil, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &database{db, promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1e6, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true, NoStepSubqueryIntervalFn: func(int64) int64 { return 15000 },
	})}
}

func (d *database) close(t testing.TB) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// put writes a sample now.
func (d *database) put(t testing.TB, series string, v float64) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseMetric(series)
	if err != nil {
		t.Fatal(err)
	}
	appender := d.Appender(context.Background())
	if _, err := appender.Append(0, parsed, time.Now().UnixMilli(), v); err != nil {
		t.Fatal(err)
	}
	if err := appender.Commit(); err != nil {
		t.Fatal(err)
	}
}

// latest returns the last value of each series of a metric, by a label.
func (d *database) latest(t testing.TB, metric, label string) map[string]float64 {
	t.Helper()
	now := time.Now().UnixMilli()
	q, err := d.Querier(now-5*60_000, now)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	found := map[string]float64{}
	set := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, metric))
	for set.Next() {
		it := set.At().Iterator(nil)
		var last float64
		for it.Next() != 0 {
			_, last = it.At()
		}
		if !value.IsStaleNaN(last) {
			found[set.At().Labels().Get(label)] = last
		}
	}
	return found
}

// stand is a running manager and what it told.
type stand struct {
	*rules.Manager
	db     *database
	dir    string // of the rule files
	health *health.Registry
	stop   func()

	mu   sync.Mutex
	told []rules.Alert
}

// start runs a manager over the files.
func start(t testing.TB, dir string, db *database) *stand {
	t.Helper()
	s := &stand{db: db, dir: dir, health: &health.Registry{}}
	s.Manager = rules.New(rules.Deps{
		DB: db, Log: slog.New(slog.DiscardHandler), Health: s.health, ExternalURL: func() string { return "http://lapwing.example/" },
		Notify: func(_ context.Context, alerts []rules.Alert) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.told = append(s.told, alerts...)
		},
	})
	s.load(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *stand) load(t testing.TB) {
	t.Helper()
	commit, err := s.Prepare(config(s.dir))
	if err != nil {
		t.Fatal(err)
	}
	commit()
}

func config(dir string, patterns ...string) metrics.Config {
	if patterns == nil {
		patterns = []string{"*.yaml"}
	}
	return metrics.Config{Rules: patterns, Dir: dir}
}

// news returns what was told since the last call.
func (s *stand) news() []rules.Alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := s.told
	s.told = nil
	return told
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
