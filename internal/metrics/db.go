package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/compression"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/metrics/cost"
)

// Sizes of the store, chosen for a small machine: a server with 200,000 series
// works with them, one with 2,000 does not pay for more.
const (
	walSegment      = 8 << 20 // bytes of a file of the write-ahead log; as many are kept that it covers about three hours
	stripes         = 1 << 10 // parts of the map of series, each with its lock
	chunkBuffer     = 64 << 10
	samplesPerChunk = 60 // a chunk is in memory until it is full; half of the usual size costs 7 % on disk
	maxExemplars    = 10_000
	blockRange      = 2 * time.Hour
	longestBlock    = 31 * 24 * time.Hour
	outOfOrder      = 30 * time.Minute // how late a sample may be
	outOfOrderChunk = 30               // samples of a chunk of late ones
	lookback        = 5 * time.Minute
)

// DB is the store of series. All methods may be called concurrently.
type DB struct {
	dir     string
	log     *slog.Logger
	notices *health.Registry
	reg     prometheus.Registerer // nil: nobody sees the counters
	inner   *prometheus.Registry  // the TSDB's and the engine's own metrics
	tsdb    *tsdb.DB
	engine  *promql.Engine
	queries *queryTracker
	now     func() time.Time

	section atomic.Pointer[Section] // in force, with defaults
	guard   guard
	space   space
	bound   bound
	rate    rate

	registered []prometheus.Collector // with reg

	closing sync.Once
	closed  error
}

// Open opens the store in a folder of its own, which is made when it is not
// there; the caller has made sure that no other server uses it. What a killed
// server left is put in order, and a notice says what was lost. Metrics of the
// store itself are registered with reg, unless that is nil. The caller must call
// Close.
func Open(dir string, s Section, log *slog.Logger, reg prometheus.Registerer, notices *health.Registry) (*DB, error) {
	if notices == nil {
		notices = &health.Registry{}
	}
	s = s.Filled()
	db := &DB{
		dir: dir, log: log.With("part", "metrics"), notices: notices, reg: reg,
		queries: newQueryTracker(s.Query.Concurrent), now: time.Now,
	}
	db.section.Store(&s)
	db.rate.at = db.now()
	db.guard.db, db.space.free = db, freeSpace
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open metrics: %w", err)
	}
	if err := db.open(); err != nil {
		return nil, fmt.Errorf("open metrics in %s: %w", dir, err)
	}
	db.engine = promql.NewEngine(promql.EngineOpts{
		Logger: db.log, Reg: db.inner, MaxSamples: s.Query.MaxSamples, Timeout: s.Query.Timeout.Std(), ActiveQueryTracker: db.queries,
		LookbackDelta: max(lookback, 2*s.Every.Std()), NoStepSubqueryIntervalFn: db.subqueryStep, EnableAtModifier: true, EnableNegativeOffset: true,
		Parser: cost.NewParser(),
	})
	if err := db.register(); err != nil {
		return nil, errors.Join(fmt.Errorf("open metrics: %w", err), db.Close())
	}
	return db, nil
}

// options are the TSDB's for the section in force.
func (db *DB) options() *tsdb.Options {
	s := db.section.Load()
	retention := s.Retention.Std()
	o := tsdb.DefaultOptions()
	o.NoLockfile = true // the server's lock on the data folder is enough, and ends with a killed server
	o.RetentionDuration, o.MaxBytes = retention.Milliseconds(), int64(s.MaxSize)
	o.MinBlockDuration = blockRange.Milliseconds()
	o.MaxBlockDuration = max(min(retention/10, longestBlock), blockRange).Milliseconds()
	o.WALSegmentSize, o.WALCompression = walSegment, compression.Snappy
	o.SamplesPerChunk = samplesPerChunk
	o.StripeSize, o.HeadChunksWriteBufferSize = stripes, chunkBuffer
	o.EnableExemplarStorage, o.MaxExemplars = true, maxExemplars
	o.OutOfOrderTimeWindow, o.OutOfOrderCapMax = outOfOrder.Milliseconds(), outOfOrderChunk
	o.FloatChunkEncoding = chunkenc.EncXOR
	o.SeriesLifecycleCallback = &db.guard
	return o
}

// subqueryStep is the resolution of a subquery that names none.
func (db *DB) subqueryStep(int64) int64 { return db.section.Load().RuleInterval.Std().Milliseconds() }

// Queryable reads samples.
func (db *DB) Queryable() storage.Queryable { return db.tsdb }

// ChunkQueryable reads encoded chunks, for remote read.
func (db *DB) ChunkQueryable() storage.ChunkQueryable { return db.tsdb }

// SampleAndChunkQueryable reads either.
func (db *DB) SampleAndChunkQueryable() storage.SampleAndChunkQueryable { return db.tsdb }

// ExemplarQueryable reads exemplars.
func (db *DB) ExemplarQueryable() storage.ExemplarQueryable { return db.tsdb }

// Appendable takes samples, those that the guard lets in: see [Refusal]. It must
// be used for everything that comes from outside.
func (db *DB) Appendable() storage.Appendable { return &db.guard }

// AppendableV2 is Appendable by the newer interface.
func (db *DB) AppendableV2() storage.AppendableV2 { return &db.guard }

// TSDB is the engine itself, unguarded.
func (db *DB) TSDB() *tsdb.DB { return db.tsdb }

// Dir is the folder of the store.
func (db *DB) Dir() string { return db.dir }

// Engine evaluates PromQL, within the bounds of `metrics.query`.
func (db *DB) Engine() *promql.Engine { return db.engine }

// Section is the section in force, with its defaults.
func (db *DB) Section() Section { return *db.section.Load() }

// Prepare makes a configuration ready; the error is fault.Problems and leaves
// everything as it was. commit puts it in force and cannot fail.
func (db *DB) Prepare(c Config) (commit func(), err error) {
	if err := c.Validate().Err(); err != nil {
		return nil, err
	}
	s := c.Metrics.Filled()
	return func() {
		db.queries.resize(s.Query.Concurrent)
		db.section.Store(&s)
	}, nil
}

// Run watches the disk and the bound on series until ctx ends. Closing the store is Close's.
func (db *DB) Run(ctx context.Context) error {
	ticker := time.NewTicker(spaceEvery)
	defer ticker.Stop()
	for {
		db.watchSpace()
		db.watchSeries()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Close ends the store: what is under way is finished, and what was acknowledged
// is on disk. Nothing may be asked of it any more.
func (db *DB) Close() error {
	db.closing.Do(func() {
		db.unregister()
		if db.engine != nil {
			db.closed = db.engine.Close()
		}
		db.closed = errors.Join(db.closed, db.tsdb.Close())
	})
	return db.closed
}
