package upstream

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// server is one address, whichever pools have it.
type server struct {
	origin string // "http://127.0.0.1:8000"
	addr   string // host and port to connect to
	slots  slots
	idle   idleConns
	names  names

	opened   atomic.Int64 // connections of the lean path that are open
	requests atomic.Uint64
	failed   atomic.Uint64 // transport failures and 5xx

	since    atomic.Int64 // when it joined or last came back: slow start counts from here
	until    atomic.Int64 // ejected until then; 0: never was
	inARow   atomic.Int32 // failures since the last good exchange
	mu       sync.Mutex   // the fields below
	ejected  int          // how many times, forgiven with time
	total    uint64       // the same, never forgiven
	why      string       // of the last ejection
	checkers map[checkID]*checker
}

func newServer(m *member, now time.Duration) *server {
	s := &server{origin: m.origin, addr: dialAddr(m.url.Scheme, m.url.Hostname(), m.url.Port()), checkers: map[checkID]*checker{}}
	s.since.Store(int64(now))
	return s
}

func dialAddr(scheme, host, port string) string {
	if port == "" {
		port = "80"
		if scheme == "https" {
			port = "443"
		}
	}
	return net.JoinHostPort(host, port)
}

// out reports whether the server is ejected.
func (s *server) out(now time.Duration) bool { return s.until.Load() > int64(now) }

// keep sets how many idle connections are kept; the last pool decides.
func (s *server) keep(c Connections) { s.idle.configure(c.KeepIdle, c.IdleTime) }

// retire closes what is idle; what is in work closes when it ends.
func (s *server) retire() { s.idle.close() }

// share is the part of its weight that a server gets while it starts slowly: a
// tenth at first, all of it after the time.
func (s *server) share(now, slow time.Duration) float64 {
	age := now - time.Duration(s.since.Load())
	if slow <= 0 || age >= slow {
		return 1
	}
	return 0.1 + 0.9*float64(max(age, 0))/float64(slow)
}
