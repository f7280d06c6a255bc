package upstream

import (
	"sync"
	"sync/atomic"
	"time"
)

// breaker answers for a pool that fails as a whole.
//
//	          share of failures in the window
//	closed ──────────────────────────────────► open
//	  ▲ ▲                                       │ after Config.Open
//	  │ └── Trials good exchanges ── trying ◄───┘
//	  │                                │
//	  └ (configured away)              └─ one failure ──► open
//
// While it tries, as many exchanges as are still needed to close it are let
// through, and no more.
type breaker struct {
	on atomic.Bool // false: everything below is unused

	mu     sync.Mutex
	cfg    Breaker
	state  breakerState
	until  time.Duration // open until then
	slots  [breakerSlots]breakerSlot
	trials int // let through since it tries, and not failed
	good   int
}

type breakerState uint8

const (
	breakerClosed breakerState = iota
	breakerOpen
	breakerTrying
)

func (s breakerState) String() string { return [...]string{"closed", "open", "trying"}[s] }

// breakerSlots is how many parts the window has.
const breakerSlots = 10

type breakerSlot struct {
	at          int64 // number of the part since the epoch
	all, failed int
}

func (b *breaker) configure(c *Breaker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.Window != b.cfg.Window {
		b.slots = [breakerSlots]breakerSlot{}
	}
	b.cfg = *c
	if c.Share <= 0 {
		b.state = breakerClosed
	}
	b.on.Store(c.Share > 0)
}

// allow asks to begin an exchange; when it may not, wait says how long the
// breaker stays open. Who is allowed MUST call record.
func (b *breaker) allow(now time.Duration) (wait time.Duration, ok bool) {
	if !b.on.Load() {
		return 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == breakerOpen {
		if now < b.until {
			return b.until - now, false
		}
		b.state, b.trials, b.good = breakerTrying, 0, 0
	}
	if b.state == breakerTrying {
		if b.trials >= b.cfg.Trials {
			return b.cfg.Open, false
		}
		b.trials++
	}
	return 0, true
}

// verdict is what an exchange says of a server and its pool.
type verdict uint8

const (
	good   verdict = iota
	erred          // the application failed: 5xx, which says nothing of the server's health
	poor           // the server answered that it cannot serve: 502, 503, 504
	failed         // no answer, or half of one
	void           // says nothing: the client left, or it was never sent
)

// record tells how an allowed exchange went: well, badly or neither.
func (b *breaker) record(v verdict, now time.Duration) {
	if !b.on.Load() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == breakerTrying {
		switch v {
		case good:
			if b.good++; b.good >= b.cfg.Trials {
				b.state, b.slots = breakerClosed, [breakerSlots]breakerSlot{}
			}
		case void:
			b.trials = max(b.trials-1, 0)
		default:
			b.open(now)
		}
		return
	}
	if v == void || b.state == breakerOpen {
		return
	}
	part := max(b.cfg.Window/breakerSlots, time.Millisecond)
	at := int64(now / part)
	slot := &b.slots[at%breakerSlots]
	if slot.at != at {
		*slot = breakerSlot{at: at}
	}
	slot.all++
	if v != good {
		slot.failed++
	}
	var all, failures int
	for i := range b.slots {
		if s := &b.slots[i]; s.at > at-breakerSlots {
			all, failures = all+s.all, failures+s.failed
		}
	}
	if v != good && all >= b.cfg.Least && float64(failures) >= b.cfg.Share*float64(all) {
		b.open(now)
	}
}

func (b *breaker) open(now time.Duration) {
	b.state, b.until = breakerOpen, now+b.cfg.Open
}

func (b *breaker) current(now time.Duration) (state breakerState, left time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state, max(b.until-now, 0)
}
