package traffic

import (
	"math"
	"math/bits"
	"sync/atomic"

	dto "github.com/prometheus/client_model/go"

	"lapwing.dev/lapwing/middleware/observe"
)

// A histogram is told in two ways: with exponential buckets, as native
// histograms have them, and with the classic boundaries. So that both count the
// same, requests are counted once, in cells between the boundaries of both. A
// layout says which cell a value belongs to, and what each cell is part of.
type layout struct {
	schema    int32   // of the exponential buckets: 2^schema of them for each doubling
	lowest    int32   // index of the first one; the zero bucket comes before it
	threshold float64 // upper end of the zero bucket
	bounds    []float64

	base  []uint16 // by exponential bucket, counted from the zero bucket: its first cell
	split []int64  // by the same: values above this are in the next cell

	bucket  []uint16 // by cell: the exponential bucket
	classic []uint8  // by cell: the classic bucket, len(bounds) beyond all
}

// newLayout lays out cells for exponential buckets and bounds, which are those of
// the classic buckets in the unit of values. No two bounds may be in one bucket.
func newLayout(buckets int, bucketOf func(int64) int, values []int64) layout {
	var l layout
	next := 0
	for b := range buckets {
		l.base = append(l.base, uint16(len(l.bucket))) // #nosec G115 -- some hundred
		l.bucket, l.classic = append(l.bucket, uint16(b)), append(l.classic, uint8(next))
		at := int64(math.MaxInt64)
		if next < len(values) && bucketOf(values[next]) == b {
			at = values[next]
			next++
			l.bucket, l.classic = append(l.bucket, uint16(b)), append(l.classic, uint8(next))
		}
		l.split = append(l.split, at)
	}
	return l
}

func (l *layout) cell(bucket int, value int64) int {
	cell := int(l.base[bucket])
	if value > l.split[bucket] {
		cell++
	}
	return cell
}

// write tells counts by cell as a histogram, nil without any.
func (l *layout) write(count func(cell int) uint64, sum float64) *dto.Histogram {
	classic := make([]uint64, len(l.bounds)+1)
	h := &dto.Histogram{Schema: &l.schema, ZeroThreshold: &l.threshold, SampleSum: &sum}
	var total, zero, last uint64
	var here uint64 // of the present exponential bucket
	previous := -1  // the last exponential bucket that is told
	flush := func(bucket int) {
		switch {
		case here == 0:
			return
		case bucket == 0:
			zero = here
		default:
			offset := int32(bucket-previous) - 1 // #nosec G115 -- some hundred
			if previous <= 0 {
				offset = l.lowest + int32(bucket) - 1 // #nosec G115 -- as above
			}
			if offset == 0 && previous > 0 {
				*h.PositiveSpan[len(h.PositiveSpan)-1].Length++
			} else {
				one := uint32(1)
				h.PositiveSpan = append(h.PositiveSpan, &dto.BucketSpan{Offset: &offset, Length: &one})
			}
			h.PositiveDelta = append(h.PositiveDelta, int64(here-last)) // #nosec G115 -- wraps as deltas do
			last, previous = here, bucket
		}
		here = 0
	}
	for cell, bucket := range l.bucket {
		if cell > 0 && l.bucket[cell-1] != bucket {
			flush(int(l.bucket[cell-1]))
		}
		n := count(cell)
		here += n
		total += n
		classic[l.classic[cell]] += n
	}
	flush(int(l.bucket[len(l.bucket)-1]))
	if total == 0 {
		return nil
	}
	told := make([]dto.Bucket, len(l.bounds)) // in one piece: there are thousands of histograms
	h.Bucket = make([]*dto.Bucket, len(l.bounds))
	for i := range l.bounds {
		if i > 0 {
			classic[i] += classic[i-1]
		}
		told[i].UpperBound, told[i].CumulativeCount = &l.bounds[i], &classic[i]
		h.Bucket[i] = &told[i]
	}
	h.SampleCount, h.ZeroCount = &total, &zero
	return h
}

// The durations: eight buckets for each doubling, so that a percentile is right
// to 5 %, from a microsecond (2^-20 s) to a good quarter of an hour (2^10 s).
// What is shorter counts as zero, what is longer is in the last one.
const (
	durationSchema  = 3
	durationLowest  = -20<<durationSchema + 1
	durationHighest = 10<<durationSchema + 1
	durationBuckets = durationHighest - durationLowest + 2 // and zero
	durationZero    = 953                                  // nanoseconds, 2^-20 s
)

var durations = func() layout {
	// The boundaries that OpenTelemetry advises for http.server.request.duration.
	bounds := []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}
	nanos := make([]int64, len(bounds))
	for i, b := range bounds {
		nanos[i] = int64(math.Round(b * 1e9))
	}
	l := newLayout(durationBuckets, durationBucket, nanos)
	l.schema, l.lowest, l.threshold, l.bounds = durationSchema, durationLowest, math.Exp2(-20), bounds
	return l
}()

// eighths are the mantissas of 2^(i/8), as they stand in a float64.
var eighths = func() (m [8]uint64) {
	for i := range m {
		m[i] = math.Float64bits(math.Exp2(float64(i)/8)) & (1<<52 - 1)
	}
	return m
}()

// durationBucket is the exponential bucket of nanoseconds, counted from the zero
// bucket.
func durationBucket(nanos int64) int {
	if nanos <= durationZero {
		return 0
	}
	b := math.Float64bits(float64(nanos) / 1e9)
	mantissa := b & (1<<52 - 1)
	at := 0 // how many boundaries within this doubling are below
	if mantissa > eighths[4] {
		at = 4
	}
	if mantissa > eighths[at+2] {
		at += 2
	}
	if mantissa > eighths[at+1] {
		at++
	}
	if mantissa > 0 {
		at++
	}
	index := (int(b>>52)-1023)<<durationSchema + at // #nosec G115 -- 11 bits: the value is positive
	return min(index, durationHighest) - durationLowest + 1
}

// page is so many cells of a histogram: requests of one kind take about as long,
// so that few of all cells are ever needed.
const page = 16

// histogram counts durations.
type histogram struct {
	pages    [(durationBuckets + 14 + page - 1) / page]atomic.Pointer[[page]atomic.Uint64]
	nanos    atomic.Uint64 // sum
	exemplar exemplar
}

func (h *histogram) observe(e *observe.Exchange) {
	n := max(int64(e.Duration), 0)
	cell := durations.cell(durationBucket(n), n)
	p := h.pages[cell/page].Load()
	if p == nil {
		p = h.turn(cell / page)
	}
	p[cell%page].Add(1)
	h.nanos.Add(uint64(n))
	if e.Sampled {
		h.exemplar.observe(e)
	}
}

// turn makes a page.
func (h *histogram) turn(i int) *[page]atomic.Uint64 {
	h.pages[i].CompareAndSwap(nil, new([page]atomic.Uint64))
	return h.pages[i].Load()
}

// write returns what /metrics says, nil without any request.
func (h *histogram) write() *dto.Histogram {
	sum := float64(h.nanos.Load()) / 1e9 // before the counts, so that it has no request that they lack
	told := durations.write(func(cell int) uint64 {
		if p := h.pages[cell/page].Load(); p != nil {
			return p[cell%page].Load()
		}
		return 0
	}, sum)
	if told != nil {
		h.exemplar.write(told)
	}
	return told
}

// Sizes of bodies: a bucket for each doubling up to a tebibyte. An empty body is
// zero.
const (
	sizeHighest = 41
	sizeBuckets = sizeHighest + 2
	sizeCells   = sizeBuckets + 6
)

var bodySizes = func() layout {
	l := newLayout(sizeBuckets, sizeBucket, []int64{100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000})
	l.bounds = []float64{100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000}
	l.threshold = math.Exp2(-128) // as Prometheus' own client has it; there is nothing between zero and one
	return l
}()

func sizeBucket(n int64) int {
	if n <= 0 {
		return 0
	}
	return min(bits.Len64(uint64(n-1)), sizeHighest) + 1
}

// sizes counts sizes of bodies.
type sizes struct {
	cells [sizeCells]atomic.Uint64
	bytes atomic.Uint64 // sum
}

func (s *sizes) observe(n int64) {
	n = max(n, 0)
	s.cells[bodySizes.cell(sizeBucket(n), n)].Add(1)
	s.bytes.Add(uint64(n))
}

func (s *sizes) write() *dto.Histogram {
	sum := float64(s.bytes.Load())
	return bodySizes.write(func(cell int) uint64 { return s.cells[cell].Load() }, sum)
}
