package redis

import (
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/middleware/limit"
)

// A lease is tokens of a busy key that were taken from the store ahead of need.
// They are charged already, so a lease never makes tokens; it can only move
// them: what is let in within a time exceeds the limit by what is held at its
// beginning, at most.

const (
	leaseTime    = 50 * time.Millisecond  // for which a lease should last at the limit's rate
	leaseIdle    = 150 * time.Millisecond // after which an unused lease is given back
	leaseSweep   = 50 * time.Millisecond
	leaseShards  = 64
	shardLeases  = 256                    // most leases of one shard
	seenPlaces   = 8192                   // keys of which it is known that they were asked for just now
	seenWithin   = leaseTime              // two takes within it make a key busy
	longestDeny  = 100 * time.Millisecond // for which a refusal is remembered: another server may give tokens back
	fewestTokens = 2                      // a lease of fewer is none
)

// leases are all leases of this server. All methods work on nil: no leases.
type leases struct {
	start   time.Time
	shards  [leaseShards]shard
	seen    [seenPlaces]atomic.Uint64 // fingerprint and time of the last take
	refills chan name
}

type shard struct {
	mu     sync.Mutex
	leases map[name]*lease
}

type lease struct {
	take      limit.Take // of one token; has the rate
	tokens    int64
	size      int64 // tokens to have at once
	remaining int64 // in the store, when it was last asked
	reset     time.Duration
	used      int64 // when, ns since start
	refilling bool

	deniedCost  int64 // takes of this many or more are refused …
	deniedUntil int64 // … until then, ns since start; 0: not known
	denied      int64 // when they may be let in
}

func newLeases() *leases {
	l := &leases{start: time.Now(), refills: make(chan name, 1024)}
	for i := range l.shards {
		l.shards[i].leases = map[name]*lease{}
	}
	return l
}

// now is the time in nanoseconds since the start; never 0.
func (l *leases) now() int64 {
	if l == nil {
		return 0
	}
	return int64(time.Since(l.start)) | 1
}

func (l *leases) shard(key uint64) *shard { return &l.shards[key%leaseShards] }

// local answers the takes that it can from leases and returns which: bit i for
// takes[i]. When one that is enforced is refused by what is known here, it is
// either all of them or, with nothing changed, none.
func (l *leases) local(takes []limit.Take, now int64) (answered uint64) {
	if l == nil {
		return 0
	}
	refused := false
	for i := range takes {
		ok, no := l.decide(&takes[i], now)
		if ok {
			answered |= 1 << i
		}
		refused = refused || no && takes[i].Enforced
	}
	if !refused {
		return answered
	}
	l.undo(takes, answered)
	if answered == all(len(takes)) {
		return answered
	}
	return 0
}

// all has a bit for each of n takes.
func all(n int) uint64 { return 1<<n - 1 }

// decide answers one take from its lease, if it can.
func (l *leases) decide(t *limit.Take, now int64) (ok, refused bool) {
	if t.Kind != limit.KindRate || t.Cost <= 0 {
		return false, false
	}
	s := l.shard(t.Key)
	s.mu.Lock()
	defer s.mu.Unlock()
	le := s.leases[nameOf(t)]
	if le == nil || le.take.Rate != t.Rate {
		return false, false
	}
	le.used = now
	switch {
	case le.tokens >= t.Cost:
		le.tokens -= t.Cost
		t.Outcome = limit.Outcome{Allowed: true, Remaining: le.tokens + le.remaining, Reset: le.reset}
		if !le.refilling && le.tokens <= le.size/2 {
			select {
			case l.refills <- nameOf(t):
				le.refilling = true
			default: // the next take tries again
			}
		}
		return true, false
	case now < le.deniedUntil && t.Cost >= le.deniedCost:
		t.Outcome = limit.Outcome{Remaining: le.remaining, Reset: le.reset, RetryAfter: time.Duration(le.denied - now)}
		return true, true
	}
	return false, false
}

// undo gives back what decide took for the takes in answered.
func (l *leases) undo(takes []limit.Take, answered uint64) {
	for i := range takes {
		t := &takes[i]
		if answered&(1<<i) == 0 || !t.Outcome.Allowed {
			continue
		}
		s := l.shard(t.Key)
		s.mu.Lock()
		if le := s.leases[nameOf(t)]; le != nil {
			le.tokens += t.Cost
		} // else it was given back meanwhile, and these few tokens are lost
		s.mu.Unlock()
	}
}

// wanted is how many tokens to take from the store with a take: 0 unless its
// key is busy.
func (l *leases) wanted(t *limit.Take, now, nodes int64) int64 {
	if l == nil || t.Kind != limit.KindRate || t.Cost <= 0 || !l.busy(t, now) {
		return 0
	}
	if size := leaseSize(t.Rate, nodes); size >= fewestTokens {
		return size
	}
	return 0
}

// leaseSize is how many tokens a lease of a rate has: what the rate gives in
// leaseTime, and a part of the burst that leaves as much to the other servers.
func leaseSize(r limit.RateSpec, nodes int64) int64 {
	perLease := float64(r.Rate.Count) * float64(leaseTime) / float64(r.Rate.Period)
	return max(1, min(int64(perLease), r.Burst/(2*max(nodes, 1))))
}

// busy notes a take and reports whether there was another just before.
func (l *leases) busy(t *limit.Take, now int64) bool {
	const timeBits = 24 // milliseconds: four hours until it repeats
	mark := t.Key
	for i := range len(t.Policy) {
		mark = (mark ^ uint64(t.Policy[i])) * 1099511628211
	}
	place := &l.seen[mark%seenPlaces]
	ms := uint64(now/1e6) & (1<<timeBits - 1) //nolint:gosec // now is positive
	before := place.Swap(mark&^(1<<timeBits-1) | ms)
	return before>>timeBits == mark>>timeBits && (ms-before)&(1<<timeBits-1) <= uint64(seenWithin/time.Millisecond)
}

// grant keeps tokens that were taken ahead.
func (l *leases) grant(t *limit.Take, tokens, want int64, v *verdict, now int64) {
	if l == nil || want == 0 {
		return
	}
	s := l.shard(t.Key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if le := s.lease(t, now); le != nil {
		le.tokens += max(tokens, 0)
		le.size = want
		le.remaining, le.reset = v.remaining, v.reset
		le.deniedUntil = 0
	}
}

// deny remembers that a busy key was refused, so that somebody who asks again
// and again costs the store little.
func (l *leases) deny(t *limit.Take, retry time.Duration, v *verdict, now int64) {
	if l == nil || retry <= 0 {
		return
	}
	s := l.shard(t.Key)
	s.mu.Lock()
	defer s.mu.Unlock()
	le := s.leases[nameOf(t)]
	if le == nil {
		if le = s.lease(t, now); le == nil {
			return
		}
	}
	le.remaining, le.reset = v.remaining, v.reset
	le.deniedCost, le.denied = t.Cost, now+int64(retry)
	le.deniedUntil = now + int64(min(retry, longestDeny))
}

// forgive forgets a refusal, since tokens come back.
func (l *leases) forgive(t *limit.Take) {
	if l == nil || t.Kind != limit.KindRate {
		return
	}
	s := l.shard(t.Key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if le := s.leases[nameOf(t)]; le != nil {
		le.deniedUntil = 0
	}
}

// lease returns the lease of a take, which may be new; nil when there are too
// many. A limit that changed begins anew. The caller holds mu.
func (s *shard) lease(t *limit.Take, now int64) *lease {
	n := nameOf(t)
	le := s.leases[n]
	switch {
	case le == nil && len(s.leases) >= shardLeases:
		return nil
	case le == nil:
		le = &lease{take: *t, used: now}
		s.leases[n] = le
	case le.take.Rate != t.Rate:
		le.take.Rate, le.deniedUntil = t.Rate, 0
	}
	return le
}

// refill returns the take that fills a lease up again; false when it is gone.
func (l *leases) refill(n name) (t limit.Take, want int64, ok bool) {
	s := l.shard(n.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	le := s.leases[n]
	if le == nil {
		return limit.Take{}, 0, false
	}
	t = le.take
	t.Cost, t.Enforced = 1, false
	t.Rate.Ahead = 0 // tokens that do not exist yet are no use
	return t, le.size, true
}

// refilled ends a refill: v is nil when it failed.
func (l *leases) refilled(n name, v *verdict, now int64) {
	s := l.shard(n.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	le := s.leases[n]
	if le == nil {
		return
	}
	le.refilling = false
	if v == nil {
		return
	}
	le.remaining, le.reset = v.remaining, v.reset
	switch {
	case v.allowed:
		le.tokens += v.taken
		le.deniedUntil = 0
	case v.wait > 0 && le.take.Rate.Ahead == 0:
		le.deniedCost, le.denied = le.tokens+1, now+int64(v.wait)
		le.deniedUntil = now + int64(min(v.wait, longestDeny))
	}
}

// unused takes out the leases that nobody has used for idle and returns takes
// that give their tokens back.
func (l *leases) unused(now int64, idle time.Duration) []limit.Take {
	var back []limit.Take
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		for n, le := range s.leases {
			if now-le.used < int64(idle) || le.refilling && idle > 0 {
				continue
			}
			if le.tokens > 0 {
				t := le.take
				t.Cost = -le.tokens
				back = append(back, t)
			}
			delete(s.leases, n)
		}
		s.mu.Unlock()
	}
	return back
}

// figures are how many leases there are and the tokens in them.
func (l *leases) figures() (n int, tokens int64) {
	if l == nil {
		return 0, 0
	}
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		n += len(s.leases)
		for _, le := range s.leases {
			tokens += le.tokens
		}
		s.mu.Unlock()
	}
	return n, tokens
}
