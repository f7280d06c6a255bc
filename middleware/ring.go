package middleware

import (
	"sync"

	"lapwing.dev/lapwing/middleware/observe"
)

// ring holds the exchanges that wait to be sent. What comes when it is full is
// dropped: newest first, since the beginning of a trouble tells more than its
// middle.
type ring struct {
	mu      sync.Mutex
	slots   []observe.Exchange
	head, n int
	closed  bool
	dropped uint64 // not yet told to the server
	lost    uint64 // in all
	full    int    // how many make a batch
	wake    chan struct{}
}

func newRing(size int) *ring {
	return &ring{slots: make([]observe.Exchange, size), full: min(size/2, batchCount), wake: make(chan struct{}, 1)}
}

// push copies the exchange in. It never waits longer than for another copy.
func (r *ring) push(e *observe.Exchange) {
	r.mu.Lock()
	if r.closed || r.n == len(r.slots) {
		r.dropped++
		r.lost++
		r.mu.Unlock()
		return
	}
	r.slots[(r.head+r.n)%len(r.slots)] = *e
	r.n++
	wake := r.n == r.full
	r.mu.Unlock()
	if wake {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// pop takes the oldest out.
func (r *ring) pop(e *observe.Exchange) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == 0 {
		return false
	}
	slot := &r.slots[r.head]
	*e, *slot = *slot, observe.Exchange{} // the texts are not held any longer
	r.head = (r.head + 1) % len(r.slots)
	r.n--
	return true
}

// drop counts exchanges that were taken out and could not be sent.
func (r *ring) drop(n uint64) {
	r.mu.Lock()
	r.dropped += n
	r.lost += n
	r.mu.Unlock()
}

// told takes n off the drops that the server does not know of.
func (r *ring) told(n uint64) {
	r.mu.Lock()
	r.dropped -= n
	r.mu.Unlock()
}

// untold is how many drops the server does not know of.
func (r *ring) untold() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}

// close drops what is left, and whatever comes.
func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.lost += uint64(r.n) //nolint:gosec // not negative
	r.n, r.slots = 0, nil
}

// figures are how many wait and how many were lost.
func (r *ring) figures() (waiting int, lost uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n, r.lost
}
