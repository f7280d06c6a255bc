package checks

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

// memory is a Store for tests of the Manager; the real ones are held to the
// contract by storetest.
type memory struct {
	mu          sync.Mutex
	results     map[string][]Result
	evidence    map[string]map[RunID]Evidence
	transitions []Transition
	missed      map[string]uint32
	lives       map[string]Life
	full        bool // refuse to append, as on a full disk
	appends     int
}

func newMemory() *memory {
	return &memory{results: map[string][]Result{}, evidence: map[string]map[RunID]Evidence{}, missed: map[string]uint32{}, lives: map[string]Life{}}
}

func (s *memory) setFull(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

func (s *memory) Lives(context.Context) (map[string]Life, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lives := map[string]Life{}
	maps.Copy(lives, s.lives)
	return lives, nil
}

func (s *memory) Append(_ context.Context, b *Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return errors.New("no space left on device")
	}
	s.appends++
	for _, r := range b.Results {
		r.Attempts = slices.Clone(r.Attempts)
		s.results[r.Check] = append(s.results[r.Check], r)
		life := s.lives[r.Check]
		life.Apply(&r)
		s.lives[r.Check] = life
	}
	for _, e := range b.Evidence {
		if s.evidence[e.Check] == nil {
			s.evidence[e.Check] = map[RunID]Evidence{}
		}
		s.evidence[e.Check][e.Run] = e
	}
	for _, m := range b.Missed {
		s.missed[m.Check] += m.Count
	}
	s.transitions = append(s.transitions, b.Transitions...)
	return nil
}

func (s *memory) SetPaused(_ context.Context, t Transition, paused bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transitions = append(s.transitions, t)
	life := s.lives[t.Check]
	life.Paused, life.PausedBy, life.State, life.Since = paused, t.By, t.To, t.At
	s.lives[t.Check] = life
	return nil
}

func (s *memory) Results(_ context.Context, id string, from, to time.Time, limit int) ([]Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Result
	for _, r := range slices.Backward(s.results[id]) {
		if !r.At().Before(from) && r.At().Before(to) && (limit <= 0 || len(found) < limit) {
			found = append(found, r)
		}
	}
	return found, nil
}

func (s *memory) Result(_ context.Context, id string, run RunID) (*Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.results[id] {
		if r.Run == run {
			return &r, nil
		}
	}
	return nil, fault.NotFound("no run %s", run)
}

func (s *memory) Evidence(_ context.Context, id string, run RunID) (*Evidence, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.evidence[id][run]; ok {
		return &e, nil
	}
	return nil, fault.NotFound("no evidence of run %s", run)
}

func (s *memory) EvidenceRuns(_ context.Context, id string) ([]RunID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var runs []RunID
	for run := range s.evidence[id] {
		runs = append(runs, run)
	}
	slices.Sort(runs)
	slices.Reverse(runs)
	return runs, nil
}

func (s *memory) Rollups(context.Context, []string, Step, time.Time, time.Time) (map[string][]Rollup, error) {
	return map[string][]Rollup{}, nil
}

func (s *memory) Transitions(context.Context, string, int) ([]Transition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.transitions), nil
}

func (s *memory) Prune(context.Context, time.Time, Retention) error { return nil }
