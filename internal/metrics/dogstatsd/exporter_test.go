package dogstatsd_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/dogstatsd"
	"lapwing.dev/lapwing/internal/units"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// agent reads datagrams as a Datadog Agent does, strictly.
type agent struct {
	conn    net.PacketConn
	longest int

	mu      sync.Mutex
	counts  map[string]float64 // sums by name and tags
	gauges  map[string]float64 // last ones
	problem error
	ended   chan struct{}
}

func listen(t *testing.T, network, address string) *agent {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{conn: conn, counts: map[string]float64{}, gauges: map[string]float64{}, ended: make(chan struct{})}
	go func() {
		defer close(a.ended)
		buffer := make([]byte, 65536)
		for {
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			a.mu.Lock()
			a.longest = max(a.longest, n)
			for line := range strings.SplitSeq(string(buffer[:n]), "\n") {
				if err := a.read(line); err != nil && a.problem == nil {
					a.problem = fmt.Errorf("%q: %w", line, err)
				}
			}
			a.mu.Unlock()
		}
	}()
	t.Cleanup(a.stop)
	return a
}

func (a *agent) stop() {
	_ = a.conn.Close()
	<-a.ended
}

// read reads name:value|type|#tag:value,…
func (a *agent) read(line string) error {
	name, rest, found := strings.Cut(line, ":")
	if !found || name == "" || strings.ContainsAny(name, "|#@ ") {
		return fmt.Errorf("name %q", name)
	}
	parts := strings.Split(rest, "|")
	if len(parts) < 2 || len(parts) > 3 {
		return fmt.Errorf("%d parts", len(parts))
	}
	value, err := strconv.ParseFloat(parts[0], 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return fmt.Errorf("value %q", parts[0])
	}
	key := name
	if len(parts) == 3 {
		tags, found := strings.CutPrefix(parts[2], "#")
		if !found || tags == "" || strings.HasSuffix(tags, ",") {
			return fmt.Errorf("tags %q", parts[2])
		}
		key += " " + tags
	}
	switch parts[1] {
	case "c":
		a.counts[key] += value
	case "g":
		a.gauges[key] = value
	default:
		return fmt.Errorf("type %q", parts[1])
	}
	return nil
}

func (a *agent) count(key string) float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts[key]
}

func start(t *testing.T, address string, registry *prometheus.Registry) *dogstatsd.Exporter {
	t.Helper()
	e := dogstatsd.New(dogstatsd.Deps{Log: slog.New(slog.DiscardHandler), Gatherer: registry})
	commit, err := e.Prepare(metrics.Config{Metrics: metrics.Section{Labels: map[string]string{"region": "eu"}, DogStatsD: metrics.DogStatsD{
		Address: address, Prefix: "api.", Every: units.Duration(10 * time.Millisecond),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	own := prometheus.NewRegistry()
	own.MustRegister(e.Collectors()...)
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "running"}, func() float64 { return 1 }))
	return e
}

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

// begun waits until the exporter has looked once, so that what is counted from
// now on is news.
func begun(t *testing.T, a *agent) {
	t.Helper()
	eventually(t, "the first datagram", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.gauges["api.running region:eu"] == 1
	})
}

func TestAnAgentGetsWhatMetricsShows(t *testing.T) {
	for _, network := range []string{"udp", "unixgram"} {
		t.Run(network, func(t *testing.T) {
			address, limit := "127.0.0.1:0", 1432
			if network == "unixgram" {
				address, limit = filepath.Join(t.TempDir(), "dsd.socket"), 8192
			}
			a := listen(t, network, address)
			to := a.conn.LocalAddr().String()
			if network == "unixgram" {
				to = "unix://" + address
			}
			registry := prometheus.NewRegistry()
			requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total"}, []string{"route"})
			nan := prometheus.NewGauge(prometheus.GaugeOpts{Name: "nan"})
			nan.Set(math.NaN())
			native := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took", NativeHistogramBucketFactor: 1.1})
			classic := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "size", Buckets: []float64{10, 20}})
			many := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "many"}, []string{"n"})
			registry.MustRegister(requests, nan, native, classic, many)
			requests.WithLabelValues("/old").Add(100) // before the agent was told anything
			for n := range 500 {
				many.WithLabelValues(strconv.Itoa(n)).Set(float64(n))
			}
			many.WithLabelValues(strings.Repeat("x", 9000)).Set(1) // no datagram holds it
			start(t, to, registry)
			begun(t, a)

			requests.WithLabelValues("/old").Add(3)
			requests.WithLabelValues("a|c\nevil:1|c|#x,y").Add(2)
			for range 100 {
				native.Observe(0.2)
				classic.Observe(15)
			}
			eventually(t, "counters", func() bool { return a.count("api.requests_total region:eu,route:a_c_evil:1_c__x_y") == 2 })
			eventually(t, "histograms", func() bool {
				return a.count("api.took.count region:eu") == 100 && a.count("api.size.count region:eu") == 100
			})
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.problem != nil {
				t.Error(a.problem)
			}
			if a.longest > limit || a.longest < limit/2 {
				t.Errorf("the longest datagram has %d bytes", a.longest)
			}
			if got := a.counts["api.requests_total region:eu,route:/old"]; got != 3 {
				t.Errorf("the counter grew by %v", got)
			}
			if got := a.gauges["api.many region:eu,n:499"]; got != 499 {
				t.Errorf("gauge %v", got)
			}
			if p := a.gauges["api.took.p95 region:eu"]; math.Abs(p-0.2) > 0.02 {
				t.Errorf("95th percentile of the native histogram: %v", p)
			}
			if p := a.gauges["api.size.p50 region:eu"]; p < 10 || p > 20 {
				t.Errorf("median of the classic histogram: %v", p)
			}
			if _, sent := a.gauges["api.nan region:eu"]; sent {
				t.Error("what is not a number was sent")
			}
		})
	}
}

func TestWhatIsCountedWhileTheAgentIsAwayIsSentWhenItIsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dsd.socket")
	a := listen(t, "unixgram", path)
	registry := prometheus.NewRegistry()
	requests := prometheus.NewCounter(prometheus.CounterOpts{Name: "requests_total"})
	registry.MustRegister(requests)
	e := start(t, "unix://"+path, registry)
	begun(t, a)
	requests.Add(1)
	eventually(t, "the first one", func() bool { return a.count("api.requests_total region:eu") == 1 })
	a.stop()
	_ = os.Remove(path)
	requests.Add(5)
	own := prometheus.NewRegistry()
	own.MustRegister(e.Collectors()...)
	time.Sleep(50 * time.Millisecond) // some rounds in vain
	requests.Add(5)
	a = listen(t, "unixgram", path)
	eventually(t, "all of them", func() bool { return a.count("api.requests_total region:eu") == 10 })
}

func TestDroppedMetricsAreCounted(t *testing.T) {
	a := listen(t, "udp", "127.0.0.1:0")
	registry := prometheus.NewRegistry()
	long := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "long"}, []string{"n"})
	long.WithLabelValues(strings.Repeat("x", 2000)).Set(1)
	nan := prometheus.NewGauge(prometheus.GaugeOpts{Name: "nan"})
	nan.Set(math.NaN())
	registry.MustRegister(long, nan)
	e := start(t, a.conn.LocalAddr().String(), registry)
	begun(t, a)
	own := prometheus.NewRegistry()
	own.MustRegister(e.Collectors()...)
	families, err := own.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "lapwing_dogstatsd_metrics_dropped_total" {
				got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue() > 0
			}
		}
	}
	if diff := cmp.Diff(map[string]bool{"too_long": true, "no_form": true, "unsent": false}, got); diff != "" {
		t.Error(diff)
	}
}
