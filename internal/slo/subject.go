package slo

import (
	"math"
	"time"
)

// counts are what came in some time.
type counts struct {
	requests, errors uint32
	status           [6]uint32
	aborted, refused uint32
}

func (c *counts) add(d *counts) {
	c.requests = plus(c.requests, d.requests)
	c.errors = plus(c.errors, d.errors)
	for i := range c.status {
		c.status[i] = plus(c.status[i], d.status[i])
	}
	c.aborted, c.refused = plus(c.aborted, d.aborted), plus(c.refused, d.refused)
}

func (c *counts) subtract(d *counts) {
	c.requests -= min(d.requests, c.requests)
	c.errors -= min(d.errors, c.errors)
	for i := range c.status {
		c.status[i] -= min(d.status[i], c.status[i])
	}
	c.aborted -= min(d.aborted, c.aborted)
	c.refused -= min(d.refused, c.refused)
}

func plus(a, b uint32) uint32 {
	if sum := a + b; sum >= a {
		return sum
	}
	return math.MaxUint32
}

func (c *counts) share() float64 {
	if c.requests == 0 {
		return 0
	}
	return float64(c.errors) / float64(c.requests)
}

// subject is what is judged: an operation, or an API as a whole. It is under
// Manager.mu.
type subject struct {
	place
	name string // of the operation; "" for the whole API. As place, it never changes: Observe reads it
	windows

	usual    *usual // of past weeks; nil until there is any
	lastSeen int64  // seconds of Unix time, to a slot

	critical, warning alarm // of the error rate
	shown             bool  // of a whole API: its alert says more than those of its operations
	unusualAlarms     [3]alarm
}

// windows are what a subject counts over the last minutes.
type windows struct {
	over    time.Duration
	head    int64    // the present slot
	slots   []counts // by slot
	sum     counts   // of slots: the window
	latency latencyWindow
	minutes minutes
}

func newSubject(p *policy, of place, name string, head int64) subject {
	n := int64(p.over / (slotLength * time.Second))
	latency := newLatencyWindow(n)
	latency.head = head / latency.every
	return subject{place: of, name: name, windows: windows{
		over: p.over, head: head, slots: make([]counts, n), latency: latency, minutes: minutes{head: head * slotLength / 60},
	}}
}

// advance moves the present to a slot; it never goes back.
func (s *subject) advance(slot int64) {
	n := int64(len(s.slots))
	if slot-s.head >= n {
		clear(s.slots)
		s.sum, s.head = counts{}, slot
	}
	for s.head < slot {
		s.head++
		c := &s.slots[s.head%n]
		s.sum.subtract(c)
		*c = counts{}
	}
	s.latency.advance(slot)
	s.minutes.advance(slot * slotLength / 60)
}

// add counts what came in the slot of a time; what is older than the window does
// not show in it.
func (s *subject) add(at int64, c *counts) {
	s.lastSeen = max(s.lastSeen, min(at, s.head*slotLength))
	s.minutes.add(at/60, c)
	slot := min(at/slotLength, s.head)
	if slot <= s.head-int64(len(s.slots)) {
		return
	}
	s.slots[slot%int64(len(s.slots))].add(c)
	s.sum.add(c)
}

// newest is the sum of the newest slots: of so many at least, and of as many as
// it takes to have so many requests.
func (s *subject) newest(slots int, requests uint64) counts {
	var c counts
	n := int64(len(s.slots))
	for i := range n {
		if int(i) >= slots && uint64(c.requests) >= requests {
			break
		}
		c.add(&s.slots[(s.head-i+n*2)%n])
	}
	return c
}

// latencyWindow is a histogram of durations over the window, kept in parts.
type latencyWindow struct {
	every int64 // slots of a part
	head  int64 // the present part
	parts [][]bucketCount
	sum   histogram
}

type bucketCount struct {
	bucket int32
	n      uint32
}

// latencyParts is how many parts the window of durations has.
const latencyParts = 30

func newLatencyWindow(slots int64) latencyWindow {
	every := max(slots/latencyParts, 1)
	return latencyWindow{every: every, parts: make([][]bucketCount, (slots+every-1)/every)}
}

func (w *latencyWindow) advance(slot int64) {
	part, n := slot/w.every, int64(len(w.parts))
	if part-w.head >= n {
		for i := range w.parts {
			w.parts[i] = w.parts[i][:0]
		}
		w.sum, w.head = histogram{}, part
	}
	for w.head < part {
		w.head++
		gone := &w.parts[w.head%n]
		for _, b := range *gone {
			w.sum[b.bucket] -= min(b.n, w.sum[b.bucket])
		}
		*gone = (*gone)[:0]
	}
}

// add counts durations of a slot; what is older than the window does not show.
func (w *latencyWindow) add(slot int64, bucket int, n uint32) {
	part := min(slot/w.every, w.head)
	if part <= w.head-int64(len(w.parts)) {
		return
	}
	w.sum.add(bucket, n)
	to := &w.parts[part%int64(len(w.parts))]
	*to = append(*to, bucketCount{int32(bucket), n}) // #nosec G115 -- below Buckets
}

// minutes are the last hour, minute by minute.
type minutes struct {
	head   int64 // the present minute
	points [60]minute
	open   histogram // of the present one
}

type minute struct {
	counts
	p50, p95, p99 uint32 // microseconds
}

func (ms *minutes) at(n int64) *minute { return &ms.points[n%int64(len(ms.points))] }

func (ms *minutes) advance(n int64) {
	if n <= ms.head {
		return
	}
	ms.at(ms.head).seal(&ms.open)
	ms.open = histogram{}
	if n-ms.head >= int64(len(ms.points)) {
		ms.points = [60]minute{}
		ms.head = n
		return
	}
	for ms.head < n {
		ms.head++
		*ms.at(ms.head) = minute{}
	}
}

// seal computes the percentiles of a minute that has ended.
func (m *minute) seal(h *histogram) {
	if m.requests == 0 {
		return
	}
	q := quantiles(h[:], .5, .95, .99)
	m.p50, m.p95, m.p99 = micros(q[0]), micros(q[1]), micros(q[2])
}

func micros(d time.Duration) uint32 {
	return uint32(min(max(d.Microseconds(), 0), math.MaxUint32)) // #nosec G115 -- bounded
}

func (ms *minutes) add(n int64, c *counts) {
	n = min(n, ms.head)
	if n > ms.head-int64(len(ms.points)) {
		ms.at(n).counts.add(c)
	}
}

// last sums the last whole minutes.
func (ms *minutes) last(n int64) counts {
	var c counts
	for i := ms.head - n; i < ms.head; i++ {
		c.add(&ms.at(i).counts)
	}
	return c
}
