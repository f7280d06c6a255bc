package upstream

import (
	"net"
	"sync"
	"time"
)

// patience is how long an exchange is expected to take: nothing is done for
// those that last longer until they do. Then their client is watched, and what
// was written is flushed.
const patience = 25 * time.Millisecond

// conn is one connection of the lean path. One exchange at a time has it.
type conn struct {
	net       net.Conn
	server    *server
	idleSince time.Duration
	once      sync.Once
}

func (c *conn) close() {
	c.once.Do(func() {
		_ = c.net.Close() //nolint:errcheck // nothing is left to do about it
		c.server.opened.Add(-1)
	})
}
