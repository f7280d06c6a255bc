package ingest

import "sync"

// seen remembers the last batches by their ids. The zero value is ready.
type seen struct {
	mu      sync.Mutex
	reports map[string]*Report // nil while it is being read
	order   []string           // of reports, oldest first
}

// find returns the report of a batch that was taken before.
func (s *seen) find(id string) (Report, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if report := s.reports[id]; report != nil {
		return *report, true
	}
	return Report{}, false
}

// begin notes that a batch is being taken; it reports false when it already is.
// A batch without an id is always new.
func (s *seen) begin(id string) bool {
	if id == "" {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.reports[id]; known {
		return false
	}
	if s.reports == nil {
		s.reports = map[string]*Report{}
	}
	if len(s.order) == keptBatches {
		delete(s.reports, s.order[0])
		s.order = append(s.order[:0], s.order[1:]...)
	}
	s.reports[id] = nil
	s.order = append(s.order, id)
	return true
}

// end notes what became of it.
func (s *seen) end(id string, report Report) {
	if id == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.reports[id]; known {
		s.reports[id] = &report
	}
}
