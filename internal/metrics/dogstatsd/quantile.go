package dogstatsd

import (
	"cmp"
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// bucket counts values up to a bound, of which the one before has the lower ones.
type bucket struct {
	low, high float64
	count     float64
}

// bucketsOf reads a histogram's own buckets, lowest first: native ones where it
// has them, because they are finer.
func bucketsOf(h *dto.Histogram) []bucket {
	if h.Schema == nil || len(h.GetPositiveSpan())+len(h.GetNegativeSpan()) == 0 {
		return classicBuckets(h)
	}
	if h.GetSchema() < -4 || h.GetSchema() > 8 {
		return classicBuckets(h)
	}
	growth := math.Pow(2, math.Pow(2, -float64(h.GetSchema())))
	list := make([]bucket, 0, len(h.GetPositiveDelta())+len(h.GetPositiveCount())+1)
	for _, b := range spans(h.GetNegativeSpan(), h.GetNegativeDelta(), h.GetNegativeCount()) {
		list = append(list, bucket{-math.Pow(growth, b.index), -math.Pow(growth, b.index-1), b.count})
	}
	slices.Reverse(list)
	if zero := cmp.Or(h.GetZeroCountFloat(), float64(h.GetZeroCount())); zero > 0 {
		list = append(list, bucket{-h.GetZeroThreshold(), h.GetZeroThreshold(), zero})
	}
	for _, b := range spans(h.GetPositiveSpan(), h.GetPositiveDelta(), h.GetPositiveCount()) {
		list = append(list, bucket{math.Pow(growth, b.index-1), math.Pow(growth, b.index), b.count})
	}
	return list
}

func classicBuckets(h *dto.Histogram) (list []bucket) {
	low, below := 0.0, 0.0
	for _, b := range h.GetBucket() {
		upTo := cmp.Or(b.GetCumulativeCountFloat(), float64(b.GetCumulativeCount()))
		if b.GetUpperBound() <= 0 {
			low = math.Inf(-1)
		}
		list = append(list, bucket{low, b.GetUpperBound(), upTo - below})
		low, below = b.GetUpperBound(), upTo
	}
	if all := cmp.Or(h.GetSampleCountFloat(), float64(h.GetSampleCount())); all > below {
		list = append(list, bucket{low, math.Inf(1), all - below})
	}
	return list
}

type nativeBucket struct{ index, count float64 }

func spans(list []*dto.BucketSpan, deltas []int64, counts []float64) (found []nativeBucket) {
	index, count, n := int64(0), 0.0, 0
	for _, span := range list {
		index += int64(span.GetOffset())
		for range span.GetLength() {
			switch {
			case n < len(deltas):
				count += float64(deltas[n])
			case n < len(counts):
				count = counts[n]
			default:
				return found
			}
			found = append(found, nativeBucket{float64(index), count})
			index, n = index+1, n+1
		}
	}
	return found
}

// minus is what came to a histogram between two looks; all of it when it began
// anew in between.
func minus(now, before []bucket) []bucket {
	counted := make(map[float64]float64, len(before))
	for _, b := range before {
		counted[b.high] = b.count
	}
	left := make([]bucket, 0, len(now))
	for _, b := range now {
		b.count -= counted[b.high]
		if b.count < 0 {
			return now
		}
		left = append(left, b)
	}
	return left
}

// quantile estimates a quantile within its bucket; false without any value.
func quantile(q float64, list []bucket) (float64, bool) {
	var all float64
	for _, b := range list {
		all += b.count
	}
	if all <= 0 {
		return 0, false
	}
	rank, below := q*all, 0.0
	for _, b := range list {
		if below += b.count; below < rank || b.count == 0 {
			continue
		}
		switch {
		case math.IsInf(b.high, 1):
			return b.low, !math.IsInf(b.low, -1)
		case math.IsInf(b.low, -1):
			return b.high, true
		}
		return b.low + (b.high-b.low)*(rank-(below-b.count))/b.count, true
	}
	return 0, false
}
