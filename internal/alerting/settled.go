package alerting

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"
)

// settled remembers of which alerts the end was told to a group, so that neither a
// restart nor a reload, which both put ended alerts once more, tells it twice.
// Alertmanager's own log knows only the last notification of a group.
type settled struct {
	mu     sync.Mutex
	groups map[string]map[model.Fingerprint]int64 // ends, in Unix milliseconds, by group key
}

func newSettled() *settled { return &settled{groups: map[string]map[model.Fingerprint]int64{}} }

// in reports whether a group was told of an end.
func (s *settled) in(group string, a *alert.Alert) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ends, ok := s.groups[group][a.Fingerprint()]
	return ok && ends == a.EndsAt.UnixMilli()
}

// anywhere reports whether any group was told of an end.
func (s *settled) anywhere(a *alert.Alert) bool {
	id, at := a.Fingerprint(), a.EndsAt.UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, told := range s.groups {
		if ends, ok := told[id]; ok && ends == at {
			return true
		}
	}
	return false
}

// add remembers that a group was told of ends, and returns what is to be stored.
// Those that no restart puts again are forgotten.
func (s *settled) add(group string, alerts []*alert.Alert, now time.Time) Blob {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := s.groups[group]
	if told == nil {
		told = map[model.Fingerprint]int64{}
		s.groups[group] = told
	}
	old := now.Add(-2 * keptEnded).UnixMilli()
	for id, ends := range told {
		if ends < old {
			delete(told, id)
		}
	}
	for _, a := range alerts {
		told[a.Fingerprint()] = a.EndsAt.UnixMilli()
	}
	data, err := json.Marshal(told)
	if err != nil {
		data = []byte("{}") // a map of numbers always has a text
	}
	return Blob{Kind: kindSettled, Key: group, Data: data, Expires: now.Add(2 * keptEnded)}
}

// load takes what was stored of a group.
func (s *settled) load(group string, data []byte) error {
	var told map[model.Fingerprint]int64
	if err := json.Unmarshal(data, &told); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[group] = told
	return nil
}

// prune forgets groups of which nothing recent is known.
func (s *settled) prune(now time.Time) {
	old := now.Add(-2 * keptEnded).UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	for group, told := range s.groups {
		for id, ends := range told {
			if ends < old {
				delete(told, id)
			}
		}
		if len(told) == 0 {
			delete(s.groups, group)
		}
	}
}
