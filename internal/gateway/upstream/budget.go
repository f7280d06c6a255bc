package upstream

import (
	"sync"
	"sync/atomic"
	"time"
)

// budget bounds retries: every request earns a share of one, and a few a second
// are free. Without it, an upstream in trouble gets a multiple of its load just
// then.
type budget struct {
	earn    atomic.Int64 // for each request, in thousandths of a retry
	savings atomic.Int64 // in thousandths of a retry, at most savingsMost

	mu       sync.Mutex
	minimum  float64 // retries a second that are free
	free     float64
	lastFree time.Duration
}

// savingsMost is what can be saved up in good times: 100 retries.
const savingsMost = 100_000

func (b *budget) configure(c *Retries, now time.Duration) {
	b.earn.Store(int64(c.Budget * 1000))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.minimum == 0 {
		b.free, b.lastFree = c.Minimum, now
	}
	b.minimum = c.Minimum
}

// deposit is told of every first attempt.
func (b *budget) deposit() {
	if b.savings.Load() < savingsMost {
		b.savings.Add(b.earn.Load())
	}
}

// withdraw asks for one retry.
func (b *budget) withdraw(now time.Duration) bool {
	for {
		saved := b.savings.Load()
		if saved < 1000 {
			break
		}
		if b.savings.CompareAndSwap(saved, saved-1000) {
			return true
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free = min(b.free+b.minimum*(now-b.lastFree).Seconds(), max(b.minimum, 1))
	b.lastFree = now
	if b.free < 1 {
		return false
	}
	b.free--
	return true
}
