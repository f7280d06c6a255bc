package slo

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// How series are read, for APIs with `source: metrics`.
const (
	readEvery  = 5 * time.Second
	readWithin = 4 * time.Second
	maxSeries  = 20_000 // of one API
)

// cumulative turns the counters of an API that only tells metrics into counts.
type cumulative struct {
	selector string
	seen     map[seriesKey]lastValue // the last value of each series
	since    map[string]int          // the round in which each instance was seen first
}

// seriesKey tells series apart: each process counts by itself, and begins again at
// nothing when it restarts.
type seriesKey struct {
	instance, method, route, failure string
	status                           int
	le                               string // of a bucket; "" for the count
}

type lastValue struct {
	value float64
	round int
}

func newCumulative(selector string) *cumulative {
	return &cumulative{selector: selector, seen: map[seriesKey]lastValue{}, since: map[string]int{}}
}

// by are the labels that tell operations and answers apart, by OpenTelemetry's
// names as Prometheus writes them.
const by = `instance, http_request_method, http_route, http_response_status_code, error_type`

// expressions are what is asked: how many requests there were, and their buckets
// if there are any.
func (c *cumulative) expressions() [2]string {
	return [2]string{
		"sum by (" + by + ") (http_server_request_duration_seconds_count" + c.selector + ")" +
			" or sum by (" + by + ") (histogram_count(http_server_request_duration_seconds" + c.selector + "))",
		"sum by (" + by + ", le) (http_server_request_duration_seconds_bucket" + c.selector + ")",
	}
}

// readSeries reads the series of all such APIs until ctx ends.
func (m *Manager) readSeries(ctx context.Context) {
	ticker := time.NewTicker(readEvery)
	defer ticker.Stop()
	for round := 1; ; round++ {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for _, a := range m.operations.sorted() {
				if !a.policy.fromMetrics {
					continue
				}
				if err := m.readAPI(ctx, a, now, round); err != nil && ctx.Err() == nil {
					m.metrics.failures.Add(1)
					m.log.Debug("the series of an API cannot be read", "api", a.name, "error", err)
				}
			}
		}
	}
}

// readAPI reads one API's counters, and counts by how much they grew.
func (m *Manager) readAPI(ctx context.Context, a *api, now time.Time, round int) error {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	expressions := a.series.expressions()
	counts, err := m.query(ctx, expressions[0], now)
	if err != nil {
		return fmt.Errorf("read counts: %w", err)
	}
	buckets, err := m.query(ctx, expressions[1], now)
	if err != nil {
		return fmt.Errorf("read buckets: %w", err)
	}
	a.series.read(counts, buckets, round, func(key seriesKey, n uint64, latency []bucketShare) {
		m.countSeries(a, key, n, latency)
	})
	return nil
}

// bucketShare is how many of some requests took up to a bound.
type bucketShare struct {
	le float64 // seconds
	n  uint64
}

// read finds out by how much each series grew since the last reading.
func (c *cumulative) read(counts, buckets []Sample, round int, grown func(key seriesKey, n uint64, latency []bucketShare)) {
	spread := map[seriesKey][]bucketShare{}
	for i := range buckets {
		key, bound := keyOf(buckets[i].Labels)
		if n := c.growth(key, buckets[i].Value, round); n > 0 && !math.IsNaN(bound) {
			key.le = ""
			spread[key] = append(spread[key], bucketShare{bound, n})
		}
	}
	for i := range counts {
		key, _ := keyOf(counts[i].Labels)
		if n := c.growth(key, counts[i].Value, round); n > 0 {
			shares := spread[key]
			slices.SortFunc(shares, func(a, b bucketShare) int { return cmp.Compare(a.le, b.le) })
			grown(key, n, shares)
		}
	}
	if round%int(time.Hour/readEvery) == 0 {
		c.forget(round)
	}
}

// forget drops series that have not been there for an hour, and their instances.
func (c *cumulative) forget(round int) {
	alive := map[string]bool{}
	for key, last := range c.seen {
		if round-last.round > int(time.Hour/readEvery) {
			delete(c.seen, key)
			continue
		}
		alive[key.instance] = true
	}
	maps.DeleteFunc(c.since, func(instance string, _ int) bool { return !alive[instance] })
}

func keyOf(labels map[string]string) (key seriesKey, le float64) {
	status, err := strconv.Atoi(labels["http_response_status_code"])
	if err != nil || status < 0 || status > 999 {
		status = 0
	}
	le, err = strconv.ParseFloat(labels["le"], 64)
	if err != nil {
		le = math.NaN()
	}
	return seriesKey{
		instance: labels["instance"], method: labels["http_request_method"], route: labels["http_route"],
		failure: labels["error_type"], status: status, le: labels["le"],
	}, le
}

// growth is by how much a counter grew. One that fell began again at nothing: its
// process has started again. So did one that is new of an instance that is known.
// What a new instance has counted was before anybody looked: it says only where
// its counters stand.
func (c *cumulative) growth(key seriesKey, value float64, round int) uint64 {
	if math.IsNaN(value) || value < 0 || value > 1<<53 {
		return 0
	}
	last, known := c.seen[key]
	if !known && len(c.seen) >= maxSeries {
		return 0
	}
	c.seen[key] = lastValue{value, round}
	since, met := c.since[key.instance]
	if !met {
		c.since[key.instance], since = round, round
	}
	switch {
	case since == round:
		return 0
	case !known || value < last.value:
		return uint64(value + .5)
	}
	return uint64(value - last.value + .5)
}

// maxGrowth bounds what one reading can count: more requests than an API has in
// seconds are a defect of the series.
const maxGrowth = 1 << 31

// countSeries counts requests that a series told of as if they ended now.
func (m *Manager) countSeries(a *api, key seriesKey, n uint64, latency []bucketShare) {
	n = min(n, maxGrowth)
	op := m.operations.add(a, place{a.name, key.method, key.route})
	s := op.settings.Load()
	// Without a status there was no answer; error_type is either that or the status.
	what := s.classify(observe.Allowed, observe.NoError, key.status)
	cell := &op.live[m.slot.Load()&(liveCells-1)]
	cell.outcomes[what].Add(uint32(n)) // #nosec G115 -- bounded above
	if what >= failedBy {
		m.top.add(kindOf(op, key.status, ""), time.Now(), uint32(n), "", nil) // #nosec G115 -- bounded above
	}
	before := bucketShare{}
	for _, b := range latency {
		if more := min(b.n, n) - min(before.n, b.n, n); more > 0 && b.n > before.n {
			m.countBucket(op, s, cell, before.le, b.le, more)
		}
		if b.n > before.n {
			before.n = b.n
		}
		before.le = b.le
	}
}

// countBucket counts durations of which only bounds are known. They are spread
// evenly between them, as histogram_quantile takes them to be; those beyond all
// bounds stand at the last one.
func (m *Manager) countBucket(op *operation, s *settings, cell *liveCell, from, to float64, n uint64) {
	if math.IsInf(to, 1) {
		to = from
	}
	const parts = 8
	for i := range uint64(parts) {
		part := n*(i+1)/parts - n*i/parts
		if part == 0 {
			continue
		}
		d := time.Duration(min(from+(to-from)*(float64(i)+.5)/parts, 3600) * float64(time.Second))
		op.latency[BucketOf(d)].Add(uint32(part)) // #nosec G115 -- at most maxGrowth
	}
	for i, threshold := range s.slow {
		limit, slow := threshold.Seconds(), n
		switch {
		case to > from && limit >= to, to == from && limit > from:
			slow = 0
		case limit > from:
			slow = uint64(float64(n)*(to-limit)/(to-from) + .5)
		}
		cell.slow[i].Add(uint32(min(slow, n))) // #nosec G115 -- at most maxGrowth
	}
}
