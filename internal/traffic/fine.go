package traffic

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// fineBuckets is the number of buckets of a fine histogram: sixteen for each
// doubling from 16 µs to 137 s, so that a percentile is right to 3 %.
const fineBuckets = 400

// fine counts durations finely. The counters may wrap: only their differences
// over seconds are looked at.
type fine [fineBuckets]atomic.Uint32

// fineUnit is the width of the lowest buckets.
const fineUnit = 1024 * time.Nanosecond

func fineBucket(d time.Duration) int {
	v := uint64(max(d, 0) / fineUnit) // #nosec G115 -- not negative
	if v < 16 {
		return int(v)
	}
	exponent := bits.Len64(v) - 5
	return min(exponent<<4+int(v>>exponent), fineBuckets-1) // #nosec G115 -- v>>exponent is 16 to 31
}

// fineBounds are the ends of a bucket.
func fineBounds(bucket int) (from, to time.Duration) {
	if bucket < 16 {
		return time.Duration(bucket) * fineUnit, time.Duration(bucket+1) * fineUnit
	}
	exponent, mantissa := bucket>>4-1, int64(16+bucket&15)
	return time.Duration(mantissa<<exponent) * fineUnit, time.Duration((mantissa+1)<<exponent) * fineUnit
}

// spread is a distribution of durations that was read from fine histograms.
type spread [fineBuckets]uint64

// quantile is the duration below which the share q of all lies, 0 without any.
func (s *spread) quantile(q float64) time.Duration {
	var total uint64
	for _, n := range s {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank := math.Ceil(q * float64(total))
	var below float64
	for i, n := range s {
		if n == 0 || below+float64(n) < rank {
			below += float64(n)
			continue
		}
		from, to := fineBounds(i)
		return from + time.Duration(float64(to-from)*(rank-below-.5)/float64(n))
	}
	return 0
}
