package metrics_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/testneeds"
	"lapwing.dev/lapwing/internal/units"
)

// The environment of a child process that is killed by its test.
const (
	childWrites = "LAPWING_TEST_METRICS_WRITES"
	childFull   = "LAPWING_TEST_METRICS_FULL"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(childWrites) != "":
		writeUntilKilled(os.Getenv(childWrites))
	case os.Getenv(childFull) != "":
		writeOnFullDisk(os.Getenv(childFull))
	default:
		goleak.VerifyTestMain(m)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open opens a store that is closed with the test.
func open(t testing.TB, dir string, s metrics.Section, notices *health.Registry) *metrics.DB {
	t.Helper()
	db, err := metrics.Open(dir, s, quiet(), nil, notices)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// write stores one sample of each series.
func write(t testing.TB, db *metrics.DB, at time.Time, value float64, series ...labels.Labels) {
	t.Helper()
	app := db.Appendable().Appender(t.Context())
	for _, ls := range series {
		if _, err := app.Append(0, ls, at.UnixMilli(), value); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
}

// ask is the result of an instant query, as text by the labels without the name.
func ask(t testing.TB, db *metrics.DB, expr string, at time.Time) map[string]float64 {
	t.Helper()
	samples, err := db.Instant(t.Context(), expr, at)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, s := range samples {
		delete(s.Labels, "__name__")
		out[labels.FromMap(s.Labels).String()] = s.Value
	}
	return out
}

func codes(notices *health.Registry) []string {
	var out []string
	for _, n := range notices.List() {
		out = append(out, n.Code)
	}
	return out
}

func TestWhatIsStoredIsThereAfterARestart(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	db := open(t, dir, metrics.Section{}, nil)
	write(t, db, now.Add(-time.Minute), 1, labels.FromStrings("__name__", "a", "x", "1"), labels.FromStrings("__name__", "a", "x", "2"))
	write(t, db, now, 3, labels.FromStrings("__name__", "a", "x", "1"))
	want := map[string]float64{`{x="1"}`: 3, `{x="2"}`: 1}
	if diff := cmp.Diff(want, ask(t, db, "a", now)); diff != "" {
		t.Error(diff)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	notices := &health.Registry{}
	db = open(t, dir, metrics.Section{}, notices)
	if diff := cmp.Diff(want, ask(t, db, "a", now)); diff != "" {
		t.Error(diff)
	}
	if len(notices.List()) > 0 {
		t.Errorf("an orderly end needs no notice: %+v", notices.List())
	}
	series, err := db.Range(t.Context(), `a{x="1"}`, now.Add(-time.Minute), now, 30*time.Second)
	if err != nil || len(series) != 1 || len(series[0].Points) != 3 || series[0].Points[2].Value != 3 {
		t.Errorf("the range is %+v, %v", series, err)
	}
}

// writeUntilKilled is the child of the next test: it says what is acknowledged.
func writeUntilKilled(dir string) {
	db, err := metrics.Open(dir, metrics.Section{}, quiet(), nil, nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	begin := time.Now().Add(-30 * time.Minute).Truncate(time.Second)
	for i := 0; ; i++ {
		app := db.Appendable().Appender(context.Background())
		for s := range 50 {
			if _, err := app.Append(0, labels.FromStrings("__name__", "acknowledged", "series", fmt.Sprint(s, "-", i/100)), begin.Add(time.Duration(i)*time.Millisecond).UnixMilli(), float64(i)); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
		if err := app.Commit(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("round", i, begin.UnixMilli())
	}
}

func TestWhatWasAcknowledgedIsThereAfterAKill(t *testing.T) {
	dir := t.TempDir()
	for life := range 2 { // the second one opens what the first one left
		sub := filepath.Join(dir, strconv.Itoa(life))
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "none")
		child.Env = append(os.Environ(), childWrites+"="+sub)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		round, begin := -1, int64(0)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var r int
			if _, err := fmt.Sscanf(lines.Text(), "round %d %d", &r, &begin); err != nil {
				t.Fatal(lines.Text())
			}
			round = r
			if round == 500+life*777 {
				_ = child.Process.Kill()
			}
		}
		_ = child.Wait()
		if round < 500 {
			t.Fatalf("the child ended by itself after %d rounds", round)
		}
		db := open(t, sub, metrics.Section{}, nil)
		last := time.UnixMilli(begin + int64(round))
		for _, s := range []string{"0", "49"} {
			expr := fmt.Sprintf(`sum(count_over_time(acknowledged{series=~"%s-.*"}[1h]))`, s)
			if got := ask(t, db, expr, last)["{}"]; got != float64(round+1) {
				t.Errorf("series %s has %v samples up to the last acknowledged one, want %d", s, got, round+1)
			}
		}
	}
}

func TestATornWriteAheadLogIsRepairedAndTold(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	db := open(t, dir, metrics.Section{}, nil)
	for i := range 200 {
		write(t, db, now.Add(time.Duration(i-200)*time.Second), float64(i), labels.FromStrings("__name__", "a", "x", strings.Repeat("y", i)))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	wal, err := filepath.Glob(filepath.Join(dir, "wal", "0*"))
	if err != nil || len(wal) == 0 {
		t.Fatalf("%v, %v", wal, err)
	}
	data, err := os.ReadFile(wal[0])
	if err != nil {
		t.Fatal(err)
	}
	end := len(strings.TrimRight(string(data), "\x00"))
	if err := os.WriteFile(wal[0], append(data[:end-40], "torn"...), 0o600); err != nil {
		t.Fatal(err)
	}
	notices := &health.Registry{}
	db = open(t, dir, metrics.Section{}, notices)
	if diff := cmp.Diff([]string{"metrics_repaired"}, codes(notices)); diff != "" {
		t.Error(diff)
	}
	if got := ask(t, db, "count(last_over_time(a[1h]))", now)["{}"]; got < 190 {
		t.Errorf("%v of 200 series are left", got)
	}
	write(t, db, now, 7, labels.FromStrings("__name__", "b"))
	if got := ask(t, db, "b", now)["{}"]; got != 7 {
		t.Error("nothing can be written to a repaired store")
	}
}

func TestABrokenStoreIsSetAside(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name   string
		damage func(dir string) error
		told   string
		aside  int  // folders
		old    bool // what was stored before is there
	}{
		{"a checkpoint that is junk", func(dir string) error {
			checkpoint := filepath.Join(dir, "wal", "checkpoint.00000003")
			return errors.Join(os.MkdirAll(checkpoint, 0o700), os.WriteFile(filepath.Join(checkpoint, "00000000"), []byte(strings.Repeat("junk", 20_000)), 0o600))
		}, "metrics_repaired", 0, true},
		{"a block without an index", func(dir string) error {
			blocks, err := filepath.Glob(filepath.Join(dir, "01*"))
			if err != nil || len(blocks) == 0 {
				return fmt.Errorf("blocks: %v, %w", blocks, err)
			}
			return os.WriteFile(filepath.Join(blocks[0], "index"), []byte("junk"), 0o600)
		}, "metrics_set_aside", 1, true},
		{"a log that is a file", func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "wal")), os.WriteFile(filepath.Join(dir, "wal"), []byte("junk"), 0o600))
		}, "metrics_set_aside", 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "metrics")
			db := open(t, dir, metrics.Section{}, nil)
			compacted(t, db, now)
			if err := errors.Join(db.Close(), tt.damage(dir)); err != nil {
				t.Fatal(err)
			}
			notices := &health.Registry{}
			db = open(t, dir, metrics.Section{}, notices)
			write(t, db, now, 7, labels.FromStrings("__name__", "b"))
			if got := ask(t, db, "b", now)["{}"]; got != 7 {
				t.Error("nothing can be stored")
			}
			if got := ask(t, db, "count(last_over_time(requests_total[7h]))", now)["{}"] == 10; got != tt.old {
				t.Errorf("what was stored before is there: %v, want %v", got, tt.old)
			}
			aside, err := filepath.Glob(dir + ".broken-*")
			if list := codes(notices); err != nil || len(aside) != tt.aside || !slices.Equal(list, []string{tt.told}) {
				t.Errorf("set aside: %v, %v, told: %v", aside, err, list)
			}
		})
	}
}

// compacted stores the last six hours, the older part of them in blocks.
func compacted(t *testing.T, db *metrics.DB, now time.Time) {
	t.Helper()
	begin := now.Add(-6 * time.Hour).Truncate(2 * time.Hour)
	app := db.TSDB().Appender(t.Context())
	for i := range 6 * 60 {
		for s := range 10 {
			if _, err := app.Append(0, labels.FromStrings("__name__", "requests_total", "series", strconv.Itoa(s)), begin.Add(time.Duration(i)*time.Minute).UnixMilli(), float64(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := db.TSDB().Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := db.Stats().Blocks; n < 1 {
		t.Fatalf("%d blocks", n)
	}
}

func TestTheGuardRefuses(t *testing.T) {
	now := time.Now()
	many := labels.NewBuilder(labels.FromStrings("__name__", "a"))
	for i := range 64 {
		many.Set(fmt.Sprint("l", i), "x")
	}
	good := labels.FromStrings("__name__", "good")
	tests := []struct {
		name   string
		ls     labels.Labels
		at     time.Time
		reason string
	}{
		{"a sample of now", good, now, ""},
		{"a little ahead", labels.FromStrings("__name__", "ahead"), now.Add(9 * time.Minute), ""},
		{"out of order within the window", good, now.Add(-20 * time.Minute), ""},
		{"far ahead", good, now.Add(11 * time.Minute), metrics.RefusedFuture},
		{"in the year 292278994", good, time.UnixMilli(1<<63 - 1), metrics.RefusedFuture},
		{"late for the window", good, now.Add(-45 * time.Minute), metrics.RefusedOld},
		{"of 1970", good, time.UnixMilli(0), metrics.RefusedOld},
		{"another value for the same time", good, now, metrics.RefusedDuplicate},
		{"no name", labels.FromStrings("x", "y"), now, metrics.RefusedLabels},
		{"a label twice", labels.New(labels.Label{Name: "__name__", Value: "a"}, labels.Label{Name: "x", Value: "1"}, labels.Label{Name: "x", Value: "2"}), now, metrics.RefusedLabels},
		{"no labels", labels.EmptyLabels(), now, metrics.RefusedLabels},
		{"not UTF-8", labels.FromStrings("__name__", "a", "x", "\xff"), now, metrics.RefusedLabels},
		{"a name that is not UTF-8", labels.FromStrings("__name__", "a\xff"), now, metrics.RefusedLabels},
		{"a long name", labels.FromStrings("__name__", "a", strings.Repeat("n", 257), "x"), now, metrics.RefusedLabels},
		{"a long value", labels.FromStrings("__name__", "a", "x", strings.Repeat("v", 2049)), now, metrics.RefusedLabels},
		{"a long name of the metric", labels.FromStrings("__name__", strings.Repeat("v", 2049)), now, metrics.RefusedLabels},
		{"as long as may be", labels.FromStrings("__name__", "a", strings.Repeat("n", 256), strings.Repeat("v", 2048)), now, ""},
		{"65 labels", many.Labels(), now, metrics.RefusedLabels},
	}
	for _, v2 := range []bool{false, true} {
		db := open(t, t.TempDir(), metrics.Section{}, nil)
		want := map[string]uint64{}
		for i, tt := range tests {
			var err error
			if v2 {
				app := db.AppendableV2().AppenderV2(t.Context())
				_, err = app.Append(0, tt.ls, 0, tt.at.UnixMilli(), float64(i), nil, nil, storage.AppendV2Options{})
				err = errors.Join(err, app.Commit())
			} else {
				app := db.Appendable().Appender(t.Context())
				_, err = app.Append(0, tt.ls, tt.at.UnixMilli(), float64(i))
				err = errors.Join(err, app.Commit())
			}
			switch {
			case tt.reason == "" && err != nil:
				t.Errorf("%s: %v", tt.name, err)
			case tt.reason != "" && err == nil:
				t.Errorf("%s: it is let in", tt.name)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("%s: the message has %d bytes", tt.name, len(err.Error()))
			}
			if tt.reason == metrics.RefusedLabels || tt.reason == metrics.RefusedFuture {
				if !errors.Is(err, storage.ErrOutOfBounds) {
					t.Errorf("%s: a remote writer would send it again and again after %v", tt.name, err)
				}
			}
			if tt.reason != "" {
				want[tt.reason]++
			}
		}
		if diff := cmp.Diff(want, db.Stats().Refused); diff != "" {
			t.Errorf("v2 %v: %s", v2, diff)
		}
	}
}

func TestAHistogramThatContradictsItselfIsRefused(t *testing.T) {
	db := open(t, t.TempDir(), metrics.Section{}, nil)
	bad := &histogram.Histogram{Count: 1, Sum: 1, PositiveSpans: []histogram.Span{{Length: 2}}, PositiveBuckets: []int64{1, 0}}
	app := db.Appendable().Appender(t.Context())
	_, err := app.AppendHistogram(0, labels.FromStrings("__name__", "h"), time.Now().UnixMilli(), bad, nil)
	if err == nil {
		t.Error("it is let in")
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]uint64{metrics.RefusedHistogram: 1}, db.Stats().Refused); diff != "" {
		t.Error(diff)
	}
}

func TestSeriesAreBoundedAndKnownOnesGoOn(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	db := open(t, dir, metrics.Section{Series: 1000}, nil)
	app := db.Appendable().Appender(t.Context())
	refused := 0
	for i := range 1500 {
		if _, err := app.Append(0, labels.FromStrings("__name__", "a", "x", strconv.Itoa(i)), now.Add(-time.Second).UnixMilli(), 1); err != nil {
			refused++
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	if s := db.Stats(); refused != 500 || s.Series != 1000 || s.Refused[metrics.RefusedSeries] != 500 {
		t.Errorf("%d were refused, stats %+v", refused, s)
	}
	write(t, db, now, 2, labels.FromStrings("__name__", "a", "x", "999"))

	commit, err := db.Prepare(metrics.Config{Metrics: metrics.Section{Series: 1001}})
	if err != nil {
		t.Fatal(err)
	}
	commit()
	write(t, db, now, 2, labels.FromStrings("__name__", "a", "x", "1000"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// A smaller bound takes nothing away that is there.
	db = open(t, dir, metrics.Section{Series: 1000}, nil)
	if n := db.Stats().Series; n != 1001 {
		t.Errorf("%d series are there after a restart with a smaller bound, want 1001", n)
	}
}

func TestTheFolderIsWhatPrometheusKnows(t *testing.T) {
	promtool := testneeds.Program(t, "promtool", "promtool")
	dir := t.TempDir()
	db := open(t, dir, metrics.Section{}, nil)
	compacted(t, db, time.Now())
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"tsdb", "list", dir}, {"tsdb", "analyze", dir}} {
		out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("promtool %v: %v\n%s", args, err, out)
		}
		want := "BLOCK ULID"
		if args[1] == "analyze" {
			want = "10 requests_total"
		}
		if !strings.Contains(string(out), want) {
			t.Errorf("promtool %v says nothing of %q:\n%s", args, want, out)
		}
	}
}

// writeOnFullDisk is the child of the next test: its files may not grow beyond
// 256 KiB, which is how a full disk looks to a program that nobody has to mount.
func writeOnFullDisk(dir string) {
	notices := &health.Registry{}
	db, err := metrics.Open(dir, metrics.Section{}, quiet(), nil, notices)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	now := time.Now().Add(-time.Minute)
	round := func(i int) error {
		app := db.Appendable().Appender(context.Background())
		for s := range 1000 {
			if _, err := app.Append(0, labels.FromStrings("__name__", "a", "series", strconv.Itoa(s)), now.Add(time.Duration(i)*time.Millisecond).UnixMilli(), float64(i)); err != nil {
				return err
			}
		}
		return app.Commit()
	}
	fresh := func(i int) error {
		app := db.Appendable().Appender(context.Background())
		for s := range 100 {
			if _, err := app.Append(0, labels.FromStrings("__name__", "fresh", "series", strconv.Itoa(s)), now.Add(time.Duration(i)*time.Millisecond).UnixMilli(), float64(i)); err != nil {
				return err
			}
		}
		return app.Commit()
	}
	if err := round(0); err != nil {
		fmt.Println("the first round:", err)
		os.Exit(1)
	}
	var limit syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit)
	small := limit
	small.Cur = 256 << 10
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	failed := 0
	for i := 1; i < 500 && failed < 3; i++ {
		if round(i) != nil {
			failed++
			_ = fresh(i)
		}
	}
	fmt.Println("failed", failed, codes(notices), db.Stats().Failures > 0, db.Stats().Refused[metrics.RefusedDisk] > 0)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("again", round(1000), fresh(1000), codes(notices))
	samples, err := db.Instant(context.Background(), "count(a)", now.Add(time.Second))
	fmt.Println("count", samples, err)
	fmt.Println("closed", db.Close())
}

func TestAFullDiskIsToldAndPasses(t *testing.T) {
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "none")
	child.Env = append(os.Environ(), childFull+"="+dir)
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "failed 3 [metrics_disk] true true\nagain <nil> <nil> []\ncount [{map[] 1000}] <nil>\nclosed <nil>\n"
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Error(diff)
	}
	db := open(t, dir, metrics.Section{}, nil)
	if got := ask(t, db, "count(a)", time.Now())["{}"]; got != 1000 {
		t.Errorf("%v series are there after a full disk and a restart, want 1000", got)
	}
	if got := ask(t, db, "count(fresh)", time.Now())["{}"]; got != 100 {
		t.Errorf("%v of the series that began on the full disk are there after a restart, want 100", got)
	}
}

func TestOldSeriesGoByTimeAndBySize(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	db := open(t, dir, metrics.Section{}, nil)
	compacted(t, db, now.Add(-30*time.Hour))
	compacted(t, db, now)
	blocks, bytes := db.Stats().Blocks, db.Stats().Bytes
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		s    metrics.Section
		left int
	}{
		{"by neither", metrics.Section{}, blocks},
		{"by time", metrics.Section{Retention: units.Duration(24 * time.Hour)}, blocks - 1},
		{"by size", metrics.Section{MaxSize: units.Size(bytes / 4)}, 0},
	} {
		db := open(t, dir, tt.s, nil)
		if err := db.TSDB().Compact(t.Context()); err != nil { // as it does by itself
			t.Fatal(err)
		}
		if s := db.Stats(); s.Blocks > tt.left || tt.left == blocks && s.Blocks != blocks {
			t.Errorf("%s: %d blocks of %d are left, want at most %d (%d of %d bytes)", tt.name, s.Blocks, blocks, tt.left, s.Bytes, bytes)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTooManySeriesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notices := &health.Registry{}
		db, err := metrics.Open(t.TempDir(), metrics.Section{Series: 1000}, quiet(), nil, notices)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		ctx, cancel := newContext(t)
		done := make(chan error)
		go func() { done <- db.Run(ctx) }()
		app := db.Appendable().Appender(ctx)
		for i := range 1200 {
			_, _ = app.Append(0, labels.FromStrings("__name__", "orders_total", "order", strconv.Itoa(i)), time.Now().UnixMilli(), 1) // some are refused
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		if list := notices.List(); len(list) != 1 || list[0].Code != "metrics_series_limit" || !strings.Contains(list[0].Text, "orders_total (1000)") {
			t.Errorf("told: %+v", list)
		}
		time.Sleep(6 * time.Minute)
		if list := notices.List(); len(list) != 0 {
			t.Errorf("still told: %+v", list)
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// A start is one line, in the words of the product.
func TestTheEngineIsQuietWhileAllIsWell(t *testing.T) {
	var out strings.Builder
	db, err := metrics.Open(t.TempDir(), metrics.Section{}, slog.New(slog.NewTextHandler(&out, nil)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 1 || !strings.Contains(out.String(), "Metrics are open") {
		t.Errorf("%d lines:\n%s", lines, out.String())
	}
}

func TestOwnMetricsAreRegisteredAndGoWithTheStore(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for range 2 {
		db, err := metrics.Open(t.TempDir(), metrics.Section{}, quiet(), registry, nil)
		if err != nil {
			t.Fatal(err)
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, f := range families {
			found[f.GetName()] = true
		}
		for _, name := range []string{"lapwing_metrics_series", "lapwing_metrics_refused_total", "prometheus_tsdb_head_series", "prometheus_engine_queries"} {
			if !found[name] {
				t.Errorf("%s is missing", name)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestQueriesAreBounded(t *testing.T) {
	db := open(t, t.TempDir(), metrics.Section{Query: metrics.QueryBounds{MaxSamples: 10_000, Concurrent: 1}}, nil)
	now := time.Now()
	var many []labels.Labels
	for i := range 200 {
		many = append(many, labels.FromStrings("__name__", "a", "x", strconv.Itoa(i)))
	}
	write(t, db, now, 1, many...)
	if _, err := db.Range(t.Context(), "a", now, now.Add(4*time.Minute), time.Second); err == nil || !strings.Contains(err.Error(), "too many samples") {
		t.Errorf("a query of 48,000 samples: %v", err)
	}
	for expr, want := range map[string]string{"sum(": "parse error", `"text"`: "want a vector"} {
		if _, err := db.Instant(t.Context(), expr, now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", expr, err)
		}
	}
	if got := ask(t, db, "1 + 1", now)["{}"]; got != 2 {
		t.Errorf("a number is %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Instant(ctx, "a", now); err == nil {
		t.Error("a query whose caller is gone is evaluated")
	}
}

func newContext(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}
