package limit

import (
	"math"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
)

// table has one theoretical arrival time (TAT) a key, in nanoseconds since the
// limiter began, in a fixed piece of memory without pointers. A key is its
// 64-bit keyed hash: its text is not kept, and who does not know the key of the
// hash cannot aim at a bucket.
//
// A TAT that is not in the future means that the key owes nothing, which is the
// same as not being there. So nothing sweeps the table: a slot is free by
// itself as time goes on.
//
// A key that has a slot is charged with one compare-and-swap of its TAT. To get
// a slot a key takes a lock, so that two goroutines cannot give it two slots;
// the slot is then taken over in three steps — TAT to claimed, the new key, the
// new TAT — which makes every charge fail that meant the key before: it has
// read its TAT before it saw the key, and that TAT does not come back, since a
// new one is in the future and the old one is not.
type table struct {
	buckets []bucket
	locks   [256]paddedMutex
	evicted atomic.Uint64
}

const slotsPerBucket = 8

// bucket is two cache lines: a look for a key reads the first.
type bucket struct {
	keys [slotsPerBucket]atomic.Uint64
	tats [slotsPerBucket]atomic.Int64
}

type paddedMutex struct {
	sync.Mutex
	_ [56]byte
}

const (
	bytesPerBucket = slotsPerBucket * 16
	// claimed is the TAT of a slot that changes its key just now.
	claimed = math.MinInt64
)

// newTable returns a table of no more than so many bytes, but of one bucket at
// least.
func newTable(bytes int) *table {
	return &table{buckets: make([]bucket, max(bytes/bytesPerBucket, 1))}
}

// first is where a key belongs, second where it goes when first is full.
func (t *table) first(key uint64) *bucket {
	i, _ := bits.Mul64(key, uint64(len(t.buckets)))
	return &t.buckets[i]
}

func (t *table) second(key uint64) *bucket {
	return t.first(bits.RotateLeft64(key, 32) * 0x9e3779b97f4a7c15)
}

func (b *bucket) find(key uint64) int {
	for i := range b.keys {
		if b.keys[i].Load() == key {
			return i
		}
	}
	return -1
}

// move is a change of a TAT. It returns the new TAT and whether to set it.
type move struct {
	by    int64 // how far; negative gives back
	limit int64 // furthest from now that it may go
	force bool  // go to limit rather than not at all
}

func (m move) apply(tat, now int64) (next int64, ok bool) {
	if m.by < 0 {
		return max(tat+m.by, 0), tat > now
	}
	next = max(tat, now) + m.by
	if next-now <= m.limit {
		return next, true
	}
	if m.force {
		next = max(tat, now+m.limit)
		return next, true
	}
	return next, false
}

// take moves the TAT of key and reports whether it did; next is where it is or
// would be. Moving by 0 looks only.
func (t *table) take(key uint64, now int64, m move) (next int64, ok bool) {
	b := t.first(key)
	if i := b.find(key); i >= 0 {
		if next, ok, found := b.move(i, key, now, m); found {
			return next, ok
		}
	}
	return t.takeElsewhere(key, now, m)
}

// move is take on one slot; it has not found the key when the slot has changed
// hands meanwhile.
func (b *bucket) move(i int, key uint64, now int64, m move) (next int64, ok, found bool) {
	for {
		tat := b.tats[i].Load()
		if b.keys[i].Load() != key { // after the TAT: see table
			return 0, false, false
		}
		if tat == claimed {
			runtime.Gosched()
			continue
		}
		next, ok = m.apply(tat, now)
		if !ok || m.by == 0 || b.tats[i].CompareAndSwap(tat, next) {
			return next, ok, true
		}
	}
}

// takeElsewhere is take for a key that is not in its first bucket: it is in the
// second, or nowhere and gets a slot.
func (t *table) takeElsewhere(key uint64, now int64, m move) (next int64, ok bool) {
	second := t.second(key)
	if i := second.find(key); i >= 0 {
		if next, ok, found := second.move(i, key, now, m); found {
			return next, ok
		}
	}
	if next, ok = m.apply(now, now); !ok || m.by <= 0 {
		return next, ok && m.by == 0
	}
	lock := &t.locks[key%uint64(len(t.locks))]
	lock.Lock()
	defer lock.Unlock()
	first := t.first(key)
	for _, b := range [...]*bucket{first, second} {
		if i := b.find(key); i >= 0 {
			if next, ok, found := b.move(i, key, now, m); found {
				return next, ok
			}
		}
	}
	b, i := t.claim(first, second, now)
	b.keys[i].Store(key)
	b.tats[i].Store(next)
	return next, true
}

// claim takes over a slot whose key owes nothing or, when there is none, the
// slot of the key that owes least: forgetting it gives away least.
func (t *table) claim(first, second *bucket, now int64) (*bucket, int) {
	for {
		var least *bucket
		slot, debt := 0, int64(math.MaxInt64)
		for _, b := range [...]*bucket{first, second} {
			for i := range b.tats {
				tat := b.tats[i].Load()
				if tat == claimed {
					continue
				}
				if tat <= now && b.tats[i].CompareAndSwap(tat, claimed) {
					return b, i
				}
				if tat < debt {
					least, slot, debt = b, i, tat
				}
			}
		}
		if least != nil && least.tats[slot].CompareAndSwap(debt, claimed) {
			t.evicted.Add(1)
			return least, slot
		}
		runtime.Gosched()
	}
}

// held is how many keys owe something now.
func (t *table) held(now int64) (n int) {
	for b := range t.buckets {
		for i := range t.buckets[b].tats {
			if t.buckets[b].tats[i].Load() > now {
				n++
			}
		}
	}
	return n
}

// capacity is how many keys it can hold.
func (t *table) capacity() int { return len(t.buckets) * slotsPerBucket }
