package series

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

// child names what a process of its own is to hold, so that each is measured by
// itself.
const child = "LAPWING_BENCH_SERIES"

func TestMain(m *testing.M) {
	if what := os.Getenv(child); what != "" {
		if err := hold(context.Background(), what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// held is what a process says of itself, in bytes.
type held struct {
	Resident  int64 // anonymous memory, as the system counts it
	Heap      int64 // live, after a collection
	Disk      int64
	Series    int
	RoundTime time.Duration // of the last round
}

// hold stores an hour of 10,000 series, a round every 15 seconds, at the pace of
// the machine, and says what that takes.
func hold(ctx context.Context, what string) error {
	dir, err := os.MkdirTemp("", "series")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := metrics.Open(dir, metrics.Section{SeriesPerAPI: 20_000}, slog.New(slog.DiscardHandler), nil, nil)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	var sink observe.Sink
	var c *metrics.Collector
	switch what {
	case "client_golang":
		sink, c = newClient(registry), metrics.NewCollector(db, registry)
	default:
		m := manager()
		commit, err := m.Prepare(traffic.Config{SeriesPerAPI: 20_000})
		if err != nil {
			return err
		}
		commit()
		sink, c = m, metrics.NewCollector(db, registry, m.WriteMetrics)
	}
	var took time.Duration
	if what != "idle" {
		at := time.Now().Truncate(15 * time.Second).Add(-59 * time.Minute)
		for round := range 4 * 59 {
			for i := range operations {
				for n := range 5 { // durations that spread over some buckets
					e := exchange(i, 200)
					e.Duration = time.Duration(1+(round*7+i*3+n*11)%50) * time.Millisecond
					sink.Observe(e)
				}
				sink.Observe(exchange(i, 500))
			}
			begin := time.Now()
			c.Collect(ctx, at)
			took = time.Since(begin)
			at = at.Add(15 * time.Second)
			if round%4 == 3 {
				db.TSDB().ForceHeadMMap() // as it does by itself once a minute
			}
		}
	} else {
		c.Collect(ctx, time.Now())
	}
	// As a server would stand after a while: the runtime has returned what it does
	// not need, and keeps its usual headroom over what is live.
	runtime.GC()
	var live runtime.MemStats
	runtime.ReadMemStats(&live)
	debug.FreeOSMemory()
	if what != "idle" {
		for range 8 { // rounds fill the headroom again
			c.Collect(ctx, time.Now().Truncate(time.Second))
			time.Sleep(time.Second)
		}
	}
	stats := db.Stats()
	out := held{Resident: resident(), Heap: int64(live.HeapAlloc), Disk: stats.Bytes, Series: stats.Series, RoundTime: took} // #nosec G115 -- far below
	if len(stats.Refused) > 0 {
		return fmt.Errorf("refused: %v", stats.Refused)
	}
	if err := db.Close(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

// resident is the anonymous memory of this process: mapped files are the page
// cache's, which gives them up when others need room.
func resident() int64 {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kilobytes int64
		if rest, found := strings.CutPrefix(lines.Text(), "RssAnon:"); found {
			_, _ = fmt.Sscan(rest, &kilobytes)
			return kilobytes << 10
		}
	}
	return 0
}

func measure(b *testing.B, what string) held {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), child+"="+what)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	var h held
	if err := json.Unmarshal(out, &h); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return h
}

// BenchmarkMemory is what 10,000 series take over an idle store, after an hour.
func BenchmarkMemory(b *testing.B) {
	if resident() == 0 {
		b.Skip("this system has no /proc/self/status")
	}
	idle := measure(b, "idle")
	for _, what := range []string{"lapwing", "client_golang"} {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				h := measure(b, what)
				const mb = 1e6
				b.ReportMetric(float64(h.Resident-idle.Resident)/mb, "MB-over-idle")
				b.ReportMetric(float64(h.Heap-idle.Heap)/mb, "MB-live")
				b.ReportMetric(float64(h.Disk)/mb, "MB-disk")
				b.ReportMetric(float64(h.Series), "series")
				b.ReportMetric(float64(h.RoundTime)/1e6, "ms/round")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}
