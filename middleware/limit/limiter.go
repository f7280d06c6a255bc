package limit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

	mu     sync.Mutex
	books  map[string]*book
	quotas atomic.Pointer[quotaTable] // nil until the first policy has a quota
}

// New returns a limiter without rules.
func New(o Options) *Limiter {
	o.Bytes = orDefault(o.Bytes, DefaultBytes)
	o.QuotaBytes = orDefault(o.QuotaBytes, DefaultQuotaBytes)
	o.MaxWaiting = orDefault(o.MaxWaiting, DefaultMaxWaiting)
	l := &Limiter{
		opts: o, hash: newHasher(o.Secret), table: newTable(o.Bytes),
		began: time.Now(), books: make(map[string]*book),
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
	return t
}

// Load reads the quotas from the QuotaStore: once, before requests come.
func (l *Limiter) Load(ctx context.Context) error {
	if l.opts.Quotas == nil {
		return nil
	}
	t := l.quotaTable()
	var full error
	now := time.Unix(l.wall(l.now()), 0).UTC()
	err := l.opts.Quotas.Load(ctx, now, func(q QuotaCount) {
		if !q.End.After(now) {
			return
		}
		index, ok := l.names.add(q.Policy)
		if !ok {
			full = errors.New("more names of policies than can be kept")
			return
		}
		t.load(index, q)
	})
	if err != nil {
		return fmt.Errorf("load quotas: %w", err)
	}
	return full
}

// Run keeps the quotas in the QuotaStore until ctx ends, and then once more. It
// returns an error only when that last time fails; before, it tries again.
// Without a QuotaStore it only waits for ctx.
func (l *Limiter) Run(ctx context.Context) error {
	if l.opts.Quotas == nil {
		<-ctx.Done()
		return nil
	}
	t := l.quotaTable()
	pause := time.NewTimer(quotaFlushEvery)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
			defer cancel()
			if err := t.flush(last, l.opts.Quotas, true); err != nil {
				return fmt.Errorf("store quotas: %w", err)
			}
			return nil
		case <-t.dirty:
		}
		wait := quotaFlushEvery
		if err := t.flush(ctx, l.opts.Quotas, false); err != nil {
			wait = quotaRetry
			select {
			case t.dirty <- struct{}{}:
			default:
			}
		}
		pause.Reset(wait)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
	}
}

const (
	lastFlush  = 5 * time.Second // for the last write of quotas
	quotaRetry = time.Second     // after a write of quotas that failed
)

// Snapshot is what the policies have done, by name.
func (l *Limiter) Snapshot() []PolicyStats {
	l.mu.Lock()
	books := make([]*book, 0, len(l.books))
	for _, b := range l.books {
		books = append(books, b)
	}
	l.mu.Unlock()
	all := make([]PolicyStats, len(books))
	for i, b := range books {
		all[i] = b.stats()
	}
	slices.SortFunc(all, func(a, b PolicyStats) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Forget drops the figures of policies that are not named. What their keys have
// used is not forgotten.
func (l *Limiter) Forget(keep []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range l.books {
		if !slices.Contains(keep, name) {
			delete(l.books, name)
		}
	}
}

// Stats is how the limiter stands. It reads the whole tables: for a scrape, not
// for a request.
func (l *Limiter) Stats() Stats {
	now := l.now()
	s := Stats{
		Keys: l.table.held(now), Capacity: l.table.capacity(), Evicted: l.table.evicted.Load(),
		Waiting: l.lines.waiting.Load(), MaxWaiting: l.lines.most,
		Bytes: int64(l.table.capacity()) * 16,
	}
	if t := l.quotas.Load(); t != nil {
		s.QuotaKeys, s.QuotaCapacity = t.held(l.wall(now)), t.capacity()
		s.QuotaEvicted, s.QuotaLost = t.evicted.Load(), t.lost.Load()
		s.Bytes += int64(t.capacity()) * bytesPerQuota
	}
	return s
}

// Waiting returns who is throttled by a policy now, at most so many, those that
// go on first before others. policy "" means all.
func (l *Limiter) Waiting(policy string, most int) []Waiter {
	now, wall := l.now(), time.Now()
	if l.opts.Now != nil {
		wall = time.Unix(0, l.epoch+now-1)
	}
	var all []Waiter
	for i := range l.lines.shards {
		all = l.lines.shards[i].list(all, policy, now, wall)
	}
	slices.SortFunc(all, func(a, b Waiter) int {
		return cmp.Or(a.Until.Compare(b.Until), strings.Compare(a.Key, b.Key))
	})
	return all[:min(len(all), max(most, 0))]
}
