package slo

import (
	"math"
	"math/bits"
	"time"
)

// Durations are counted in buckets that get wider with the duration: 32 for each
// doubling, each at most 3.2 % wide, from 32 µs to 137 s. What is shorter is in
// steps of a microsecond, what is longer in the last one.
const (
	// Buckets is how many there are: the most that Counts.Latency can hold.
	Buckets = 32 * (1 + doublings)

	doublings  = 22
	bucketUnit = 1024 * time.Nanosecond
)

// BucketOf returns the bucket of a duration.
func BucketOf(d time.Duration) int {
	v := uint64(max(d, 0)) >> 10 // #nosec G115 -- not negative; in bucketUnit
	if v < 32 {
		return int(v)
	}
	exponent := bits.Len64(v) - 6
	return min(exponent<<5+int(v>>exponent), Buckets-1) // #nosec G115 -- v>>exponent is 32 to 63
}

// BucketBounds returns the shortest duration of a bucket and the shortest one of
// the next.
func BucketBounds(bucket int) (from, to time.Duration) {
	if bucket < 32 {
		return time.Duration(bucket) * bucketUnit, time.Duration(bucket+1) * bucketUnit
	}
	exponent, mantissa := bucket>>5-1, int64(32+bucket&31)
	return time.Duration(mantissa<<exponent) * bucketUnit, time.Duration((mantissa+1)<<exponent) * bucketUnit
}

// histogram is a dense one of durations.
type histogram [Buckets]uint32

// add counts durations of one bucket.
func (h *histogram) add(bucket int, n uint32) {
	if sum := h[bucket] + n; sum >= n {
		h[bucket] = sum
	} else {
		h[bucket] = math.MaxUint32
	}
}

// addAll counts those of a list as Counts.Latency has it.
func (h *histogram) addAll(latency []uint32) {
	for bucket, n := range latency[:min(len(latency), Buckets)] {
		if n != 0 {
			h.add(bucket, n)
		}
	}
}

// list is the histogram as Counts.Latency has it; nil when it is empty. It is a copy.
func (h *histogram) list() []uint32 {
	for n := len(h); n > 0; n-- {
		if h[n-1] != 0 {
			return append(make([]uint32, 0, n), h[:n]...)
		}
	}
	return nil
}

// quantiles returns the durations below which shares of all lie, 0 without any.
// The shares ascend.
func quantiles(latency []uint32, shares ...float64) []time.Duration {
	result := make([]time.Duration, len(shares))
	var total uint64
	for _, n := range latency {
		total += uint64(n)
	}
	if total == 0 {
		return result
	}
	var below float64
	at := 0
	for bucket, n := range latency {
		if n == 0 {
			continue
		}
		for at < len(shares) {
			rank := math.Ceil(shares[at] * float64(total))
			if below+float64(n) < rank {
				break
			}
			from, to := BucketBounds(bucket)
			result[at] = from + time.Duration(float64(to-from)*(rank-below-.5)/float64(n))
			at++
		}
		below += float64(n)
	}
	return result
}

// slower estimates how many durations are longer than a threshold: those of its
// own bucket in the proportion in which it divides it.
func slower(latency []uint32, threshold time.Duration) uint64 {
	at := BucketOf(threshold)
	if at >= len(latency) {
		return 0
	}
	from, to := BucketBounds(at)
	part := float64(to-threshold) / float64(to-from)
	sum := uint64(float64(latency[at])*min(max(part, 0), 1) + .5)
	for _, n := range latency[at+1:] {
		sum += uint64(n)
	}
	return sum
}
