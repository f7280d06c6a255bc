package upstream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// slots count a server's exchanges in work, and hold those back that are too
// many, in order of their arrival.
type slots struct {
	inWork atomic.Int64
	queued atomic.Int64

	mu      sync.Mutex
	waiting []chan struct{} // closed when a slot was handed over
}

func (s *slots) full(most int) bool { return most > 0 && s.inWork.Load() >= int64(most) }

// take gets a slot, waiting for one where c lets it.
func (s *slots) take(ctx context.Context, c *Connections) error {
	if c.Max <= 0 {
		s.inWork.Add(1)
		return nil
	}
	s.mu.Lock()
	if len(s.waiting) == 0 && s.inWork.Load() < int64(c.Max) {
		s.inWork.Add(1)
		s.mu.Unlock()
		return nil
	}
	if len(s.waiting) >= c.Queue {
		s.mu.Unlock()
		return errQueueFull
	}
	turn := make(chan struct{})
	s.waiting = append(s.waiting, turn)
	s.queued.Store(int64(len(s.waiting)))
	s.mu.Unlock()

	timer := time.NewTimer(c.Wait)
	defer timer.Stop()
	var err error
	select {
	case <-turn:
		return nil
	case <-timer.C:
		err = errQueueWait
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if !s.leave(turn) {
		return nil // it was handed over in this very moment
	}
	return err
}

// leave takes a waiter out of the queue; false when it has its slot already.
func (s *slots) leave(turn chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.waiting {
		if w == turn {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			s.queued.Store(int64(len(s.waiting)))
			return true
		}
	}
	return false
}

// give returns a slot, to the first who waits when there is one.
func (s *slots) give(c *Connections) {
	if c.Max <= 0 && s.queued.Load() == 0 {
		s.inWork.Add(-1)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 && (c.Max <= 0 || s.inWork.Load() <= int64(c.Max)) {
		close(s.waiting[0])
		s.waiting[0] = nil
		s.waiting = s.waiting[1:]
		s.queued.Store(int64(len(s.waiting)))
		return
	}
	s.inWork.Add(-1)
}
