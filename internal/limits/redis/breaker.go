package redis

import (
	"sync"
	"time"
)

// State is how the store is doing.
type State string

// The states. The texts are stable: they are metric label values.
const (
	Starting State = "starting" // no connection yet
	Up       State = "up"
	Away     State = "away" // not asked until it answers again
)

// breaker keeps requests from a store that does not answer. It opens at the
// first failure; the store's goroutine closes it once the store answers.
type breaker struct {
	mu      sync.Mutex
	state   State
	since   time.Time
	reason  error
	outages int64
	opened  chan struct{} // told, at most once ahead, that it opened
}

func newBreaker() *breaker {
	return &breaker{state: Starting, since: time.Now(), opened: make(chan struct{}, 1)}
}

// open keeps everybody away. It reports whether it was closed before.
func (b *breaker) open(reason error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Away {
		return false
	}
	b.state, b.since, b.reason = Away, time.Now(), reason
	b.outages++
	select {
	case b.opened <- struct{}{}:
	default:
	}
	return true
}

// close lets everybody in again and returns how long it was open.
func (b *breaker) close() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := time.Since(b.since)
	if b.state != Up {
		b.state, b.since, b.reason = Up, time.Now(), nil
	}
	return was
}

func (b *breaker) get() (state State, since time.Time, outages int64, reason error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state, b.since, b.outages, b.reason
}
