package metrics

import (
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/units"
)

// Job is the label job of Lapwing's own series.
const Job = "lapwing"

// Collector takes Lapwing's own series into the store every `metrics.every`, as
// a scrape of /metrics would, without the text in between.
type Collector struct {
	db       *DB
	gatherer prometheus.Gatherer
	sources  []Source
	instance string
	seed     maphash.Seed

	mu       sync.Mutex // one round at a time
	number   uint64     // of the round
	last     int64      // time of the round before, in milliseconds
	newest   int64      // time of the latest one
	series   map[uint64]*collected
	builder  labels.ScratchBuilder
	families atomic.Pointer[[]Family] // of the last round

	rounds, failures atomic.Uint64
	took             atomic.Int64 // nanoseconds of the last round
}

// collected is a series as the last rounds saw it.
type collected struct {
	ref    storage.SeriesRef
	labels labels.Labels
	round  uint64 // the last one that had it
	failed bool   // it was not stored: there is nothing to be marked as stale
}

// Family describes a metric that is collected.
type Family struct {
	Name, Help, Unit string
	Type             dto.MetricType
}

// NewCollector returns a Collector of the gatherer's families and then the
// sources'.
func NewCollector(db *DB, gatherer prometheus.Gatherer, sources ...Source) *Collector {
	instance, err := os.Hostname()
	if err != nil || instance == "" {
		instance = "localhost"
	}
	return &Collector{
		db: db, gatherer: gatherer, sources: sources, instance: instance,
		seed: maphash.MakeSeed(), series: make(map[uint64]*collected), builder: labels.NewScratchBuilder(16),
	}
}

// Run collects until ctx ends, at multiples of the interval.
func (c *Collector) Run(ctx context.Context) error {
	for {
		every := c.db.section.Load().Every.Std()
		now := time.Now()
		next := now.Truncate(every).Add(every)
		timer := time.NewTimer(min(next.Sub(now), every)) // should the clock be set back meanwhile, no longer than that
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
			c.Collect(ctx, time.Now().Truncate(every))
		}
	}
}

// Collect takes all series once, as of the time. What goes wrong is counted and
// logged: the next round is as good as this one.
func (c *Collector) Collect(ctx context.Context, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	begin := time.Now()
	t := at.UnixMilli()
	if t == c.last {
		return // the timer was early
	}
	c.last = t
	c.watchClock(t)
	c.number++
	r := &collection{c: c, app: c.db.guard.AppenderV2(ctx), t: t}
	families, err := c.gatherer.Gather()
	if err != nil {
		c.db.log.Warn("Some metrics could not be gathered", "error", err)
	}
	for _, family := range families {
		_ = r.family(family) // it has no error
	}
	for _, source := range c.sources {
		if err := source(r.family); err != nil {
			c.db.log.Warn("Some metrics could not be taken", "error", err)
		}
	}
	r.name = "up"
	r.add("", nil, "", "", 1, nil)
	stale := r.markStale()
	if err := r.app.Commit(); err != nil {
		c.failures.Add(1) // told by the store
	} else {
		for _, key := range stale {
			delete(c.series, key)
		}
	}
	c.families.Store(&r.families)
	c.rounds.Add(1)
	c.took.Store(int64(time.Since(begin)))
}

// watchClock tells that the clock was set back: for a time that has samples
// already no others are taken. The caller holds the lock.
func (c *Collector) watchClock(t int64) {
	if stored := c.db.tsdb.Head().MaxTime(); c.newest == 0 && stored > t+(maxAhead+time.Minute).Milliseconds() {
		c.newest = stored // by the server before this one
	}
	if back := time.Duration(c.newest-t) * time.Millisecond; c.newest > 0 && back > time.Minute {
		what := "Until then, what would be stored a second time for the same moment is refused."
		if back > outOfOrder {
			what = "Until then nothing is stored: the store takes only what is at most 30 minutes older than its newest. " +
				"If that time was wrong, do not wait for it: stop Lapwing, move the folder " + c.db.dir + " away, and start it again."
		}
		c.db.notices.Raise(health.Notice{
			Code: noticeClock, Severity: health.Warning, Title: "The clock was set back",
			Text: fmt.Sprintf("Lapwing's own series were stored up to %s, %s from now. %s", time.UnixMilli(c.newest).UTC().Format(time.RFC3339), units.Duration(back.Round(time.Second)), what),
		})
		return
	}
	if t >= c.newest {
		c.newest = t
		c.db.notices.Clear(noticeClock)
	}
}

// Families are the metrics of the last round, in their order.
func (c *Collector) Families() []Family {
	if list := c.families.Load(); list != nil {
		return *list
	}
	return nil
}

// Instance is the label instance of Lapwing's own series.
func (c *Collector) Instance() string { return c.instance }

// Collectors returns the Collector's own counters, to be registered.
func (c *Collector) Collectors() []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "lapwing_metrics_rounds_total", Help: "Rounds in which Lapwing's own series were taken."}, func() float64 { return float64(c.rounds.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "lapwing_metrics_rounds_failed_total", Help: "Rounds that could not be stored."}, func() float64 { return float64(c.failures.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lapwing_metrics_round_seconds", Help: "How long the last round took."}, func() float64 { return time.Duration(c.took.Load()).Seconds() }),
	}
}

// collection is one round.
type collection struct {
	c        *Collector
	app      storage.AppenderV2
	t        int64
	families []Family

	name string // of the family
	hash maphash.Hash
}

// family takes all series of a family.
func (r *collection) family(f *dto.MetricFamily) error {
	r.name = f.GetName()
	r.families = append(r.families, Family{Name: r.name, Help: f.GetHelp(), Unit: f.GetUnit(), Type: f.GetType()})
	for _, m := range f.GetMetric() {
		switch {
		case m.GetCounter() != nil:
			r.add("", m.GetLabel(), "", "", m.GetCounter().GetValue(), exemplars(m.GetCounter().GetExemplar(), r.t))
		case m.GetGauge() != nil:
			r.add("", m.GetLabel(), "", "", m.GetGauge().GetValue(), nil)
		case m.GetUntyped() != nil:
			r.add("", m.GetLabel(), "", "", m.GetUntyped().GetValue(), nil)
		case m.GetSummary() != nil:
			r.summary(m)
		case m.GetHistogram() != nil:
			r.histogram(m)
		}
	}
	return nil
}

func (r *collection) summary(m *dto.Metric) {
	s := m.GetSummary()
	r.add("_count", m.GetLabel(), "", "", float64(s.GetSampleCount()), nil)
	r.add("_sum", m.GetLabel(), "", "", s.GetSampleSum(), nil)
	for _, q := range s.GetQuantile() {
		r.add("", m.GetLabel(), model.QuantileLabel, number(q.GetQuantile()), q.GetValue(), nil)
	}
}

// histogram stores a native histogram as one, with count and sum as series
// besides: rates of requests are asked for more often than their durations, by
// people who know nothing of histograms.
func (r *collection) histogram(m *dto.Metric) {
	h := m.GetHistogram()
	count := float64(h.GetSampleCount())
	if c := h.GetSampleCountFloat(); c > 0 {
		count = c
	}
	r.add("_count", m.GetLabel(), "", "", count, nil)
	r.add("_sum", m.GetLabel(), "", "", h.GetSampleSum(), nil)
	native := isNative(h)
	if native {
		r.native(m)
	}
	if native && !r.c.db.section.Load().ClassicHistograms {
		return
	}
	infinite := false
	for _, b := range h.GetBucket() {
		cumulative := float64(b.GetCumulativeCount())
		if c := b.GetCumulativeCountFloat(); c > 0 {
			cumulative = c
		}
		infinite = infinite || math.IsInf(b.GetUpperBound(), 1)
		r.add("_bucket", m.GetLabel(), model.BucketLabel, number(b.GetUpperBound()), cumulative, exemplars(b.GetExemplar(), r.t))
	}
	if !infinite && len(h.GetBucket()) > 0 {
		r.add("_bucket", m.GetLabel(), model.BucketLabel, "+Inf", count, nil)
	}
}

func (r *collection) native(m *dto.Metric) {
	s := r.series("", m.GetLabel(), "", "")
	integer, float, err := nativeOf(m.GetHistogram())
	if err == nil {
		var found []exemplar.Exemplar
		for _, e := range m.GetHistogram().GetExemplars() {
			found = append(found, exemplars(e, r.t)...)
		}
		for _, b := range m.GetHistogram().GetBucket() {
			if len(found) == 0 || b.GetExemplar() != nil && len(m.GetHistogram().GetExemplars()) == 0 {
				found = append(found, exemplars(b.GetExemplar(), r.t)...)
			}
		}
		slices.SortFunc(found, func(a, b exemplar.Exemplar) int { return int(a.Ts - b.Ts) })
		var ref storage.SeriesRef
		ref, err = r.app.Append(s.ref, s.labels, 0, r.t, 0, integer, float, storage.AppendV2Options{Exemplars: found})
		s.stored(ref, err)
	}
	if err != nil {
		s.failed = true
	}
}

// add stores one number.
func (r *collection) add(suffix string, pairs []*dto.LabelPair, name, value string, v float64, es []exemplar.Exemplar) {
	s := r.series(suffix, pairs, name, value)
	ref, err := r.app.Append(s.ref, s.labels, 0, r.t, v, nil, nil, storage.AppendV2Options{Exemplars: es})
	s.stored(ref, err)
}

// stored notes what became of a sample; refusals are counted by the guard.
func (s *collected) stored(ref storage.SeriesRef, err error) {
	if ref != 0 {
		s.ref = ref
	}
	s.failed = ref == 0 && err != nil
}

// series finds or makes a series by the family's name, its suffix, its labels
// and one more. Two series with the same hash would be one; with 64 bits and a
// seed that nobody knows, none of 10,000 are.
func (r *collection) series(suffix string, pairs []*dto.LabelPair, name, value string) *collected {
	c := r.c
	h := &r.hash
	h.SetSeed(c.seed)
	text := func(s string) {
		_, _ = h.WriteString(s)
		_ = h.WriteByte(0xff) // in no UTF-8
	}
	text(r.name)
	text(suffix)
	for _, p := range pairs {
		text(p.GetName())
		text(p.GetValue())
	}
	text(name)
	text(value)
	key := h.Sum64()
	s := c.series[key]
	if s == nil {
		s = &collected{labels: c.labels(r.name+suffix, pairs, name, value)}
		c.series[key] = s
	}
	s.round = c.number
	return s
}

// labels are those of a series. One that says job or instance itself keeps them,
// as a scrape with honor_labels has it: the instance of a check is its target.
func (c *Collector) labels(metric string, pairs []*dto.LabelPair, name, value string) labels.Labels {
	b := &c.builder
	b.Reset()
	b.Add(model.MetricNameLabel, metric)
	job, instance := Job, c.instance
	for _, p := range pairs {
		switch {
		case p.GetValue() == "":
		case p.GetName() == model.JobLabel:
			job = p.GetValue()
		case p.GetName() == model.InstanceLabel:
			instance = p.GetValue()
		default:
			b.Add(p.GetName(), p.GetValue())
		}
	}
	b.Add(model.JobLabel, job)
	b.Add(model.InstanceLabel, instance)
	if name != "" {
		b.Add(name, value)
	}
	b.Sort()
	return b.Labels()
}

// markStale ends the series that this round had not got, so that queries stop to
// see them at once; it returns their keys.
func (r *collection) markStale() []uint64 {
	var keys []uint64
	for key, s := range r.c.series {
		if s.round == r.c.number {
			continue
		}
		keys = append(keys, key)
		if s.ref != 0 && !s.failed {
			_, _ = r.app.Append(s.ref, s.labels, 0, r.t, math.Float64frombits(value.StaleNaN), nil, nil, storage.AppendV2Options{}) // counted by the guard
		}
	}
	return keys
}

// exemplars are those of a metric: none, or one.
func exemplars(e *dto.Exemplar, t int64) []exemplar.Exemplar {
	if e == nil {
		return nil
	}
	b := labels.NewScratchBuilder(len(e.GetLabel()))
	for _, p := range e.GetLabel() {
		b.Add(p.GetName(), p.GetValue())
	}
	b.Sort()
	if e.GetTimestamp() != nil {
		t = e.GetTimestamp().AsTime().UnixMilli()
	}
	return []exemplar.Exemplar{{Labels: b.Labels(), Value: e.GetValue(), Ts: t, HasTs: e.GetTimestamp() != nil}}
}

// number is a boundary as Prometheus 3 writes it into a label: 1.0, 0.5, +Inf.
func number(v float64) string {
	text := strconv.FormatFloat(v, 'g', -1, 64)
	if strings.ContainsAny(text, ".eIN") {
		return text
	}
	return text + ".0"
}
