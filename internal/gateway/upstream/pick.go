package upstream

import (
	"math/rand/v2"
	"time"
)

// serverSet is a set of members by their index.
type serverSet [maxServers / 64]uint64

func (s *serverSet) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *serverSet) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// pick chooses the server of the next attempt: two by chance, by their weights,
// and of these the one with less in work for its weight ("power of two choices",
// Mitzenmacher 2001: nearly as even as the least-loaded of all, without every
// gateway rushing to the same one). A server with weight 2 counts as twice as
// large; one that starts slowly counts as smaller.
//
// Servers that are down, ejected, tried or full are left out, in this order of
// mercy: when that leaves nobody, full ones are taken (to queue), then ejected
// ones and those that are down — one that may fail is better than certain
// failure. It returns -1 when all were tried.
func (p *Pool) pick(tried *serverSet) int {
	if len(p.members) == 1 {
		if tried.has(0) {
			return -1
		}
		return 0
	}
	now := p.registry.now()
	for mercy := range 3 {
		first := p.draw(tried, -1, now, mercy)
		if first < 0 {
			continue
		}
		second := p.draw(tried, first, now, mercy)
		if second >= 0 && p.load(second, now) < p.load(first, now) {
			return second
		}
		return first
	}
	return -1
}

// draw takes one eligible member by chance, weighted, besides one that was drawn.
func (p *Pool) draw(tried *serverSet, besides int, now time.Duration, mercy int) int {
	chosen, total := -1, 0.0
	for i := range p.members {
		if i == besides || tried.has(i) || !p.eligible(i, now, mercy) {
			continue
		}
		weight := p.weight(i, now)
		total += weight
		if chosen < 0 || rand.Float64()*total < weight { //nolint:gosec // a choice between servers is no secret
			chosen = i
		}
	}
	return chosen
}

func (p *Pool) eligible(i int, now time.Duration, mercy int) bool {
	m := &p.members[i]
	switch {
	case mercy < 2 && (m.server.out(now) || m.checker != nil && m.checker.down.Load()):
		return false
	case mercy < 1 && m.server.slots.full(p.cfg.Connections.Max):
		return false
	}
	return true
}

func (p *Pool) weight(i int, now time.Duration) float64 {
	m := &p.members[i]
	return m.weight * m.server.share(now, p.cfg.SlowStart)
}

func (p *Pool) load(i int, now time.Duration) float64 {
	return float64(p.members[i].server.slots.inWork.Load()) / p.weight(i, now)
}
