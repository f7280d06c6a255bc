package redis

import (
	"sync"
	"time"

	"lapwing.dev/lapwing/middleware/limit"
)

// meanwhile follows what limits let in while the store is away, so that it can
// be told afterwards: without that, everybody would have a whole burst again. It
// goes by the same arithmetic as the limiter that decides, with the same share
// of the limit; what another limit refused is counted all the same.
type meanwhile struct {
	mu      sync.Mutex
	tallies map[name]*tally
	outages map[string]limit.Outage // by policy
}

// tally is one counter.
type tally struct {
	take     limit.Take
	tat      time.Time // of a rate, by its share
	interval time.Duration
	used     int64 // of a quota
}

func newMeanwhile() *meanwhile {
	return &meanwhile{tallies: map[name]*tally{}}
}

// SetOutages says what each limit does while the store is away, by its name.
func (s *Store) SetOutages(outages map[string]limit.Outage) {
	s.meanwhile.mu.Lock()
	defer s.meanwhile.mu.Unlock()
	s.meanwhile.outages = outages
}

// note follows takes that the store was not asked for.
func (m *meanwhile) note(takes []limit.Take, nodes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for i := range takes {
		t := &takes[i]
		if t.Test || !t.Enforced || t.Cost <= 0 || t.Kind == limit.KindInUse {
			continue
		}
		outage := m.outages[t.Policy]
		if outage == limit.Closed {
			continue
		}
		n := nameOf(t)
		entry := m.tallies[n]
		if entry == nil {
			if len(m.tallies) >= mostEntries {
				continue
			}
			entry = &tally{take: *t}
			m.tallies[n] = entry
		}
		share := int64(1)
		if outage == limit.LocalShare {
			share = max(nodes, 1)
		}
		entry.note(t, now, share, outage == limit.Open)
	}
}

func (e *tally) note(t *limit.Take, now time.Time, share int64, open bool) {
	if t.Kind == limit.KindQuota {
		if most := max(t.Quota.Count/share, t.Cost, 1); open || e.used+t.Cost <= most {
			e.used += t.Cost
		}
		return
	}
	e.interval = t.Rate.Interval * time.Duration(share)
	burst := max(t.Rate.Burst/share, min(t.Cost, t.Rate.Burst), 1)
	reach := time.Duration(burst)*e.interval + t.Rate.Ahead
	if e.tat.Before(now) {
		e.tat = now
	}
	next := e.tat.Add(time.Duration(t.Cost) * e.interval)
	switch {
	case next.Sub(now) <= reach:
		e.tat = next
	case open:
		e.tat = now.Add(reach) // no debt for what was let in on purpose
	}
}

// settle moves what is owed into the ledger: of a rate, what has not come back
// by itself until now.
func (m *meanwhile) settle(l *ledger) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for _, e := range m.tallies {
		owed := e.used
		if e.take.Kind == limit.KindRate && e.interval > 0 {
			owed = int64((max(e.tat.Sub(now), 0) + e.interval - 1) / e.interval)
		}
		l.add(&e.take, owed)
	}
	clear(m.tallies)
}
