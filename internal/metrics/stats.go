package metrics

import (
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats are what a page says about the store.
type Stats struct {
	Series    int               // active: with a sample in the last hours
	Limit     int               // metrics.series
	Samples   uint64            // stored since the start
	Rate      float64           // samples per second since the last call, or the start
	Bytes     int64             // on disk, the write-ahead log included
	MaxBytes  int64             // metrics.max_size
	Blocks    int               // of two hours and more
	Oldest    time.Time         // sample; zero without any
	Newest    time.Time         // sample; zero without any
	Refused   map[string]uint64 // samples since the start, by reason; only those that happened
	Failures  uint64            // writes that failed
	Full      bool              // the disk is full: nothing is stored
	Exemplars int               // at most
}

// rate is what Stats has to remember.
type rate struct {
	mu      sync.Mutex
	at      time.Time
	samples uint64
	last    float64
}

// Stats returns what there is to say about the store.
func (db *DB) Stats() Stats {
	s := db.section.Load()
	out := Stats{
		Series: int(db.tsdb.Head().NumSeries()), Limit: s.Series, // #nosec G115 -- bounded by the guard
		Samples: db.guard.appended.Load(), Bytes: db.bytes(), MaxBytes: int64(s.MaxSize), Blocks: len(db.tsdb.Blocks()),
		Refused: map[string]uint64{}, Failures: db.guard.failures.Load(), Full: db.space.full.Load(), Exemplars: maxExemplars,
	}
	out.Rate = db.rate.since(db.now(), out.Samples)
	for i, reason := range reasons {
		if n := db.guard.refused[i].Load(); n > 0 {
			out.Refused[reason] = n
		}
	}
	if newest := db.tsdb.Head().MaxTime(); newest != math.MinInt64 {
		out.Newest = time.UnixMilli(newest)
	}
	oldest := db.tsdb.Head().MinTime()
	for _, b := range db.tsdb.Blocks() {
		oldest = min(oldest, b.MinTime())
		if out.Newest.IsZero() || b.MaxTime() > out.Newest.UnixMilli() {
			out.Newest = time.UnixMilli(b.MaxTime())
		}
	}
	if oldest != math.MaxInt64 {
		out.Oldest = time.UnixMilli(oldest)
	}
	return out
}

func (r *rate) since(now time.Time, samples uint64) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if passed := now.Sub(r.at); passed >= time.Second { // two pages at once must not divide by nothing
		r.last = float64(samples-r.samples) / passed.Seconds()
		r.at, r.samples = now, samples
	}
	return r.last
}

// bytes are what blocks, head and write-ahead log take.
func (db *DB) bytes() int64 {
	size := db.tsdb.Head().Size()
	for _, b := range db.tsdb.Blocks() {
		size += b.Size()
	}
	return size
}

// register makes the store's own metrics visible.
func (db *DB) register() error {
	if db.reg == nil {
		return nil
	}
	for _, c := range db.Collectors() {
		if err := db.reg.Register(c); err != nil {
			db.unregister()
			return err
		}
		db.registered = append(db.registered, c)
	}
	return nil
}

func (db *DB) unregister() {
	for _, c := range db.registered {
		db.reg.Unregister(c)
	}
	db.registered = nil
}

// Collectors returns the store's own metrics, and those of the engine in it by
// their usual names (prometheus_tsdb_…, prometheus_engine_…). Open registers
// them with the Registerer that it was given.
func (db *DB) Collectors() []prometheus.Collector {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	counter := func(name, help string, labels prometheus.Labels, value func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, func() float64 { return float64(value()) })
	}
	list := []prometheus.Collector{
		db.inner,
		gauge("lapwing_metrics_series", "Series that had a sample in the last hours.", func() float64 { return float64(db.tsdb.Head().NumSeries()) }),
		gauge("lapwing_metrics_series_limit", "Series that there may be at the same time.", func() float64 { return float64(db.section.Load().Series) }),
		gauge("lapwing_metrics_disk_bytes", "Bytes of stored series on disk, the write-ahead log included.", func() float64 { return float64(db.bytes()) }),
		gauge("lapwing_metrics_disk_limit_bytes", "Bytes of stored series beyond which the oldest are removed.", func() float64 { return float64(db.section.Load().MaxSize) }),
		gauge("lapwing_metrics_disk_full", "1 while nothing is stored because the disk is full.", func() float64 {
			if db.space.full.Load() {
				return 1
			}
			return 0
		}),
		counter("lapwing_metrics_samples_total", "Samples that were stored.", nil, db.guard.appended.Load),
		counter("lapwing_metrics_write_failures_total", "Writes of samples that failed.", nil, db.guard.failures.Load),
	}
	for i, reason := range reasons {
		list = append(list, counter("lapwing_metrics_refused_total", "Samples that were not stored, by reason.", prometheus.Labels{"reason": reason}, db.guard.refused[i].Load))
	}
	return list
}
