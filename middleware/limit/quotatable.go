package limit

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// quotaTable has what the keys have used of their quotas, in a fixed piece of
// memory. When the bucket of a key is full of counters, a counter whose window
// has ended is used again, else the one that has counted least.
//
// What is stored runs ahead of what is used by a block of one percent of the
// quota: after a kill a key has used up to a block too much, and too little only
// by what came while the store was being written.
type quotaTable struct {
	hash    *hasher
	buckets []quotaBucket
	stripes [64]quotaStripe
	evicted atomic.Uint64
	lost    atomic.Uint64
	stored  bool // whether there is a store
	dirty   chan struct{}

	names *bookNames

	mu       sync.Mutex
	orphaned []QuotaCount // of evicted counters, not stored yet
}

type quotaStripe struct {
	sync.Mutex
	dirty bool
	_     [48]byte
}

const (
	quotasPerBucket  = 8
	bytesPerQuota    = 32
	maxOrphans       = 10_000
	maxQuotaBlock    = 1000
	quotaFlushEvery  = 50 * time.Millisecond // shortest time between two writes
	quotaFlushAtOnce = 5_000                 // most deltas of one write
)

type quotaBucket [quotasPerBucket]quotaCounter

type quotaCounter struct {
	key    uint64
	used   int64
	saved  int64  // what the store has
	minute uint32 // when the window began, in minutes since the epoch
	policy uint16 // index of the policy's name
	period Period // 0: the place is empty
	block  uint8  // log₂ of the block + 1; 0: no block
}

func newQuotaTable(bytes int, h *hasher, names *bookNames, stored bool) *quotaTable {
	return &quotaTable{
		hash:    h,
		buckets: make([]quotaBucket, max(bytes/(bytesPerQuota*quotasPerBucket), 1)),
		stored:  stored,
		names:   names,
		dirty:   make(chan struct{}, 1),
	}
}

// quotaMove asks to count by against a quota.
type quotaMove struct {
	policy uint16
	quota  Quota
	start  int64 // of the window, Unix seconds
	by     int64 // negative gives back
	force  bool  // count it over the limit, too
	most   int64 // of the quota, or of the share of it
}

// key is under which a quota of a policy's key is counted.
func (t *quotaTable) key(key uint64, p Period) uint64 {
	return max(t.hash.words(key, uint64(p)), 1)
}

func (t *quotaTable) bucket(key uint64) (*quotaBucket, *quotaStripe) {
	i, _ := bits.Mul64(key, uint64(len(t.buckets)))
	return &t.buckets[i], &t.stripes[i%uint64(len(t.stripes))]
}

// take counts, and returns what is used after that, or is used when it refuses.
func (t *quotaTable) take(key uint64, m *quotaMove) (used int64, ok bool) {
	b, s := t.bucket(key)
	s.Lock()
	defer s.Unlock()
	c := b.find(key)
	minute := uint32(m.start / 60) //nolint:gosec // until the year 10135
	if c != nil && c.minute < minute {
		c.minute, c.used, c.saved = minute, 0, 0 // what was not saved of a window that has ended helps nobody
	}
	if c != nil && c.minute > minute {
		// The clock went back. Over the end of a window the counter stays where it
		// is; from further ahead it comes back, or it would count until that time.
		if _, end := m.quota.Period.window(m.start); c.start() > end {
			c.minute, c.saved = minute, 0
		}
	}
	if c != nil {
		used = c.used
	}
	switch {
	case m.by == 0:
		return used, used < m.most
	case m.by < 0:
		if c != nil && c.minute == minute {
			c.used = max(c.used+m.by, 0)
			used = c.used
		}
		return used, true
	case !m.force && (m.by > m.most || used > m.most-m.by):
		return used, false
	}
	if c == nil {
		c = t.claim(b, m.start)
		*c = quotaCounter{key: key, minute: minute, policy: m.policy, period: m.quota.Period}
	}
	c.used = min(c.used, maxQuota-min(m.by, maxQuota)) + min(m.by, maxQuota)
	c.block = blockOf(m.quota.Count)
	if t.stored && c.used > c.saved {
		s.dirty = true
		select {
		case t.dirty <- struct{}{}:
		default:
		}
	}
	return c.used, true
}

// maxQuota is the largest quota, of the integers that fields can have (RFC 9651,
// section 3.3.1).
const maxQuota = 999_999_999_999_999

func (b *quotaBucket) find(key uint64) *quotaCounter {
	for i := range b {
		if b[i].key == key {
			return &b[i]
		}
	}
	return nil
}

// claim returns the counter of the bucket that is missed least.
func (t *quotaTable) claim(b *quotaBucket, unix int64) *quotaCounter {
	least := &b[0]
	for i := range b {
		c := &b[i]
		if c.period == 0 || c.end() <= unix {
			return c
		}
		if c.used < least.used {
			least = c
		}
	}
	t.evicted.Add(1)
	if t.stored && least.used != least.saved {
		t.mu.Lock()
		if len(t.orphaned) < maxOrphans {
			t.orphaned = append(t.orphaned, t.delta(least, least.used-least.saved))
		} else {
			t.lost.Add(1)
		}
		t.mu.Unlock()
	}
	return least
}

func (c *quotaCounter) start() int64 { return int64(c.minute) * 60 }

func (c *quotaCounter) end() int64 {
	_, end := c.period.window(c.start())
	return end
}

func (t *quotaTable) delta(c *quotaCounter, count int64) QuotaCount {
	return QuotaCount{
		Policy: t.names.name(c.policy), Key: c.key, Period: c.period,
		Start: time.Unix(c.start(), 0).UTC(), End: time.Unix(c.end(), 0).UTC(), Count: count,
	}
}

// held is how many counters count in a window that has not ended.
func (t *quotaTable) held(unix int64) (n int) {
	for i := range t.buckets {
		b, s := &t.buckets[i], &t.stripes[i%len(t.stripes)]
		s.Lock()
		for j := range b {
			if b[j].period != 0 && b[j].end() > unix {
				n++
			}
		}
		s.Unlock()
	}
	return n
}

func (t *quotaTable) capacity() int { return len(t.buckets) * quotasPerBucket }
