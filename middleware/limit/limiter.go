package limit

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a limiter is made with. The zero Options work.
type Options struct {
	Bytes      int // memory of the table of rates; 0 means 8 MiB, 524,288 keys. It is never exceeded
	QuotaBytes int // memory of the table of quotas, made when the first policy has one; 0 means 4 MiB, 131,072 counters
	MaxWaiting int // most throttled requests that wait here, of all keys; 0 means 10,000. One key has never more places than are still free

	// Secret keys the hash that stands for a key. Limiters that share a Counter
	// and those with Quotas need one that stays the same; zero: a new one with
	// every limiter.
	Secret [16]byte

	Counter Counter    // nil: counts in memory
	Quotas  QuotaStore // nil: quotas are in memory only

	// Now is the time in nanoseconds since the Unix epoch; nil: the system's
	// monotonic clock. It may be called from several goroutines. A step back is
	// taken as standing still. Wait goes by it, too: a clock that stands still
	// lets nobody go on.
	Now func() int64
}

// The defaults of Options.
const (
	DefaultBytes      = 8 << 20
	DefaultQuotaBytes = 4 << 20
	DefaultMaxWaiting = 10_000
)

// Limiter keeps what is counted. It has no goroutine of its own besides Run.
type Limiter struct {
	opts    Options
	hash    hasher
	table   *table
	inUse   inUse
	lines   waitlines
	stripes stripes
	names   bookNames

	began  time.Time    // of the system's clock, when opts.Now is nil
	epoch  int64        // what opts.Now said in the beginning
	latest atomic.Int64 // what it said last

	// windows are the windows of quotas that were used last, by period.
	windows [Month + 1]atomic.Pointer[[2]int64]

	mu         sync.Mutex
	books      map[string]*book
	quotas     atomic.Pointer[quotaTable] // nil until the first policy has a quota
	quotasMade chan struct{}              // closed when quotas is not nil
}

// New returns a limiter without rules.
func New(o Options) *Limiter {
	o.Bytes = orDefault(o.Bytes, DefaultBytes)
	o.QuotaBytes = orDefault(o.QuotaBytes, DefaultQuotaBytes)
	o.MaxWaiting = orDefault(o.MaxWaiting, DefaultMaxWaiting)
	l := &Limiter{
		opts: o, hash: newHasher(o.Secret), table: newTable(o.Bytes),
		began: time.Now(), books: make(map[string]*book), quotasMade: make(chan struct{}),
	}
	if o.Now != nil {
		l.epoch = o.Now()
	}
	l.lines.most = int64(o.MaxWaiting)
	l.lines.now = l.now
	return l
}

func orDefault(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// now is the time in nanoseconds since the limiter began, 1 or more, that never
// goes back.
func (l *Limiter) now() int64 {
	if l.opts.Now == nil {
		return int64(time.Since(l.began)) + 1
	}
	now := l.opts.Now() - l.epoch + 1
	for {
		latest := l.latest.Load()
		if now <= latest {
			return latest
		}
		if l.latest.CompareAndSwap(latest, now) {
			return now
		}
	}
}

// wall is the time of calendars, in Unix seconds.
func (l *Limiter) wall(now int64) int64 {
	if l.opts.Now == nil {
		return time.Now().Unix()
	}
	return (l.epoch + now - 1) / int64(time.Second)
}

// window is the window of a period that a time is in.
func (l *Limiter) window(p Period, unix int64) (start, end int64) {
	if w := l.windows[p].Load(); w != nil && w[0] <= unix && unix < w[1] {
		return w[0], w[1]
	}
	start, end = p.window(unix)
	l.windows[p].Store(&[2]int64{start, end})
	return start, end
}

// Compile makes rules of policies and tiers, in this order. Rules of the same
// limiter share what is counted for policies of the same name, so that new rules
// go on where the old ones were. At most MaxPolicies policies with MaxStates
// limits in them apply to one request. Rates of a tier for policies that are not
// among these are for other rules.
func (l *Limiter) Compile(policies []Policy, tiers []Tier) (*Rules, error) {
	plans, err := l.compile(policies, tiers)
	if err != nil {
		return nil, err
	}
	for i := range policies {
		if len(policies[i].Quota) > 0 {
			l.quotaTable()
			break
		}
	}
	return &Rules{limiter: l, plans: plans}, nil
}

// book returns what is kept for a name.
func (l *Limiter) book(name string) (*book, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.books[name]; b != nil {
		return b, nil
	}
	index, ok := l.names.add(name)
	if !ok {
		return nil, fmt.Errorf("more than %d different names of policies: restart to forget the old ones", maxNames)
	}
	b := &book{name: name, index: index}
	l.books[name] = b
	return b, nil
}

func (l *Limiter) quotaTable() *quotaTable {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.quotas.Load(); t != nil {
		return t
	}
	t := newQuotaTable(l.opts.QuotaBytes, &l.hash, &l.names, l.opts.Quotas != nil)
	l.quotas.Store(t)
	close(l.quotasMade)
	return t
}
