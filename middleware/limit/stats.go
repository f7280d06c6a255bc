package limit

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// PolicyStats is what a policy has done since its limiter was made. Counts only
// grow.
type PolicyStats struct {
	Name      string
	Mode      Mode
	Allowed   uint64             // let in at once
	Delayed   uint64             // let in after waiting, those that went away included
	Cancelled uint64             // of Delayed: went away while waiting
	Rejected  [numReasons]uint64 // by Reason
	Shadowed  uint64             // would have been rejected or delayed, was let in
	Exempt    uint64
	Tested    [2]uint64 // by the Test rate: let in, refused
	Degraded  uint64    // decided without the shared store
	Waiting   int64     // now
	InUse     int64     // requests that run now; only counted for policies with InUse or Adapt
	Bound     int64     // of Adapt now, the lowest of its upstreams; 0: not adaptive
}

// RejectedAll is the sum of Rejected.
func (s *PolicyStats) RejectedAll() (n uint64) {
	for _, r := range s.Rejected {
		n += r
	}
	return n
}

// Stats is how a limiter stands.
type Stats struct {
	Keys, Capacity           int    // keys in debt in the table of rates, and how many it can hold
	Evicted                  uint64 // keys that were forgotten since the table was full
	QuotaKeys, QuotaCapacity int
	QuotaEvicted             uint64
	QuotaLost                uint64 // counts that could not be stored
	Waiting, MaxWaiting      int64
	Bytes                    int64 // memory of both tables
}

// Waiter is one request that is throttled now.
type Waiter struct {
	Policy string
	Key    string    // who waits: "203.0.113.7", "sub:4711"; values of headers and cookies only as a hash
	Since  time.Time // wall clock
	Until  time.Time // when it is let in
}

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
