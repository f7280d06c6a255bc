package limit

import "sync"

// inUse counts the requests of a key that run. What is in it is bounded by the
// requests that run.
type inUse struct{ shards [64]inUseShard }

type inUseShard struct {
	mu    sync.Mutex
	count map[uint64]int64
	_     [48]byte
}

func (u *inUse) shard(key uint64) *inUseShard { return &u.shards[key%uint64(len(u.shards))] }

// take counts one more unless there are most already; it returns how many there
// are then.
func (u *inUse) take(key uint64, most int64) (n int64, ok bool) {
	s := u.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	n = s.count[key]
	if n >= most {
		return n, false
	}
	if s.count == nil {
		s.count = make(map[uint64]int64)
	}
	s.count[key] = n + 1
	return n + 1, true
}

// free counts one less.
func (u *inUse) free(key uint64) {
	s := u.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.count[key]; n > 1 {
		s.count[key] = n - 1
	} else {
		delete(s.count, key)
	}
}

// running is how many run.
func (u *inUse) running(key uint64) int64 {
	s := u.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[key]
}
