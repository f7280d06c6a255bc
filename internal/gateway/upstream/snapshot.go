package upstream

import (
	"slices"
	"time"
)

// PoolStatus is what is known of a pool now, and what it did since the start.
type PoolStatus struct {
	Name    string         `json:"name"`
	Breaker string         `json:"breaker"` // closed, open, trying; "" when there is none
	OpenFor time.Duration  `json:"-"`       // how long an open breaker stays so
	Servers []ServerStatus `json:"servers"`

	Requests      uint64 `json:"requests"`
	Refused       uint64 `json:"refused"` // by the open breaker
	Retries       uint64 `json:"retries"`
	RetriesDenied uint64 `json:"retries_denied"` // that the budget did not allow
	Stale         uint64 `json:"stale"`          // repeated because a kept connection was closed just then
}

// State of a server.
type State string

// The states. The texts are stable.
const (
	Up        State = "up"
	Returning State = "returning" // up, with a growing share of the requests
	Ejected   State = "ejected"   // out for a while: requests failed
	Down      State = "down"      // out until its check succeeds
)

// ServerStatus is what is known of one server.
type ServerStatus struct {
	URL    string  `json:"url"`
	Origin string  `json:"-"` // without the path: several pools may have the same one
	Weight float64 `json:"weight"`
	State  State   `json:"state"`
	Why    string  `json:"why,omitempty"` // it is not up
	// Left is how long it stays ejected or returning.
	Left time.Duration `json:"-"`

	InWork      int64 `json:"in_work"`
	Waiting     int64 `json:"waiting"`     // for a connection, where they are limited
	Connections int64 `json:"connections"` // of the lean path, idle ones included
	Idle        int   `json:"idle"`

	Requests  uint64 `json:"requests"` // attempts, over all pools
	Failed    uint64 `json:"failed"`   // 5xx answers and failures of the transport
	Ejections uint64 `json:"ejections"`

	Checked time.Time `json:"checked,omitzero"` // when its check ran last; zero: it has none, or not yet
}

// Snapshot returns every pool in use, in the order of their names.
func (g *Registry) Snapshot() []PoolStatus {
	g.mu.Lock()
	pools := slices.Clone(g.pools)
	g.mu.Unlock()
	slices.SortFunc(pools, func(a, b *Pool) int {
		if a.cfg.Name < b.cfg.Name {
			return -1
		}
		return 1
	})
	list := make([]PoolStatus, 0, len(pools))
	for _, p := range pools {
		list = append(list, p.status(g.now()))
	}
	return list
}

// Status returns what is known of the pool now. It must be in use.
func (p *Pool) Status() PoolStatus { return p.status(p.registry.now()) }

func (p *Pool) status(now time.Duration) PoolStatus {
	st := p.standing
	s := PoolStatus{
		Name: p.cfg.Name, Requests: st.requests.Load(), Refused: st.refused.Load(),
		Retries: st.retries.Load(), RetriesDenied: st.denied.Load(), Stale: st.stale.Load(),
	}
	if st.breaker.on.Load() {
		state, left := st.breaker.current(now)
		s.Breaker = state.String()
		if state == breakerOpen {
			s.OpenFor = left
		}
	}
	for i := range p.members {
		s.Servers = append(s.Servers, p.members[i].status(now, p.cfg.SlowStart))
	}
	return s
}

func (m *member) status(now, slow time.Duration) ServerStatus {
	s := m.server
	status := ServerStatus{
		URL: m.url.String(), Origin: m.origin, Weight: m.weight, State: Up,
		InWork: s.slots.inWork.Load(), Waiting: s.slots.queued.Load(),
		Connections: s.opened.Load(), Idle: s.idle.len(),
		Requests: s.requests.Load(), Failed: s.failed.Load(),
	}
	s.mu.Lock()
	status.Ejections = s.total
	why := s.why
	s.mu.Unlock()
	if age := now - time.Duration(s.since.Load()); age >= 0 && age < slow {
		status.State, status.Left = Returning, slow-age
	}
	if s.out(now) {
		status.State, status.Why, status.Left = Ejected, why, time.Duration(s.until.Load())-now
	}
	if m.checker == nil {
		return status
	}
	last := m.checker.last.Load()
	if last != nil {
		status.Checked = last.at
	}
	if m.checker.down.Load() {
		status.State, status.Left, status.Why = Down, 0, "its check fails"
		if last != nil && last.err != nil {
			status.Why = last.err.Error()
		}
	}
	return status
}
