package limit

import (
	"sync"
	"sync/atomic"
)

// book is what a limiter keeps for a policy's name, whatever the rules say.
type book struct {
	name    string
	index   uint16
	stripes [countStripes]stripe // of counters, by decision, so that processors do not share them
	waiting atomic.Int64
	running atomic.Int64
	mode    atomic.Uint32 // of the rules that were compiled last

	mu       sync.Mutex
	adaptive map[string]*adaptive // by upstream
}

// The counters of a stripe. The rejections come last, at countRejected + Reason.
const (
	countAllowed = iota
	countDelayed
	countCancelled
	countShadowed
	countExempt
	countTestAllowed
	countTestRefused
	countDegraded
	countRejected
	counters = countRejected + int(numReasons)
)

type stripe struct {
	n [counters]atomic.Uint64
	_ [(64 - counters*8%64) % 64]byte
}

func (b *book) count(stripe uint32, counter int) {
	b.stripes[stripe%countStripes].n[counter].Add(1)
}

const countStripes = 8

// stripes hands every decision a place of its own to count at, which it keeps
// when it is used again: callers keep decisions by processor (sync.Pool), so one
// hot key has the processors share the word of its TAT and nothing else.
type stripes struct {
	_    [64]byte
	last atomic.Uint32
	_    [60]byte
}

func (s *stripes) next() uint32 { return s.last.Add(1)%countStripes + 1 }

func (b *book) sum(counter int) (n uint64) {
	for i := range b.stripes {
		n += b.stripes[i].n[counter].Load()
	}
	return n
}

// adapt returns the adaptive bound for an upstream.
func (b *book) adapt(upstream string, conf Adapt) *adaptive {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.adaptive[upstream]; a != nil {
		a.configure(conf)
		return a
	}
	if b.adaptive == nil {
		b.adaptive = make(map[string]*adaptive)
	}
	a := newAdaptive(conf)
	b.adaptive[upstream] = a
	return a
}

// stats is what the book says now.
func (b *book) stats() PolicyStats {
	s := PolicyStats{
		Name: b.name, Mode: Mode(b.mode.Load()), //nolint:gosec // it was a Mode
		Allowed: b.sum(countAllowed), Delayed: b.sum(countDelayed), Cancelled: b.sum(countCancelled),
		Shadowed: b.sum(countShadowed), Exempt: b.sum(countExempt), Degraded: b.sum(countDegraded),
		Tested:  [2]uint64{b.sum(countTestAllowed), b.sum(countTestRefused)},
		Waiting: b.waiting.Load(), InUse: b.running.Load(),
	}
	for r := range s.Rejected {
		s.Rejected[r] = b.sum(countRejected + r)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.adaptive {
		if bound := a.bound.Load(); s.Bound == 0 || bound < s.Bound {
			s.Bound = bound
		}
	}
	return s
}

// bookNames gives names to the small numbers that stand for them.
type bookNames struct {
	mu    sync.RWMutex
	names []string
}

func (n *bookNames) name(i uint16) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.names[i]
}

// maxNames is how many different names of policies a limiter can have had.
const maxNames = 1 << 16

// add returns the number of a name; false when there are too many.
func (n *bookNames) add(name string) (uint16, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, known := range n.names {
		if known == name {
			return uint16(i), true
		}
	}
	if len(n.names) >= maxNames {
		return 0, false
	}
	n.names = append(n.names, name)
	return uint16(len(n.names) - 1), true //nolint:gosec // below maxNames
}
