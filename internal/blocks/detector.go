package blocks

import (
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/clientip"
	"lapwing.dev/lapwing/middleware/observe"
)

// Bounds of the detector: at most shards × perShard clients are counted at a
// time, about 10 MB; when more misbehave, those that did so longest ago are
// forgotten first.
const (
	shards      = 32
	perShard    = 1024
	windowParts = 6 // a window is counted in so many parts, of which the oldest goes when a new one begins
)

// detector counts what clients do that rules look at. Ordinary answers touch
// nothing of it.
type detector struct {
	rules   []Rule
	byCode  [600][]int // rules by status
	seed    maphash.Seed
	shards  *[shards]shard
	evicted *atomic.Uint64
}

type shard struct {
	mu      sync.Mutex
	clients map[suspect]*record
}

// suspect is a client under one rule.
type suspect struct {
	target block.Target
	rule   string
}

// record is what one client did under one rule, in parts of the window.
type record struct {
	part   int64 // number of the newest part
	counts [windowParts]uint32
	paths  [windowParts][4]uint64 // which of 256 hashes of paths occurred
	told   int64                  // part in which it was noticed; 0: never
}

// notice is a client that a rule has noticed.
type notice struct {
	rule   *Rule
	target block.Target
	count  int
	paths  int
}

func newDetector(rules []Rule) *detector {
	d := &detector{seed: maphash.MakeSeed(), shards: new([shards]shard), evicted: new(atomic.Uint64)}
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
	for i := range d.shards {
		d.shards[i].clients = map[suspect]*record{}
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
		target, ok := whom(e)
		if !ok || m.list.Load().Allowed(e.Client, target.Key) {
			return
		}
		if n, noticed := d.count(&d.rules[i], target, e.Path, e.Time); noticed {
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
func whom(e *observe.Exchange) (block.Target, bool) {
	if strings.HasPrefix(e.ClientKey, "key:") || strings.HasPrefix(e.ClientKey, "sub:") {
		return block.Target{Key: e.ClientKey}, true
	}
	if !e.Client.IsValid() {
		return block.Target{}, false
	}
	return block.Target{Prefix: clientip.Key(e.Client)}, true
}

// count adds one answer and says whether that makes the client noticed: once,
// until it has been quiet for a window.
func (d *detector) count(r *Rule, target block.Target, path string, at time.Time) (notice, bool) {
	who := suspect{target, r.Name}
	s := &d.shards[maphash.Comparable(d.seed, who)%shards]
	part := at.UnixNano() / max(int64(r.Within)/windowParts, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[who]
	if c == nil {
		if len(s.clients) >= perShard {
			s.evict(part)
			d.evicted.Add(1)
		}
		c = &record{part: part}
		s.clients[who] = c
	}
	c.move(part)
	now := part % windowParts
	c.counts[now]++
	hash := maphash.String(d.seed, path)
	c.paths[now][hash>>6&3] |= 1 << (hash & 63)
	if c.told != 0 && part-c.told < windowParts {
		return notice{}, false
	}
	count, paths := c.sum()
	if count < r.Count || r.Paths > 1 && paths < r.Paths {
		return notice{}, false
	}
	c.told = part
	return notice{rule: r, target: target, count: count, paths: paths}, true
}

// move clears the parts that have gone by.
func (c *record) move(part int64) {
	if part <= c.part {
		return
	}
	for p := max(c.part+1, part-windowParts+1); p <= part; p++ {
		c.counts[p%windowParts], c.paths[p%windowParts] = 0, [4]uint64{}
	}
	c.part = part
}

// sum is what happened in the window: the answers, and an estimate of their
// different paths (linear counting; Whang et al. 1990).
func (c *record) sum() (count, paths int) {
	var union [4]uint64
	for i := range c.counts {
		count += int(c.counts[i])
		for w := range union {
			union[w] |= c.paths[i][w]
		}
	}
	set := 0
	for _, w := range union {
		set += bits.OnesCount64(w)
	}
	const size = 256
	return count, int(math.Round(-size * math.Log(float64(size-min(set, size-1))/size)))
}

// evict forgets one of a few clients: the one that has been quiet for longest.
func (s *shard) evict(part int64) {
	const looked = 8
	var oldest suspect
	age, n := int64(-1), 0
	for who, c := range s.clients {
		if a := part - c.part; a > age {
			oldest, age = who, a
		}
		if n++; n == looked {
			break
		}
	}
	delete(s.clients, oldest)
}

// held is how many clients are counted now.
func (d *detector) held() (n int) {
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		n += len(s.clients)
		s.mu.Unlock()
	}
	return n
}
