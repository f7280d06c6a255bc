package slo

import "math"

// pair is what an objective counts in one slot of time.
type pair struct{ requests, bad uint32 }

// total is the same over many slots.
type total struct{ requests, bad uint64 }

// share is the share of bad ones, 0 without requests.
func (t total) share() float64 {
	if t.requests == 0 {
		return 0
	}
	return float64(t.bad) / float64(t.requests)
}

// ring keeps the counts of the last slots of time, and sums over windows that
// all end with the present slot. A sum is kept up to date as slots come and go:
// to look at it costs nothing, however long it is.
//
// Slots are numbered from the Unix epoch: the ring of five-minute slots has slot
// n for the five minutes from n×300 s on.
type ring struct {
	length int64 // seconds of a slot
	head   int64 // the present slot
	cells  []pair
	sums   []window
}

// window is a sum over the last slots.
type window struct {
	slots int64
	total
}

// newRing returns an empty ring with slots of so many seconds. It counts after
// allocate, and has windows that were added to sums before.
func newRing(length, now int64) *ring { return &ring{length: length, head: now / length} }

// allocate makes room for the longest window.
func (r *ring) allocate() {
	longest := int64(1)
	for i := range r.sums {
		longest = max(longest, r.sums[i].slots)
	}
	r.cells = make([]pair, longest)
}

func (r *ring) cell(slot int64) *pair { return &r.cells[slot%int64(len(r.cells))] }

// has reports whether a slot is kept.
func (r *ring) has(slot int64) bool { return slot <= r.head && slot > r.head-int64(len(r.cells)) }

// advance moves the present to a time in seconds; it never goes back.
func (r *ring) advance(now int64) {
	head := now / r.length
	if head-r.head >= int64(len(r.cells)) { // nothing of before is left
		clear(r.cells)
		for i := range r.sums {
			r.sums[i].total = total{}
		}
		r.head = head
		return
	}
	for r.head < head {
		r.head++
		for i := range r.sums {
			s := &r.sums[i]
			gone := *r.cell(r.head - s.slots) // of the longest window it is the cell that is about to be used again
			s.requests -= uint64(gone.requests)
			s.bad -= uint64(gone.bad)
		}
		*r.cell(r.head) = pair{}
	}
}

// add counts in the slot of a time in seconds; what is too old is left out, what
// is in the future counts for the present.
func (r *ring) add(at int64, requests, bad uint64) {
	slot := min(at/r.length, r.head)
	if !r.has(slot) {
		return
	}
	c := r.cell(slot)
	// A cell holds four billion, and the sums hold what the cells do.
	requests = min(requests, uint64(math.MaxUint32-c.requests))
	bad = min(bad, uint64(math.MaxUint32-c.bad))
	c.requests += uint32(requests) // #nosec G115 -- bounded above
	c.bad += uint32(bad)           // #nosec G115 -- bounded above
	for i := range r.sums {
		if s := &r.sums[i]; slot > r.head-s.slots {
			s.requests += requests
			s.bad += bad
		}
	}
}

// spread counts what came evenly over a stretch of seconds, slot by slot. No
// request is lost to rounding.
func (r *ring) spread(from, length int64, requests, bad uint64) {
	n := max(length/r.length, 1)
	for i := range n {
		share := func(of uint64) uint64 {
			return of*uint64(i+1)/uint64(n) - of*uint64(i)/uint64(n) // #nosec G115 -- i and n are positive
		}
		r.add(from+i*r.length, share(requests), share(bad))
	}
}

// at returns the counts of a slot, none when it is not kept.
func (r *ring) at(slot int64) pair {
	if !r.has(slot) {
		return pair{}
	}
	return *r.cell(slot)
}
