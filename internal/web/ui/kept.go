package ui

import (
	"sync"
	"time"
)

// kept is the last good answer of something that may fail, so that a page can
// show it with its time instead of nothing. The zero value is ready; all methods
// may be called concurrently. What get returns is shared: it is not changed.
type kept[T any] struct {
	mu    sync.Mutex
	value T
	at    time.Time // of value; zero without any
	old   bool      // something changed it since
}

// get reads anew when the last answer is older than maxAge. When that fails it
// returns the last good answer with its time, and the error.
func (k *kept[T]) get(now time.Time, maxAge time.Duration, read func() (T, error)) (value T, at time.Time, err error) {
	k.mu.Lock()
	value, at = k.value, k.at
	old := k.old || at.IsZero()
	k.mu.Unlock()
	if !old && now.Sub(at) < maxAge && !now.Before(at) {
		return value, at, nil
	}
	fresh, err := read()
	if err != nil {
		return value, at, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.value, k.at, k.old = fresh, now, false
	return fresh, now, nil
}

// forget makes the next get read anew, whatever its maxAge; the value stays for
// the case that it fails.
func (k *kept[T]) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.old = true
}
