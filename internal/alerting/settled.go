package alerting

import (
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"
)

// settled remembers of which alerts the end was told, to which channel of which
// group.
type settled struct {
	mu   sync.Mutex
	told map[string]ends // by channel of a group
	last ends            // to anybody
}

// ends are times of ends, in Unix milliseconds.
type ends map[model.Fingerprint]int64

func newSettled() *settled { return &settled{told: map[string]ends{}, last: ends{}} }

// in reports whether a channel was told of an end.
func (s *settled) in(key string, a *alert.Alert) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.told[key][a.Fingerprint()]
	return ok && at == a.EndsAt.UnixMilli()
}

// anywhere reports whether anybody was told of an end.
func (s *settled) anywhere(a *alert.Alert) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.last[a.Fingerprint()]
	return ok && at == a.EndsAt.UnixMilli()
}

// add remembers that a channel was told of ends, and returns what is to be stored.
func (s *settled) add(key string, alerts []*alert.Alert, now time.Time) Blob {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := s.told[key]
	if told == nil {
		told = ends{}
		s.told[key] = told
	}
	told.forget(now)
	for _, a := range alerts {
		told[a.Fingerprint()], s.last[a.Fingerprint()] = a.EndsAt.UnixMilli(), a.EndsAt.UnixMilli()
	}
	data, err := json.Marshal(told)
	if err != nil {
		data = []byte("{}") // a map of numbers always has a text
	}
	return Blob{Kind: kindSettled, Key: key, Data: data, Expires: now.Add(2 * keptEnded)}
}

// load takes what was stored of a channel.
func (s *settled) load(key string, data []byte) error {
	var told ends
	if err := json.Unmarshal(data, &told); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if told != nil {
		s.told[key] = told
	}
	for id, at := range told {
		s.last[id] = max(s.last[id], at)
	}
	return nil
}

// prune forgets what no restart puts again.
func (s *settled) prune(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last.forget(now)
	for key, told := range s.told {
		if told.forget(now); len(told) == 0 {
			delete(s.told, key)
		}
	}
}

// forget drops ends that no restart puts again.
func (e ends) forget(now time.Time) {
	old := now.Add(-2 * keptEnded).UnixMilli()
	maps.DeleteFunc(e, func(_ model.Fingerprint, at int64) bool { return at < old })
}
