package auth

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// source is where keys come from: given once, or read again and again.
type source struct {
	place   *place // nil: given once
	refresh time.Duration
	set     atomic.Pointer[keySet] // nil until they were read
	asked   chan struct{}          // has one element when somebody waits

	mu      sync.Mutex
	done    chan struct{} // closed after the next attempt; nil when nobody waits
	last    time.Time     // when the last attempt ended
	waiting int
	status  Status
}

// Status is how it stands with keys that are read again and again.
type Status struct {
	Source   string    // URL or file name
	Keys     int       // how many there are
	LoadedAt time.Time // when they were last read; zero for never
	Err      error     // why the last attempt failed; nil when it did not
}

// Bounds of waiting for keys. Tokens with made-up names of keys can make the
// issuer be asked once in askEvery, and hold that many requests that long.
const (
	askEvery   = 10 * time.Second
	awaitMost  = 5 * time.Second
	maxWaiting = 256
)

// await returns keys that are newer than seen, which lacked one. It has them
// read, unless that has been done a moment ago; then, and when there is no
// answer in time, it returns seen.
func (s *source) await(ctx context.Context, seen *keySet) *keySet {
	if s.place == nil {
		return seen
	}
	done := s.ask(seen)
	if done == nil {
		return s.set.Load()
	}
	timer := time.NewTimer(awaitMost)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.waiting--
	s.mu.Unlock()
	return s.set.Load()
}

// ask asks Run for another attempt; nil when there is nothing to wait for.
func (s *source) ask(seen *keySet) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set.Load() != seen || s.waiting >= maxWaiting || !s.last.IsZero() && time.Since(s.last) < askEvery {
		return nil
	}
	s.waiting++
	if s.done == nil {
		s.done = make(chan struct{})
	}
	select {
	case s.asked <- struct{}{}:
	default:
	}
	return s.done
}

func (s *source) standing() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	status.Source = s.place.String()
	return status
}
