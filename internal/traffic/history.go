package traffic

import (
	"encoding/binary"
	"sync"
	"time"
)

// Grain is the time that one entry of the history covers.
const Grain = 10 * time.Second

// kept is how far the history goes back, as long as its memory is enough.
const kept = 3 * time.Hour

// history keeps what every operation and every policy did, entry by entry. An
// entry holds only who had requests, as variable-length integers: an operation
// with traffic takes some 50 bytes. Nothing of it is on the way of a request: it
// looks at the counters every ten seconds.
type history struct {
	operations *operations
	policies   *policies
	memory     int // bytes for entries

	mu      sync.Mutex
	start   time.Time     // of the entry that is being made, by the wall clock
	length  time.Duration // of it so far, by the monotonic one
	entries []entry       // oldest first
	bytes   int
	waiting int64 // most requests that were seen waiting at a time, in the entry that is being made
}

// entry is a closed part of the history.
type entry struct {
	start, end time.Time
	waiting    int64
	operations []byte
	policies   []byte
}

// entrySize is what an entry takes besides its bytes.
const entrySize = 128

func newHistory(os *operations, ps *policies, memory int, now time.Time) *history {
	return &history{operations: os, policies: ps, memory: memory, start: now.Round(0)}
}

// sample notes how many requests are waiting.
func (h *history) sample(waiting int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting = max(h.waiting, waiting)
}

// close ends the entry that is being made if another one is due. passed is the
// time since the last call; the wall clock may say something else, when it was
// set or the machine slept.
func (h *history) close(now time.Time, passed time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now = now.Round(0)
	h.length += passed
	if ahead := h.start.Sub(now); ahead > 0 {
		h.shift(-(ahead + Grain - 1).Truncate(Grain))
	}
	due := now.Truncate(Grain)
	if !due.After(h.start) {
		return
	}
	e := h.present()
	e.end = due
	if late := h.start.Add(h.length).Truncate(Grain).Add(Grain); late.Before(due) {
		e.end = late // what follows is a gap
	}
	h.record(&e)
	h.start, h.length, h.waiting = due, now.Sub(due), 0
	h.entries = append(h.entries, e)
	h.bytes += entrySize + cap(e.operations) + cap(e.policies)
	h.forget(now)
}

// shift moves everything in time: the clock was set back, and what happened five
// minutes ago did so by the new time as well.
func (h *history) shift(by time.Duration) {
	h.start = h.start.Add(by)
	for i := range h.entries {
		e := &h.entries[i]
		e.start, e.end = e.start.Add(by), e.end.Add(by)
	}
}

// record notes what the entry has, so that the next one begins after it.
func (h *history) record(e *entry) {
	list := *h.operations.list.Load()
	for r := (reader{e.operations}); len(r.rest) > 0; {
		var news sum
		var op *operation
		r.operation(func(id int) *sum {
			op = list[id]
			return &news
		})
		op.recorded.add(&news)
	}
	decided := *h.policies.list.Load()
	for r := (reader{e.policies}); len(r.rest) > 0; {
		r.policy(func(id int) *[policyCounts]uint64 { return &decided[id].recorded })
	}
}

// forget drops entries that are too old or have no room.
func (h *history) forget(now time.Time) {
	drop := 0
	for drop < len(h.entries) && (h.bytes > h.memory || now.Sub(h.entries[drop].end) > kept) {
		e := &h.entries[drop]
		h.bytes -= entrySize + cap(e.operations) + cap(e.policies)
		h.entries[drop] = entry{}
		drop++
	}
	h.entries = h.entries[drop:]
}

// since is what an operation counted after what was recorded; false when that is
// nothing. Requests that are being counted in this moment may show in one part
// and not in another yet: the next entry has the rest.
func (o *operation) since(c *counts, served *[fineBuckets]uint32) bool {
	now := o.outcomes.sum()
	now[nIn], now[nOut] = o.request.bytes.Load(), o.response.bytes.Load()
	if now == o.recorded.counts {
		return false
	}
	for i := range now {
		c[i] = now[i] - o.recorded.counts[i]
	}
	for i := range o.served {
		served[i] = o.served[i].Load() - o.recorded.served[i]
	}
	return true
}

func (p *policy) since() [policyCounts]uint64 {
	now := [policyCounts]uint64{pDelayed: p.delayed.Load(), pWaited: p.waited.Load(), pRefused: p.refused.Load(), pShadow: p.shadow.Load()}
	for i := range now {
		now[i] -= p.recorded[i]
	}
	return now
}

// appendOperation writes the operation's part of an entry: its id, the counts,
// how many buckets hold durations, and of each the distance to the one before
// and the number.
func appendOperation(dst []byte, id int, c *counts, s *[fineBuckets]uint32) []byte {
	dst = binary.AppendUvarint(dst, uint64(id)) // #nosec G115 -- an index
	for _, n := range c {
		dst = binary.AppendUvarint(dst, n)
	}
	buckets := uint64(0)
	for _, n := range s {
		if n > 0 {
			buckets++
		}
	}
	dst = binary.AppendUvarint(dst, buckets)
	last := 0
	for i, n := range s {
		if n > 0 {
			dst = binary.AppendUvarint(dst, uint64(i-last)) // #nosec G115 -- i grows
			dst = binary.AppendUvarint(dst, uint64(n))
			last = i
		}
	}
	return dst
}

// reader reads back what appendOperation wrote.
type reader struct{ rest []byte }

func (r *reader) next() uint64 {
	n, width := binary.Uvarint(r.rest)
	r.rest = r.rest[max(width, 0):]
	return n
}

// operation adds the next operation's part to what want returns for it; nil
// when that is not asked for.
func (r *reader) operation(want func(id int) *sum) {
	into := want(int(r.next())) // #nosec G115 -- an index
	for i := range operationCounts {
		if n := r.next(); into != nil {
			into.counts[i] += n
		}
	}
	bucket := 0
	for range r.next() {
		bucket += int(r.next()) // #nosec G115 -- below fineBuckets
		if n := r.next(); into != nil {
			into.served[bucket] += n
		}
	}
}

// policy does the same for the next policy's part.
func (r *reader) policy(want func(id int) *[policyCounts]uint64) {
	into := want(int(r.next())) // #nosec G115 -- an index
	for i := range policyCounts {
		if n := r.next(); into != nil {
			into[i] += n
		}
	}
}

// sum is what an operation, or several, did over several entries.
type sum struct {
	counts counts
	served spread
}

func (s *sum) add(o *sum) {
	s.counts.add(&o.counts)
	for i, n := range o.served {
		s.served[i] += n
	}
}

// recorded is what the history has of an operation already; it wraps as the
// counters do.
type recorded struct {
	counts counts
	served [fineBuckets]uint32
}

func (r *recorded) add(s *sum) {
	r.counts.add(&s.counts)
	for i, n := range s.served {
		r.served[i] += uint32(n) // #nosec G115 -- wraps
	}
}

// visit calls see with every entry that lies in the time, oldest first; the last
// one is made of what was counted since. Its bytes are see's as long as it runs.
func (h *history) visit(from, to time.Time, see func(e *entry)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.entries {
		if e := &h.entries[i]; e.end.After(from) && e.start.Before(to) {
			see(e)
		}
	}
	if to.After(h.start) {
		e := h.present()
		e.end = to
		see(&e)
	}
}

// first is when the history begins.
func (h *history) first() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.entries) > 0 {
		return h.entries[0].start
	}
	return h.start
}

// present is the entry that is being made. The caller holds the lock.
func (h *history) present() entry {
	e := entry{start: h.start, waiting: h.waiting}
	for _, op := range *h.operations.list.Load() {
		var c counts
		var s [fineBuckets]uint32
		if op.since(&c, &s) {
			e.operations = appendOperation(e.operations, op.id, &c, &s)
		}
	}
	for id, p := range *h.policies.list.Load() {
		if c := p.since(); c != ([policyCounts]uint64{}) {
			e.policies = binary.AppendUvarint(e.policies, uint64(id)) // #nosec G115 -- an index
			for _, n := range c {
				e.policies = binary.AppendUvarint(e.policies, n)
			}
		}
	}
	return e
}
