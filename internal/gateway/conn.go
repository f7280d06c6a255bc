package gateway

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a client's connection, as it was accepted: TLS is on top of it.
type conn struct {
	net.Conn

	guard  *guard
	peer   netip.Addr
	key    string       // ClientKey of peer
	client netip.Prefix // who is counted
	tls    bool         // TLS is on top of it

	waiting  atomic.Int64 // since when it is silent, by guard.now; 0: in work
	again    atomic.Bool  // a request was served: what comes next is another one
	reached  atomic.Bool  // its last request reached the handler
	status   atomic.Int32 // that was written before any did; 0
	deadline atomic.Int64 // of writing, by guard.now; 0: none
	closing  sync.Once
}

// connKey finds the *conn in a request's context.
type connKey struct{}

// Write implements net.Conn. A client that takes nothing for write_time is cut off.
func (c *conn) Write(p []byte) (int, error) {
	if most := c.guard.write.Load(); most > 0 {
		now := c.guard.now()
		// Half as long again, so that many small parts do not set it each anew.
		if c.deadline.Load()-now < most {
			c.deadline.Store(now + most + most/2)
			_ = c.Conn.SetWriteDeadline(time.Now().Add(time.Duration(most + most/2))) // when it fails, the write does, too
		}
	}
	if !c.reached.Load() {
		c.note(p)
	}
	return c.Conn.Write(p)
}

// note keeps the status of an answer that net/http gives by itself, to requests
// that it cannot read. Below TLS there is nothing to see but whether it is more
// than the end of TLS itself: it is 400 then, as it mostly is.
//
// A connection that waits may have such a request, too: of one that came right
// behind another, net/http tells nothing.
func (c *conn) note(p []byte) {
	const farewell = 64 // bytes that an alert of TLS has at most
	switch {
	case c.waiting.Load() != 0 && !c.again.Load(): // TLS begins
	case c.tls && c.waiting.Load() != 0 && len(p) <= farewell:
	case len(p) >= 12 && string(p[:7]) == "HTTP/1." && isDigit(p[9]) && isDigit(p[10]) && isDigit(p[11]):
		c.status.Store(int32(p[9]-'0')*100 + int32(p[10]-'0')*10 + int32(p[11]-'0'))
	case c.tls:
		c.status.CompareAndSwap(0, http.StatusBadRequest)
	}
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// SetDeadline implements net.Conn: whoever takes the connection over has
// deadlines of its own.
func (c *conn) SetDeadline(t time.Time) error {
	c.deadline.Store(0)
	return c.Conn.SetDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.deadline.Store(0)
	return c.Conn.SetWriteDeadline(t)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.closing.Do(func() { c.guard.leave(c) })
	return err
}

// CloseWrite lets net/http end an answer so that a client that still sends can
// read it.
func (c *conn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// follow is the server's ConnState hook. It returns a connection whose request
// never reached the handler because net/http could not read it.
func follow(raw net.Conn, state http.ConnState) (unread *conn) {
	c := connOf(raw)
	if c == nil {
		return nil
	}
	switch state {
	case http.StateActive:
		c.waiting.Store(0)
		c.reached.Store(false)
		c.status.Store(0)
	case http.StateIdle:
		c.again.Store(true)
		c.reached.Store(false)
		c.status.Store(0)
		c.waiting.Store(c.guard.now())
	case http.StateClosed:
		if !c.reached.Load() && c.status.Load() != 0 && !speaksH2(raw) {
			return c
		}
	}
	return nil
}

// reach notes that a request reached the handler. One that came right behind
// another has not made the connection active: it is in work all the same.
func (c *conn) reach(major int) {
	if !c.reached.Load() {
		c.reached.Store(true)
	}
	if major == 1 && c.waiting.Load() != 0 {
		c.waiting.Store(0)
	}
}

func speaksH2(raw net.Conn) bool {
	c, ok := raw.(*tls.Conn)
	return ok && c.ConnectionState().NegotiatedProtocol == "h2"
}

// connOf finds the accepted connection below TLS.
func connOf(raw net.Conn) *conn {
	switch c := raw.(type) {
	case *conn:
		return c
	case *tls.Conn:
		inner, _ := c.NetConn().(*conn)
		return inner
	}
	return nil
}
