package promapi

import (
	"net/http"
	"sync"
	"time"
)

const (
	// maxWait is how long a request waits for a place.
	maxWait = 10 * time.Second
	// maxWaiting is how many do.
	maxWaiting = 100
	// forRules is how many of the engine's places are left to rules and pages:
	// alerts must come while somebody's dashboards are slow.
	forRules = 2
)

// places bounds how many requests that read series are answered at a time.
type places struct {
	most func() int

	mu      sync.Mutex
	active  int
	waiting []chan struct{} // in the order in which they came; closed when they may go
}

func newPlaces(concurrent func() int) *places {
	return &places{most: func() int { return max(concurrent()-forRules, 1) }}
}

// placed lets a request wait for its place.
func (a *api) placed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.places.take(r) {
			w.Header().Set("Retry-After", "10")
			fail(w, http.StatusServiceUnavailable, "unavailable", "too many queries at once; they are bounded by metrics.query.concurrent")
			return
		}
		defer a.places.give()
		next.ServeHTTP(w, r)
	})
}

// take reports whether there was a place, in time.
func (p *places) take(r *http.Request) bool {
	p.mu.Lock()
	if p.active < p.most() {
		p.active++
		p.mu.Unlock()
		return true
	}
	if len(p.waiting) >= maxWaiting {
		p.mu.Unlock()
		return false
	}
	mine := make(chan struct{})
	p.waiting = append(p.waiting, mine)
	p.mu.Unlock()
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case <-mine:
		return true
	case <-r.Context().Done():
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, one := range p.waiting {
		if one == mine {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			return false
		}
	}
	return true // it was given at the same moment
}

// give hands a place on.
func (p *places) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active--
	for len(p.waiting) > 0 && p.active < p.most() {
		p.active++
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
	}
}
