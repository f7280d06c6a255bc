package upstream

import (
	"sync"
	"time"
)

// idleConns are a server's kept connections of the lean path, the last used on
// top: in quiet times the others grow old and go.
type idleConns struct {
	mu     sync.Mutex
	stack  []*conn
	most   int
	time   time.Duration
	closed bool
}

func (s *idleConns) configure(most int, idle time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most, s.time, s.closed = most, idle, false
}

// take returns the connection that was used last, nil when there is none.
func (s *idleConns) take() *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.stack) - 1
	if last < 0 {
		return nil
	}
	c := s.stack[last]
	s.stack[last] = nil
	s.stack = s.stack[:last]
	return c
}

// put keeps a connection; false when it is not wanted, and the caller closes it.
func (s *idleConns) put(c *conn, now time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.stack) >= s.most {
		return false
	}
	c.idleSince = now
	s.stack = append(s.stack, c)
	return true
}

func (s *idleConns) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.stack)
}

// sweep closes connections that were idle for too long.
func (s *idleConns) sweep(now time.Duration) {
	s.remove(func(c *conn) bool { return now-c.idleSince >= s.time })
}

// sweepAddresses closes connections to where the server no longer is.
func (s *idleConns) sweepAddresses(n *names) {
	s.remove(func(c *conn) bool { return n.stale(c.net.RemoteAddr()) })
}

// drain closes all, and goes on.
func (s *idleConns) drain() { s.remove(func(*conn) bool { return true }) }

// close closes all, for good unless the server is configured again.
func (s *idleConns) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.drain()
}

func (s *idleConns) remove(which func(*conn) bool) {
	var gone []*conn
	s.mu.Lock()
	kept := s.stack[:0]
	for _, c := range s.stack {
		if which(c) {
			gone = append(gone, c)
		} else {
			kept = append(kept, c)
		}
	}
	clear(s.stack[len(kept):])
	s.stack = kept
	s.mu.Unlock()
	for _, c := range gone {
		c.close()
	}
}
