package traffic

import (
	"slices"
	"sync"
	"sync/atomic"

	"lapwing.dev/lapwing/middleware/observe"
)

// Of the requests of each second, so many are kept to be looked at.
const (
	ordinarySample = 5
	notableSample  = 10  // failed, delayed or refused
	recentKept     = 500 // over all
)

// Request is one request of the sample.
type Request struct {
	ID uint64 // grows by one with each
	observe.Exchange
}

// recent is a sample of the last requests: the first ones of each second, and
// more of those that somebody would look for.
type recent struct {
	ordinary, notable atomic.Int32 // how many may still be taken in this second

	mu   sync.Mutex
	ring []Request // ring[id % recentKept] has id
	next uint64    // ids begin at 1
}

func newRecent() *recent {
	r := &recent{next: 1}
	r.refill()
	return r
}

// refill begins a new second.
func (r *recent) refill() {
	r.ordinary.Store(ordinarySample)
	r.notable.Store(notableSample)
}

func (r *recent) observe(e *observe.Exchange, ordinary bool) {
	left := &r.notable
	if ordinary {
		left = &r.ordinary
	}
	if left.Load() <= 0 || left.Add(-1) < 0 {
		return
	}
	kept := Request{Exchange: *e}
	kept.Detach() // its texts may be parts of a long message
	r.mu.Lock()
	defer r.mu.Unlock()
	kept.ID = r.next
	r.next++
	if len(r.ring) < recentKept {
		r.ring = append(r.ring, kept)
		return
	}
	r.ring[(kept.ID-1)%recentKept] = kept
}

// RequestFilter chooses requests of the sample; the zero value means all.
type RequestFilter struct {
	Client    string          // client key
	API       string          //
	Operation string          // "GET /orders/{id}"
	Verdict   observe.Verdict //
	Failed    bool            // only errors of the API
	After     uint64          // only with a greater ID
}

func (f *RequestFilter) matches(r *Request) bool {
	return (f.Client == "" || f.Client == r.ClientKey) && (f.API == "" || f.API == r.API) &&
		(f.Operation == "" || f.Operation == r.Operation) && (f.Verdict == "" || f.Verdict == r.Verdict) &&
		(!f.Failed || r.Failed())
}

// Recent returns requests of the sample, newest first, at most most of them.
func (m *Manager) Recent(f RequestFilter, most int) []Request {
	r := m.recent
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Request
	for id := r.next - 1; id > f.After && id+recentKept >= r.next && len(out) < most; id-- {
		if kept := &r.ring[(id-1)%recentKept]; f.matches(kept) {
			out = append(out, *kept)
		}
	}
	return slices.Clip(out)
}
