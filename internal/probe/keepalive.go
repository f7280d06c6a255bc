package probe

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// idleTime is how long a connection waits for the next run.
	idleTime = 90 * time.Second
	// maxAge is how long a connection may serve: a check that always finds its
	// connection open would never see that DNS or the certificate have changed.
	maxAge = 10 * time.Minute
	// maxIdle is how many connections one probe keeps. It needs one; another when
	// redirects lead to a second host, or when two runs overlap.
	maxIdle = 2
)

// idle keeps the open connections of one probe between its runs. The zero value
// is ready.
//
// Nobody listens to them meanwhile: take looks at a connection before it hands
// it out, so that one which the server has closed, or on which it has spoken
// without being asked, serves no run.
type idle struct {
	mu     sync.Mutex
	list   []*connection // oldest first
	closed bool
}

// purpose says what a connection is good for. All else that matters (proxy,
// addresses, TLS settings) is the probe's, and the connections are its own.
type purpose struct {
	scheme, host, port string
	own                bool // with the client certificate and server name of the request's own host
}

// take returns a connection for the purpose that is open and silent, or nil.
func (s *idle) take(what purpose) *connection {
	for {
		c := s.pop(what)
		if c == nil {
			return nil
		}
		if c.fresh(time.Now()) && silent(c.socket) {
			c.reused, c.again, c.answered = true, false, false
			return c
		}
		_ = c.raw.Close()
	}
}

// pop takes the newest connection for the purpose out of the list.
func (s *idle) pop(what purpose) *connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range slices.Backward(s.list) {
		if c.purpose == what {
			s.list = slices.Delete(s.list, i, i+1)
			c.expiry.Stop()
			return c
		}
	}
	return nil
}

// put keeps a connection for the next run, or closes it. The caller is done
// with it.
func (s *idle) put(c *connection) {
	if !c.fresh(time.Now()) || c.leftover() {
		_ = c.raw.Close()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.raw.Close()
		return
	}
	if len(s.list) >= maxIdle {
		s.list[0].expiry.Stop()
		_ = s.list[0].raw.Close()
		s.list = slices.Delete(s.list, 0, 1)
	}
	if c.expiry == nil {
		c.expiry = time.AfterFunc(idleTime, func() { s.expire(c) })
	} else {
		c.expiry.Reset(idleTime)
	}
	s.list = append(s.list, c)
}

// expire closes a connection that nobody took in time.
func (s *idle) expire(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.list, c); i >= 0 {
		s.list = slices.Delete(s.list, i, i+1)
		_ = c.raw.Close()
	}
}

// close closes what is kept, and whatever is put back from now on.
func (s *idle) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.list {
		c.expiry.Stop()
		_ = c.raw.Close()
	}
	s.list = nil
}

// fresh reports whether a new connection would be like this one.
func (c *connection) fresh(now time.Time) bool {
	return now.Sub(c.opened) < maxAge && (c.tls == nil || now.Before(c.tls.Expires))
}

// leftover reports whether a TLS layer holds bytes that came with the answer
// and do not belong to it: the next run must not take them for its own answer.
// What the socket itself holds is for silent to find.
func (c *connection) leftover() bool {
	if c.Conn == c.socket {
		return false
	}
	if err := c.SetReadDeadline(longAgo); err != nil {
		return true
	}
	var one [1]byte
	if n, err := c.Read(one[:]); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	return c.SetReadDeadline(time.Time{}) != nil
}

// keeps reports whether m may be sent on a connection that served before, and
// leave its own open. That a server closes an idle connection shows only after
// the request was sent, so such a request may have to be sent twice: only those
// that are harmless to repeat (RFC 9110 §9.2.2).
func (p *Probe) keeps(m *message) bool { return p.keepAlive && idempotent(m.method) }

func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// kept returns an open connection for m, or nil.
func (a *attempt) kept(m *message) *connection {
	if !a.probe.keeps(m) {
		return nil
	}
	c := a.probe.idle.take(a.purposeOf(m))
	if c == nil {
		return nil
	}
	a.network, a.to = a.probe.route.network, c.to
	a.resp.RemoteAddr, a.resp.TLS = c.remote, c.tls
	return c
}

func (a *attempt) purposeOf(m *message) purpose {
	return purpose{scheme: m.at.scheme, host: m.at.host, port: m.at.port, own: m.at.host == a.host}
}

// stale reports that a kept connection was closed before it brought the first
// byte of an answer: the server gave it up while the request was on its way.
func (a *attempt) stale(c *connection) bool {
	return c.reused && !c.answered && a.ended() == nil
}

// mayServeAgain reports whether a connection can bring another answer after
// this one: both sides leave it open, the answer was read to its end, and
// nothing came after it (RFC 9112 §9.3).
func (w *wire) mayServeAgain(res *http.Response) bool {
	if res.Close || res.StatusCode == http.StatusSwitchingProtocols {
		return false
	}
	var one [1]byte
	n, err := res.Body.Read(one[:])
	return n == 0 && isEOF(err) && w.br.Buffered() == 0
}
