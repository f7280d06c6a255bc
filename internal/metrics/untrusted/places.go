package untrusted

import (
	"context"
	"time"
)

// patience is how long a request waits for a place.
const patience = 2 * time.Second

// Places bound how many requests are read and decoded at the same time, and so
// the memory that they may take together.
type Places chan struct{}

// NewPlaces returns n places.
func NewPlaces(n int) Places { return make(Places, n) }

// Take waits a moment for a place, and reports whether there was one. Who has
// taken it must call Leave.
func (p Places) Take(ctx context.Context) bool {
	select {
	case p <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case p <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// Leave gives a place back.
func (p Places) Leave() { <-p }
