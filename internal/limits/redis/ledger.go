package redis

import (
	"sync"

	"lapwing.dev/lapwing/middleware/limit"
)

// mostEntries bounds the ledger. What does not fit is not told to the store.
const mostEntries = 16384

// name is what makes two takes the same counter.
type name struct {
	policy string
	kind   limit.Kind
	test   bool
	period limit.Period
	key    uint64
	start  int64 // of the window
}

func nameOf(t *limit.Take) name {
	n := name{policy: t.Policy, kind: t.Kind, key: t.Key, test: t.Test}
	if t.Kind == limit.KindQuota {
		n.period, n.start = t.Quota.Period, t.Window[0]
	}
	return n
}

// ledger has what is yet to be told to the store: sums by counter, so that it
// stays small however long the store is away.
type ledger struct {
	mu      sync.Mutex
	entries map[name]limit.Take    // Cost is the sum
	telling map[name]chan struct{} // requests in work whose end the store is being told; closed when it was
	full    chan struct{}          // told that there is something in it
	lost    int64
}

func newLedger() *ledger {
	return &ledger{entries: map[name]limit.Take{}, telling: map[name]chan struct{}{}, full: make(chan struct{}, 1)}
}

// add notes that a counter has used cost more; less when it is negative.
func (l *ledger) add(t *limit.Take, cost int64) {
	if cost == 0 {
		return
	}
	n := nameOf(t)
	l.mu.Lock()
	defer l.mu.Unlock()
	entry, known := l.entries[n]
	switch {
	case !known && len(l.entries) >= mostEntries:
		l.lost++
		return
	case !known:
		entry = *t
		entry.Cost = 0
	}
	if entry.Cost += cost; entry.Cost == 0 {
		delete(l.entries, n)
		return
	}
	l.entries[n] = entry
	select {
	case l.full <- struct{}{}:
	default:
	}
}

// draw takes up to most entries out. told must be called with them once the
// store knows, or did not answer.
func (l *ledger) draw(most int) []limit.Take {
	l.mu.Lock()
	defer l.mu.Unlock()
	takes := make([]limit.Take, 0, min(most, len(l.entries)))
	for n, t := range l.entries {
		if len(takes) == most {
			break
		}
		takes = append(takes, t)
		delete(l.entries, n)
		if n.kind == limit.KindInUse {
			l.telling[n] = make(chan struct{})
		}
	}
	return takes
}

// told ends what draw began.
func (l *ledger) told(takes []limit.Take) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range takes {
		n := nameOf(&takes[i])
		if done := l.telling[n]; done != nil {
			close(done)
			delete(l.telling, n)
		}
	}
}

// ended takes out how many requests of a counter have ended. When the store is
// being told of others, wait is closed once it knows.
func (l *ledger) ended(t *limit.Take) (n int64, wait <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.takeEnded(nameOf(t)), l.telling[nameOf(t)]
}

func (l *ledger) takeEnded(n name) int64 {
	entry, known := l.entries[n]
	if !known || entry.Cost >= 0 {
		return 0
	}
	delete(l.entries, n)
	return -entry.Cost
}

// restore puts back what could not be told.
func (l *ledger) restore(takes []limit.Take) {
	for i := range takes {
		l.add(&takes[i], takes[i].Cost)
	}
}

// drop forgets one entry.
func (l *ledger) drop(n name) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.entries, n)
}

func (l *ledger) figures() (entries int, lost int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.entries), l.lost
}

// work counts the requests that this server has in work, as far as the store
// was told of them. It is never larger than their number.
type work struct {
	mu       sync.Mutex
	takes    map[name]limit.Take // Cost is how many
	doubtful map[name]limit.Take // the store may count too many of these
}

func newWork() *work {
	return &work{takes: map[name]limit.Take{}, doubtful: map[name]limit.Take{}}
}

// begin notes that the store lets a request in.
func (w *work) begin(t *limit.Take) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.add(t, t.Cost)
}

// end notes in the ledger, too, that one has ended: both at once, so that a
// snapshot never has one without the other.
func (w *work) end(t *limit.Take, l *ledger) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.add(t, -1)
	l.add(t, -1)
}

func (w *work) add(t *limit.Take, n int64) {
	key := nameOf(t)
	entry, known := w.takes[key]
	if !known {
		entry = *t
		entry.Cost = 0
	}
	if entry.Cost += n; entry.Cost <= 0 {
		delete(w.takes, key)
		return
	}
	w.takes[key] = entry
}

// doubt notes that the store may count a request that is not in work.
func (w *work) doubt(t *limit.Take) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.doubtful) < mostEntries {
		entry := *t
		entry.Cost = 0
		w.doubtful[nameOf(t)] = entry
	}
}

// snapshot returns how many requests each counter has in work, or only the
// doubtful ones, and takes out of the ledger what that includes.
func (w *work) snapshot(l *ledger, all bool) []limit.Take {
	w.mu.Lock()
	defer w.mu.Unlock()
	var takes []limit.Take
	for n, t := range w.doubtful {
		if present, known := w.takes[n]; known {
			t = present
		}
		takes = append(takes, t)
		l.drop(n)
	}
	if all {
		for n, t := range w.takes {
			if _, doubtful := w.doubtful[n]; !doubtful {
				takes = append(takes, t)
				l.drop(n)
			}
		}
	}
	clear(w.doubtful)
	return takes
}
