package limit

import (
	"context"
	"math/bits"
)

// blockOf is the logarithm of how far the store runs ahead, plus one.
func blockOf(quota int64) uint8 {
	block := uint64(min(quota/100, maxQuotaBlock)) //nolint:gosec // not negative
	return uint8(bits.Len64(block))                //nolint:gosec // at most 10
}

// ahead is what the store shall have for the counter.
func (c *quotaCounter) ahead() int64 {
	if c.block == 0 {
		return c.used
	}
	return c.used + 1<<(c.block-1)
}

// load puts in what a store has.
func (t *quotaTable) load(policy uint16, q QuotaCount) {
	if q.Key == 0 || q.Count <= 0 || q.Period == 0 || int(q.Period) >= len(periods) {
		return
	}
	start, _ := q.Period.window(q.Start.Unix())
	count := min(q.Count, maxQuota)
	b, s := t.bucket(q.Key)
	s.Lock()
	defer s.Unlock()
	c := b.find(q.Key)
	if c == nil {
		c = t.claim(b, start)
		*c = quotaCounter{key: q.Key, policy: policy, period: q.Period, minute: uint32(start / 60)} //nolint:gosec // see take
	}
	if c.start() == start {
		c.used, c.saved = c.used+count, c.saved+count
	}
}

// flush writes what has changed since it was written, ahead by a block or, at
// the end, as it is.
func (t *quotaTable) flush(ctx context.Context, store QuotaStore, last bool) error {
	t.mu.Lock()
	deltas := t.orphaned
	t.orphaned = nil
	t.mu.Unlock()
	orphans := len(deltas)
	for s := range t.stripes {
		deltas = t.collect(deltas, s, last)
	}
	for begin := 0; begin < len(deltas); {
		end := min(begin+quotaFlushAtOnce, len(deltas))
		if err := store.Add(ctx, deltas[begin:end]); err != nil {
			t.unwritten(deltas[begin:], max(orphans-begin, 0))
			return err
		}
		begin = end
	}
	return nil
}

func (t *quotaTable) collect(deltas []QuotaCount, stripe int, last bool) []QuotaCount {
	s := &t.stripes[stripe]
	s.Lock()
	defer s.Unlock()
	if !s.dirty && !last {
		return deltas
	}
	s.dirty = false
	for i := stripe; i < len(t.buckets); i += len(t.stripes) {
		for j := range t.buckets[i] {
			c := &t.buckets[i][j]
			want := c.used
			if !last {
				want = c.ahead()
			}
			if c.period == 0 || want == c.saved || !last && c.used <= c.saved {
				continue
			}
			deltas = append(deltas, t.delta(c, want-c.saved))
			c.saved = want
		}
	}
	return deltas
}

// unwritten takes back that deltas were saved.
func (t *quotaTable) unwritten(deltas []QuotaCount, orphans int) {
	t.mu.Lock()
	kept := min(orphans, maxOrphans-len(t.orphaned))
	t.orphaned = append(t.orphaned, deltas[:kept]...)
	t.mu.Unlock()
	t.lost.Add(uint64(orphans - kept)) //nolint:gosec // kept is not more than orphans
	for _, d := range deltas[orphans:] {
		b, s := t.bucket(d.Key)
		s.Lock()
		if c := b.find(d.Key); c != nil && c.start() == d.Start.Unix() {
			c.saved -= d.Count
			s.dirty = true
		}
		s.Unlock()
	}
}
