package ui

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// Latency keeps how fast the runs of all checks were over the last hour, minute
// by minute, in about 100 KB however many checks there are. Percentiles are
// exact to 2.2 %. It is fed with each stored result. The zero value is ready;
// all methods may be called concurrently.
type Latency struct {
	mu      sync.Mutex
	minutes [latencyMinutes]latencyMinute // by minute modulo latencyMinutes
}

const (
	latencyWindow  = 5                  // minutes that a point of the chart looks back
	latencyMinutes = 61 + latencyWindow // an hour, the present minute, and what its first point looks back to
	latencyBuckets = 16 * latencyOctaves
	latencyOctaves = 24 // from 10 µs to 2.8 min
	latencyFloor   = 10 * time.Microsecond
)

type latencyMinute struct {
	minute int64 // of Unix time
	runs   uint32
	bucket [latencyBuckets]uint32
}

// LatencyPoint is one minute.
type LatencyPoint struct {
	At       time.Time
	P50, P95 time.Duration
	Runs     uint32
}

// Observe counts one result. A run that is down has no latency worth counting:
// it is a timeout or a refused connection.
func (l *Latency) Observe(r *checks.Result) {
	if r.Status == checks.Down || len(r.Attempts) == 0 {
		return
	}
	minute := r.At().Unix() / 60
	l.mu.Lock()
	defer l.mu.Unlock()
	m := &l.minutes[uint64(minute)%latencyMinutes] // #nosec G115 -- any slot will do for a time before 1970
	if m.minute > minute {
		return // older than what is kept
	}
	if m.minute < minute {
		*m = latencyMinute{minute: minute}
	}
	m.runs++
	m.bucket[latencyBucket(r.Latency())]++
}

// Fill counts the results of the last hour, at most 50,000 over all checks, so
// that the chart is there right after a start.
func (l *Latency) Fill(ctx context.Context, history History, ids []string, now time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	limit := max(50_000/len(ids), 1)
	for _, id := range ids {
		results, err := history.Results(ctx, id, now.Add(-(60+latencyWindow)*time.Minute), now, limit)
		if err != nil {
			return fmt.Errorf("read last hour of check %q: %w", id, err)
		}
		for i := range results {
			l.Observe(&results[i])
		}
	}
	return nil
}

// Points returns the minutes of the last hour, oldest first: at each of them the
// percentiles over the latencyWindow that ends with it, as the tile has them.
// A minute by itself holds too few runs, and other checks than the next one, so
// its percentiles would jump up and down. Minutes without runs in their window
// are left out.
func (l *Latency) Points(now time.Time) []LatencyPoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := now.Unix() / 60
	var points []LatencyPoint
	for minute := last - 60; minute <= last; minute++ {
		sum := l.sum(minute-latencyWindow+1, minute)
		if sum.runs == 0 {
			continue
		}
		points = append(points, LatencyPoint{
			At:   time.Unix(minute*60, 0),
			P50:  quantile(sum.bucket[:], sum.runs, 0.50),
			P95:  quantile(sum.bucket[:], sum.runs, 0.95),
			Runs: sum.runs,
		})
	}
	return points
}

// Last returns the percentiles over the last minutes, the present one included;
// zero without runs.
func (l *Latency) Last(now time.Time, minutes int) (p50, p95 time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := now.Unix() / 60
	sum := l.sum(last-int64(minutes), last)
	return quantile(sum.bucket[:], sum.runs, 0.50), quantile(sum.bucket[:], sum.runs, 0.95)
}

// sum adds up the minutes from first to last. The caller holds the lock.
func (l *Latency) sum(first, last int64) *latencyMinute {
	sum := &latencyMinute{}
	for minute := first; minute <= last; minute++ {
		m := &l.minutes[uint64(minute)%latencyMinutes] // #nosec G115 -- as in Observe
		if m.minute != minute {
			continue
		}
		sum.runs += m.runs
		for i, n := range m.bucket {
			sum.bucket[i] += n
		}
	}
	return sum
}

// latencyBucket is logarithmic: sixteen buckets for each doubling.
func latencyBucket(d time.Duration) int {
	if d <= latencyFloor {
		return 0
	}
	return min(int(16*math.Log2(float64(d)/float64(latencyFloor))), latencyBuckets-1)
}

// quantile returns the middle of the bucket in which the q-th of n values lies.
func quantile(buckets []uint32, n uint32, q float64) time.Duration {
	if n == 0 {
		return 0
	}
	rank := uint32(math.Ceil(q * float64(n)))
	for i, c := range buckets {
		if rank <= c {
			return time.Duration(float64(latencyFloor) * math.Exp2((float64(i)+0.5)/16))
		}
		rank -= c
	}
	return 0
}
