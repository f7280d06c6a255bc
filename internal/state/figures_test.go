//go:build unix

package state

import (
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// fleet invents the results of many checks, each every ten seconds.
type fleet struct {
	rng      *rand.Rand
	ids      []string
	next     int
	internet bool
}

func newFleet(n int, internet bool) *fleet {
	f := &fleet{rng: rand.New(rand.NewPCG(1, 2)), internet: internet}
	for i := range n {
		f.ids = append(f.ids, fmt.Sprintf("api-%d-operation-%d", i%50, i))
	}
	return f
}

// batch is the next n results.
func (f *fleet) batch(n int) *checks.Batch {
	batch := &checks.Batch{Results: make([]checks.Result, n)}
	attempts := make([]checks.Attempt, n)
	for i := range batch.Results {
		check, round := f.next%len(f.ids), f.next/len(f.ids)
		f.next++
		at := int64(1_790_000_000_000) + int64(round)*10_000 + int64(check)*10_000/int64(len(f.ids)) + f.rng.Int64N(4)
		a := &attempts[i]
		*a = checks.Attempt{Phases: f.phases(), Status: checks.Up, Code: 200, Size: 1800 + f.rng.Int64N(40)}
		status := checks.Up
		if f.rng.IntN(200) == 0 {
			status = checks.Down
			a.Status, a.Code, a.Class, a.Reason = status, 503, probe.ClassAssertion, "status == 200 does not hold: status = 503"
		}
		batch.Results[i] = checks.Result{Check: f.ids[check], Run: checks.RunID(at), Status: status, State: status, Attempts: attempts[i : i+1 : i+1]}
	}
	return batch
}

func (f *fleet) phases() probe.Phases {
	us := func(from, to int) time.Duration { return time.Duration(from+f.rng.IntN(to-from)) * time.Microsecond }
	if !f.internet {
		return probe.Phases{Connect: us(100, 500), TTFB: us(300, 5000), Transfer: us(10, 80)}
	}
	ttfb := 110_000 * math.Exp(0.47*f.rng.NormFloat64())
	return probe.Phases{
		DNS: us(5_000, 40_000), Connect: us(15_000, 25_000), TLS: us(30_000, 50_000),
		TTFB: time.Duration(ttfb) * time.Microsecond, Transfer: us(1_000, 10_000),
	}
}

func openBench(b *testing.B, dir string) (*DB, *CheckStore) {
	b.Helper()
	db, err := Open(b.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	store, err := db.Checks(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return db, store
}

// processorTime is what this process used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func diskUse(b *testing.B, dir string) (bytes int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := os.Stat(path)
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return bytes
}

// BenchmarkAppend: results of 5,000 checks, durable, checkpoints included; the
// results are invented outside the measured time.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprint("batch=", size), func(b *testing.B) {
			db, store := openBench(b, b.TempDir())
			fleet := newFleet(5000, false)
			if err := store.Append(b.Context(), fleet.batch(5000)); err != nil { // the checks get their rows
				b.Fatal(err)
			}
			total, slowest := 0, time.Duration(0)
			var wall, processor time.Duration
			for b.Loop() {
				batch := fleet.batch(size)
				started, used := time.Now(), processorTime(b)
				if err := store.Append(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
				took := time.Since(started)
				slowest = max(slowest, took)
				wall += took
				processor += processorTime(b) - used
				total += size
			}
			b.ReportMetric(float64(total)/wall.Seconds(), "results/s")
			b.ReportMetric(float64(processor.Microseconds())/float64(total), "cpu-µs/result")
			b.ReportMetric(float64(slowest.Milliseconds()), "slowest-ms")
			b.ReportMetric(0, "ns/op")
			if err := db.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkMillion stores a million results of 1,000 checks and reports the
// folder's size, closed, and all the processor time.
func BenchmarkMillion(b *testing.B) {
	for name, internet := range map[string]bool{"lan": false, "internet": true} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				dir := b.TempDir()
				db, store := openBench(b, dir)
				fleet := newFleet(1000, internet)
				var processor time.Duration
				for range 2000 {
					batch := fleet.batch(500)
					used := processorTime(b)
					if err := store.Append(b.Context(), batch); err != nil {
						b.Fatal(err)
					}
					processor += processorTime(b) - used
				}
				open := diskUse(b, dir)
				started, used := time.Now(), processorTime(b)
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(time.Since(started).Milliseconds()), "close-ms")
				processor += processorTime(b) - used
				b.ReportMetric(float64(open)/1e6, "MB-open")
				b.ReportMetric(float64(diskUse(b, dir))/1e6, "MB-closed")
				b.ReportMetric(float64(processor.Microseconds())/1e6, "cpu-µs/result")
			}
		})
	}
}

// BenchmarkUnsealed is the memory and the start with 5,000 checks of 90
// unsealed results each.
func BenchmarkUnsealed(b *testing.B) {
	dir := b.TempDir()
	db, store := openBench(b, dir)
	store.limits = limits{journal: 1 << 30, age: time.Hour, checks: 1, runs: 1}
	fleet := newFleet(5000, true)
	before := heap()
	for range 450 {
		if err := store.Append(b.Context(), fleet.batch(1000)); err != nil {
			b.Fatal(err)
		}
	}
	memory := heap() - before
	db.checks = nil
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	runtime.KeepAlive(store)
	for b.Loop() {
		db, _ = openBench(b, dir)
		b.StopTimer()
		db.checks = nil
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(memory)/1e6, "MB-heap")
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// seeded is 90 days of roll-ups and 90 results.
func seeded(id string) (map[checks.Step][]checks.Rollup, []checks.Result) {
	start := time.Date(2026, 8, 25, 0, 0, 0, 0, time.UTC)
	rollups := map[checks.Step][]checks.Rollup{}
	for hour := range 90 * 24 {
		r := checks.Rollup{Start: start.Add(time.Duration(hour) * time.Hour), Up: 360, LatencySum: time.Second, LatencyMin: time.Millisecond, LatencyMax: time.Second}
		rollups[checks.Hourly] = append(rollups[checks.Hourly], r)
	}
	for day := range 90 {
		r := checks.Rollup{Start: start.AddDate(0, 0, day), Up: 8640, LatencySum: time.Minute, LatencyMin: time.Millisecond, LatencyMax: time.Second}
		rollups[checks.Daily] = append(rollups[checks.Daily], r)
	}
	one := newFleet(1, false)
	one.ids[0] = id
	return rollups, one.batch(2000).Results
}

// BenchmarkRollups reads 90 days of 500 checks, as the overview does.
func BenchmarkRollups(b *testing.B) {
	db, store := openBench(b, b.TempDir())
	fleet := newFleet(500, false)
	for _, id := range fleet.ids {
		rollups, _ := seeded(id)
		if err := store.Seed(b.Context(), id, rollups, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
	from := time.Date(2026, 8, 25, 0, 0, 0, 0, time.UTC)
	for name, q := range map[string]struct {
		step checks.Step
		ids  []string
	}{
		"daily/checks=500": {checks.Daily, fleet.ids}, "hourly/checks=1": {checks.Hourly, fleet.ids[:1]},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := store.Rollups(b.Context(), q.ids, q.step, from, from.AddDate(0, 0, 91)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSeed is the demo's start: 90 days of 12 checks.
func BenchmarkSeed(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		db, store := openBench(b, Memory)
		fleet := newFleet(12, false)
		b.StartTimer()
		for _, id := range fleet.ids {
			rollups, results := seeded(id)
			if err := store.Seed(b.Context(), id, rollups, results, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkResults reads the newest 20 of 20,000 runs, and one old run.
func BenchmarkResults(b *testing.B) {
	db, store := openBench(b, b.TempDir())
	one := newFleet(1, false)
	for range 20 {
		if err := store.Append(b.Context(), one.batch(1000)); err != nil {
			b.Fatal(err)
		}
	}
	if err := store.sealAll(b.Context()); err != nil {
		b.Fatal(err)
	}
	from, to := time.UnixMilli(0), time.UnixMilli(1<<42)
	b.Run("newest", func(b *testing.B) {
		for b.Loop() {
			if list, err := store.Results(b.Context(), one.ids[0], from, to, 20); err != nil || len(list) != 20 {
				b.Fatal(len(list), err)
			}
		}
	})
	all, err := store.Results(b.Context(), one.ids[0], from, to, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			if _, err := store.Result(b.Context(), one.ids[0], all[len(all)/2].Run); err != nil {
				b.Fatal(err)
			}
		}
	})
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}
