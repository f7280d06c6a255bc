package blocks

import (
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/clientip"
	"lapwing.dev/lapwing/middleware/observe"
)

// Bounds of the detector: shards × perShard clients are counted at a time, in 8
// MB, however many addresses there are; when more misbehave, those that did least
// are forgotten first.
const (
	shards   = 32
	perShard = 1024
	ways     = 8 // places that a client can be in
)

// detector counts what clients do that rules look at. Ordinary answers touch
// nothing of it.
type detector struct {
	rules   []Rule
	byCode  [600][]int // rules by status
	ipv6    int        // bits of what one client of IPv6 has
	seed    maphash.Seed
	shards  *[shards]shard
	evicted *atomic.Uint64
}

// shard is a part of the table, so that few wait for one another.
type shard struct {
	mu      sync.Mutex
	records []record // nil, or perShard
	held    int      // of them are in use
}

// suspect is a client under one rule; the table knows it by a keyed hash. A rule that counts in another time since a
// reload counts anew, as the parts of its windows have other numbers.
type suspect struct {
	target block.Target
	rule   string
	within units.Duration
}

// notice is a client that a rule has noticed.
type notice struct {
	rule   *Rule
	target block.Target
	count  int
	paths  int
}

func newDetector(rules []Rule, ipv6 int) *detector {
	d := &detector{ipv6: ipv6, seed: maphash.MakeSeed(), shards: new([shards]shard), evicted: new(atomic.Uint64)}
	for _, r := range rules {
		if r.Mode == modeOff {
			continue
		}
		d.rules = append(d.rules, r)
		for _, status := range r.Status {
			if !slices.Contains(d.byCode[status], len(d.rules)-1) {
				d.byCode[status] = append(d.byCode[status], len(d.rules)-1)
			}
		}
	}
	return d
}

// takeOver goes on with what another detector has counted.
func (d *detector) takeOver(old *detector) {
	d.seed, d.shards, d.evicted = old.seed, old.shards, old.evicted
}

// Observe implements observe.Sink: the rules look at the exchange. What was
// refused because of a block is none of their business.
func (m *Manager) Observe(e *observe.Exchange) {
	if e.Status < 400 || e.Status > 599 || e.Verdict == observe.Blocked {
		return
	}
	d := m.detector.Load()
	for _, i := range d.byCode[e.Status] {
		target, ok := d.whom(e)
		if !ok || m.list.Load().Allowed(e.Client, target.Key) {
			return
		}
		if n, noticed := d.count(&d.rules[i], target, e.Path, e.Time, time.Now()); noticed {
			select {
			case m.noticed <- n:
			default:
				m.lost.Add(1)
			}
		}
	}
}

// whom is who a block would hit: the key of a client that is known, else its
// address; of IPv6 the network that one client has.
func (d *detector) whom(e *observe.Exchange) (block.Target, bool) {
	if strings.HasPrefix(e.ClientKey, "key:") || strings.HasPrefix(e.ClientKey, "sub:") {
		return block.Target{Key: e.ClientKey}, true
	}
	prefix := clientip.KeyOf(e.Client, 32, d.ipv6)
	return block.Target{Prefix: prefix}, prefix.IsValid()
}

// count adds one answer and says whether that makes the client noticed: once in
// a window. What others observed may come late or with a clock of its own: it
// counts at its time if that is in the window, and now at the latest.
func (d *detector) count(r *Rule, target block.Target, path string, at, now time.Time) (notice, bool) {
	if at.After(now) {
		at = now
	}
	within := int64(r.Within)
	length := max(within/windowParts, 1)
	part, newest := at.UnixNano()/length, now.UnixNano()/length
	if newest-part >= windowParts {
		return notice{}, false
	}
	who := maphash.Comparable(d.seed, suspect{target, r.Name, r.Within}) | 1
	s := &d.shards[who>>59]
	hash := maphash.String(d.seed, path)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(who, now.UnixNano())
	if c.who != who {
		if c.who == 0 {
			s.held++
		} else {
			d.evicted.Add(1)
		}
		*c = record{who: who, newest: newest, length: length}
	}
	c.add(part, newest, hash)
	if c.told != 0 && newest-c.told < windowParts {
		return notice{}, false
	}
	count, paths := c.count(), 0
	if count < r.Count {
		return notice{}, false
	}
	if r.Paths > 1 {
		if paths = min(c.differentPaths(), count); paths < r.Paths {
			return notice{}, false
		}
	}
	c.told = newest
	return notice{rule: r, target: target, count: count, paths: paths}, true
}

// find returns the client's record, or the one to give it: a free one, or that of
// which least would be lost.
func (s *shard) find(who uint64, now int64) *record {
	if s.records == nil {
		s.records = make([]record, perShard)
	}
	first := who >> 1 % (perShard / ways) * ways
	places := s.records[first : first+ways]
	least, best := 0, math.MaxInt
	for i := range places {
		c := &places[i]
		if c.who == who {
			return c
		}
		if worth := c.worth(now); worth < best {
			least, best = i, worth
		}
	}
	return &places[least]
}

// sweep forgets clients that have been quiet for a window.
func (d *detector) sweep(now time.Time) {
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		for j := range s.records {
			if c := &s.records[j]; c.who != 0 && c.over(now.UnixNano()) {
				*c = record{}
				s.held--
			}
		}
		if s.held == 0 {
			s.records = nil
		}
		s.mu.Unlock()
	}
}

// held is how many clients are counted now.
func (d *detector) held() (n int) {
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		n += s.held
		s.mu.Unlock()
	}
	return n
}
