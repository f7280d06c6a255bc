package upstream

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// patience is how long an exchange is expected to take: nothing is done for
// those that last longer until they do. Then their client is watched, and what
// was written is flushed.
const patience = 25 * time.Millisecond

// connBuffer is what one read of an answer brings at most before its length is
// known; most answers end in it.
const connBuffer = 8 << 10

// conn is one connection of the lean path. One exchange at a time has it.
type conn struct {
	net       net.Conn
	server    *server
	idleSince time.Duration
	names     uint64 // version of the server's addresses when it was made
	closed    sync.Once

	buf  []byte // buf[r:w] was read and not yet used
	r, w int

	raw     syscall.RawConn // nil: it cannot be looked at
	peek    func(fd uintptr)
	quiet   bool        // what peek found: open, and nothing to read
	aborted atomic.Bool // whoever waits on it gives up
}

func newConn(c net.Conn, s *server, names uint64) *conn {
	k := &conn{net: c, server: s, names: names, buf: make([]byte, connBuffer)}
	if sc, ok := c.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			k.raw, k.peek = raw, k.look
		}
	}
	s.opened.Add(1)
	return k
}

func (c *conn) close() {
	c.closed.Do(func() {
		_ = c.net.Close() //nolint:errcheck // nothing is left to do about it
		c.server.opened.Add(-1)
	})
}

// moved reports whether the server's name no longer stands for where the
// connection goes.
func (c *conn) moved() bool {
	version := c.server.names.version.Load()
	if c.names == version {
		return false
	}
	if c.server.names.stale(c.net.RemoteAddr()) {
		return true
	}
	c.names = version
	return false
}

// abort makes whoever waits on the connection give up. The order of the two
// steps is what wait relies on.
func (c *conn) abort() {
	c.aborted.Store(true)
	_ = c.net.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // a closed one needs no deadline
}

// wait sets until when the next read may take, unless abort was called.
func (c *conn) wait(d time.Duration) error {
	deadline := time.Time{}
	if d > 0 {
		deadline = time.Now().Add(d)
	}
	if err := c.net.SetReadDeadline(deadline); err != nil {
		return err
	}
	if c.aborted.Load() {
		return context.Canceled
	}
	return nil
}

// fit reports whether a kept connection can be used: the server has neither
// closed it nor sent what nobody asked for. The latter would be taken for the
// answer of the next request.
func (c *conn) fit() bool {
	if c.raw == nil {
		return true
	}
	c.quiet = false
	if err := c.raw.Control(c.peek); err != nil {
		return false
	}
	return c.quiet
}

func (c *conn) buffered() []byte { return c.buf[c.r:c.w] }

// room makes place for more in the buffer, which may grow to most bytes; false
// when it is full.
func (c *conn) room(most int) bool {
	if c.r > 0 {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	if c.w < len(c.buf) {
		return true
	}
	if len(c.buf) >= most {
		return false
	}
	grown := make([]byte, min(2*len(c.buf), most))
	copy(grown, c.buf)
	c.buf = grown
	return true
}

// rest readies the connection for being kept: a large buffer is not.
func (c *conn) rest() {
	c.r, c.w = 0, 0
	if len(c.buf) > connBuffer {
		c.buf = make([]byte, connBuffer)
	}
}
