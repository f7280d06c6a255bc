package web

import (
	"net"
	"net/http"
	"sync"
)

// connections knows the connections that have not sent a byte yet. Browsers
// open some in advance, and net/http's Shutdown would wait five seconds for them.
type connections struct {
	mu     sync.Mutex
	silent map[net.Conn]bool
}

// follow is the server's ConnState hook.
func (c *connections) follow(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state != http.StateNew {
		delete(c.silent, conn)
		return
	}
	if c.silent == nil {
		c.silent = map[net.Conn]bool{}
	}
	c.silent[conn] = true
}

// closeSilent closes them. Nothing is lost: nobody has asked for anything.
func (c *connections) closeSilent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.silent {
		_ = conn.Close() // it is of no use either way
	}
}
