package probe

import "sync"

// shared holds things that several probes use, such as the TLS settings of
// 5,000 checks with the same CA: made by the first, dropped with the last. The
// zero value is ready.
type shared[K comparable, V any] struct {
	mu      sync.Mutex
	entries map[K]*sharedEntry[V]
}

type sharedEntry[V any] struct {
	value V
	users int
}

// acquire returns the value under key, made by create if there is none.
// Each acquire needs one release.
func (s *shared[K, V]) acquire(key K, create func() V) V {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[key]; e != nil {
		e.users++
		return e.value
	}
	if s.entries == nil {
		s.entries = map[K]*sharedEntry[V]{}
	}
	e := &sharedEntry[V]{value: create(), users: 1}
	s.entries[key] = e
	return e.value
}

// release gives one use back.
func (s *shared[K, V]) release(key K) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[key]
	if e == nil {
		return
	}
	if e.users--; e.users == 0 {
		delete(s.entries, key)
	}
}

// len is the number of values held.
func (s *shared[K, V]) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}
