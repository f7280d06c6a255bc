package gateway

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/middleware/clientip"
)

// guard bounds how many connections there are, in all and from one client.
//
// When there is no place for another one, a connection that waits in silence
// gives up its own: of some that are looked at, the one that has for longest. So
// those who open connections to send nothing, or a byte now and then, take
// places from one another, and clients with requests in work keep theirs.
type guard struct {
	metrics *metrics
	epoch   time.Time
	write   atomic.Int64 // write_time, in nanoseconds

	mu        sync.Mutex
	most      int
	perClient int
	exempt    *clientip.Resolver // trusted proxies are many clients in one
	open      map[*conn]struct{}
	clients   map[netip.Prefix]int // never more than open
}

func newGuard(m *metrics) *guard {
	return &guard{metrics: m, epoch: time.Now(), open: map[*conn]struct{}{}, clients: map[netip.Prefix]int{}}
}

// set puts the bounds of a table in force. Connections that are open stay.
func (g *guard) set(t *table) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most, g.perClient = t.cfg.Bounds.Connections, t.cfg.Bounds.ConnectionsPerClient
	g.exempt = t.resolver
	g.write.Store(int64(t.cfg.Bounds.WriteTime))
}

// evictionLook is how many connections are looked at to find one that waits.
const evictionLook = 64

// admit wraps a new connection, or closes it when there is no place.
func (g *guard) admit(raw net.Conn) *conn {
	peer := clientip.Peer(raw.RemoteAddr().String())
	c := &conn{Conn: raw, guard: g, peer: peer, key: clientKey(peer), client: clientip.Key(peer)}
	c.waiting.Store(g.now())
	g.mu.Lock()
	var evicted *conn
	refused := ""
	switch {
	case g.clients[c.client] >= g.perClient && !g.exempt.Trusts(peer):
		refused = refusedPerClient
	case len(g.open) >= g.most:
		if evicted = g.longestSilent(); evicted == nil {
			refused = refusedFull
		} else {
			g.remove(evicted)
		}
	}
	if refused == "" {
		g.open[c] = struct{}{}
		g.clients[c.client]++
	}
	g.mu.Unlock()
	if evicted != nil {
		g.metrics.evicted.Add(1)
		_ = evicted.Conn.Close() // its server learns of it by reading
	}
	if refused != "" {
		g.metrics.refuse(refused)
		_ = raw.Close() // nothing was said on it
		return nil
	}
	g.metrics.accepted.Add(1)
	return c
}

// longestSilent returns a connection that may be closed for another one; nil
// when those that were looked at are all in work. Locked.
func (g *guard) longestSilent() *conn {
	var best *conn
	var since int64
	looked := 0
	for c := range g.open { // a map begins anywhere, which is what makes it a sample
		if at := c.waiting.Load(); at > 0 && (best == nil || at < since) {
			best, since = c, at
		}
		if looked++; looked == evictionLook {
			break
		}
	}
	return best
}

// leave forgets a connection that is closed.
func (g *guard) leave(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remove(c)
}

// remove is leave. Locked.
func (g *guard) remove(c *conn) {
	if _, ok := g.open[c]; !ok {
		return
	}
	delete(g.open, c)
	if g.clients[c.client]--; g.clients[c.client] <= 0 {
		delete(g.clients, c.client)
	}
}

// counts are how many connections and clients there are.
func (g *guard) counts() (connections, clients int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.open), len(g.clients)
}

// now is a time that is never zero.
func (g *guard) now() int64 { return int64(time.Since(g.epoch)) + 1 }
