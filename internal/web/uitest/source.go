// Package uitest has checks and traffic with invented history, for the tests of
// the packages ui and api and of the pages in a browser. Nothing else may import
// it.
package uitest

import (
	"context"
	"slices"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
)

// Source is a ui.Checks in memory. The fields may be set before it is used.
type Source struct {
	Views   []checks.View
	Daily   map[string][]checks.Rollup
	Hourly  map[string][]checks.Rollup
	Uptimes map[string]checks.Uptime
	Runs    map[string][]checks.Result // newest first
	Kept    map[string]map[checks.RunID]*checks.Evidence
	Changes []checks.Transition // newest first
	Err     error               // of every method that reads history

	mu     sync.Mutex
	Called []string // actions, such as "pause orders-health by local"
}

// List implements ui.Present.
func (s *Source) List() []checks.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.Views)
}

// Set changes the checks while pages are being served.
func (s *Source) Set(views []checks.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Views = views
}

// View implements ui.Present.
func (s *Source) View(id string) (checks.View, error) {
	for _, v := range s.List() {
		if v.ID == id {
			return v, nil
		}
	}
	return checks.View{}, fault.NotFound("there is no check %q", id)
}

// Results implements ui.History.
func (s *Source) Results(_ context.Context, id string, from, to time.Time, limit int) ([]checks.Result, error) {
	var list []checks.Result
	for _, r := range s.Runs[id] {
		if at := r.At(); !at.Before(from) && at.Before(to) && (limit <= 0 || len(list) < limit) {
			list = append(list, r)
		}
	}
	return list, s.Err
}

// Run implements ui.History.
func (s *Source) Run(_ context.Context, id string, run checks.RunID) (*checks.Result, *checks.Evidence, error) {
	if s.Err != nil {
		return nil, nil, s.Err
	}
	for _, r := range s.Runs[id] {
		if r.Run == run {
			return &r, s.Kept[id][run], nil
		}
	}
	return nil, nil, fault.NotFound("there is no run %s of check %q", run, id)
}

// EvidenceRuns implements ui.History.
func (s *Source) EvidenceRuns(_ context.Context, id string) ([]checks.RunID, error) {
	var list []checks.RunID
	for run := range s.Kept[id] {
		list = append(list, run)
	}
	slices.Sort(list)
	slices.Reverse(list)
	return list, s.Err
}

// Rollups implements ui.History.
func (s *Source) Rollups(_ context.Context, ids []string, step checks.Step, from, to time.Time) (map[string][]checks.Rollup, error) {
	all := s.Daily
	if step == checks.Hourly {
		all = s.Hourly
	}
	found := map[string][]checks.Rollup{}
	for _, id := range ids {
		for _, r := range all[id] {
			if !r.Start.Before(from) && r.Start.Before(to) {
				found[id] = append(found[id], r)
			}
		}
	}
	return found, s.Err
}

// Uptime implements ui.History.
func (s *Source) Uptime(_ context.Context, ids []string) (map[string]checks.Uptime, error) {
	found := map[string]checks.Uptime{}
	for _, id := range ids {
		if u, ok := s.Uptimes[id]; ok {
			found[id] = u
		}
	}
	return found, s.Err
}

// Transitions implements ui.History.
func (s *Source) Transitions(_ context.Context, id string, limit int) ([]checks.Transition, error) {
	var list []checks.Transition
	for _, t := range s.Changes {
		if (id == "" || t.Check == id) && (limit <= 0 || len(list) < limit) {
			list = append(list, t)
		}
	}
	return list, s.Err
}

// TraceID implements ui.History.
func (s *Source) TraceID(string, checks.RunID) string { return "4bf92f3577b34da6a3ce929d0e0e4736" }

// RunNow implements ui.Actions: it answers with the newest run.
func (s *Source) RunNow(_ context.Context, id string) (*checks.Result, error) {
	if err := s.act(id, "run "+id); err != nil {
		return nil, err
	}
	if len(s.Runs[id]) == 0 {
		return nil, fault.Conflict("check %q cannot run", id)
	}
	return &s.Runs[id][0], nil
}

// Pause implements ui.Actions.
func (s *Source) Pause(_ context.Context, id, by string) error {
	return s.act(id, "pause "+id+" by "+by)
}

// Resume implements ui.Actions.
func (s *Source) Resume(_ context.Context, id, by string) error {
	return s.act(id, "resume "+id+" by "+by)
}

func (s *Source) act(id, what string) error {
	if _, err := s.View(id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Called = append(s.Called, what)
	return nil
}
