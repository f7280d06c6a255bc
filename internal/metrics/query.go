package metrics

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"
)

// Sample is one series of the result of an instant query.
type Sample struct {
	Labels map[string]string // the name of the metric, if it has one, as __name__
	Value  float64
}

// Series is one series of the result of a range query.
type Series struct {
	Labels map[string]string
	Points []Point // oldest first; steps without a value are missing
}

// Point is a value at a time.
type Point struct {
	At    time.Time
	Value float64
}

// errHistogram is told for a query whose result is not numbers.
var errHistogram = errors.New("the result has histograms; ask for numbers by histogram_quantile(), histogram_count() or histogram_sum()")

// Instant evaluates a PromQL expression at a time. A scalar is one sample without
// labels.
func (db *DB) Instant(ctx context.Context, expr string, at time.Time) ([]Sample, error) {
	q, err := db.engine.NewInstantQuery(ctx, db.tsdb, nil, expr, at)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	defer q.Close()
	result := q.Exec(ctx)
	if result.Err != nil {
		return nil, fmt.Errorf("query: %w", result.Err)
	}
	switch v := result.Value.(type) {
	case promql.Vector:
		out := make([]Sample, 0, len(v))
		for _, s := range v {
			if s.H != nil {
				return nil, fmt.Errorf("query: %w", errHistogram)
			}
			out = append(out, Sample{Labels: s.Metric.Map(), Value: s.F})
		}
		return out, nil
	case promql.Scalar:
		return []Sample{{Labels: map[string]string{}, Value: v.V}}, nil
	}
	return nil, fmt.Errorf("query: the result is a %s; want a vector or a number", result.Value.Type())
}

// Range evaluates a PromQL expression from time to time, both included.
func (db *DB) Range(ctx context.Context, expr string, from, to time.Time, step time.Duration) ([]Series, error) {
	if step <= 0 || to.Before(from) {
		return nil, errors.New("query: the time ends before it begins, or its step is not positive")
	}
	q, err := db.engine.NewRangeQuery(ctx, db.tsdb, nil, expr, from, to, step)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	defer q.Close()
	result := q.Exec(ctx)
	matrix, err := result.Matrix()
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	out := make([]Series, 0, len(matrix))
	for _, s := range matrix {
		if len(s.Histograms) > 0 {
			return nil, fmt.Errorf("query: %w", errHistogram)
		}
		points := make([]Point, len(s.Floats))
		for i, p := range s.Floats {
			points[i] = Point{At: time.UnixMilli(p.T), Value: p.F}
		}
		out = append(out, Series{Labels: s.Metric.Map(), Points: points})
	}
	return out, nil
}

// queryTracker bounds how many queries are evaluated at a time. Prometheus' own
// also writes them to a mapped file, which kills the process when the disk is
// full.
type queryTracker struct {
	mu     sync.Mutex
	most   int
	active int
	free   chan struct{} // closed and replaced when a place becomes free
}

var _ promql.QueryTracker = (*queryTracker)(nil)

func newQueryTracker(most int) *queryTracker {
	return &queryTracker{most: most, free: make(chan struct{})}
}

// GetMaxConcurrent implements promql.QueryTracker.
func (t *queryTracker) GetMaxConcurrent() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.most
}

// Insert implements promql.QueryTracker: it waits for a place.
func (t *queryTracker) Insert(ctx context.Context, _ string) (int, error) {
	for {
		t.mu.Lock()
		if t.active < t.most {
			t.active++
			t.mu.Unlock()
			return 0, nil
		}
		free := t.free
		t.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// Delete implements promql.QueryTracker.
func (t *queryTracker) Delete(int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active--
	t.wake()
}

func (t *queryTracker) resize(most int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.most = most
	t.wake()
}

func (t *queryTracker) wake() {
	close(t.free)
	t.free = make(chan struct{})
}

// Close implements promql.QueryTracker.
func (t *queryTracker) Close() error { return nil }
