package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// names are the addresses that a server's name stands for. They are looked up
// before the first connection and then every while, so that a server that moved
// is found, and connections to where it no longer is are given up.
type names struct {
	version atomic.Uint64 // counts changes of list

	mu   sync.Mutex
	list []string // sorted; nil before the first lookup and for literal addresses
	next int      // connections go round the list
}

// refresh looks the name up again and reports whether an address that was
// there is gone. A lookup that fails changes nothing.
func (n *names) refresh(ctx context.Context, g *Registry, addr string) bool {
	n.mu.Lock()
	before := n.list
	n.mu.Unlock()
	if before == nil {
		return false
	}
	host, _, _ := net.SplitHostPort(addr)
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	list, err := g.lookupSorted(ctx, host)
	if err != nil {
		g.log.Debug("an upstream's name could not be looked up again", "upstream", host, "error", err)
		return false
	}
	if slices.Equal(before, list) {
		return false
	}
	n.mu.Lock()
	n.list = list
	n.mu.Unlock()
	n.version.Add(1)
	return slices.ContainsFunc(before, func(a string) bool { return !slices.Contains(list, a) })
}

// stale reports whether the server's name no longer stands for an address.
func (n *names) stale(remote net.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.list == nil || remote == nil {
		return false
	}
	host, _, err := net.SplitHostPort(remote.String())
	return err == nil && !slices.Contains(n.list, host)
}

func (g *Registry) lookupSorted(ctx context.Context, host string) ([]string, error) {
	list, err := g.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s has no address", host)
	}
	slices.Sort(list)
	return list, nil
}

// addresses returns where to connect to, beginning with another one each time.
func (n *names) addresses(ctx context.Context, g *Registry, host string) ([]string, error) {
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{host}, nil
	}
	n.mu.Lock()
	known := n.list
	n.mu.Unlock()
	if known == nil {
		list, err := g.lookupSorted(ctx, host)
		if err != nil {
			return nil, err
		}
		n.mu.Lock()
		n.list, known = list, list
		n.mu.Unlock()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next++
	from := n.next % len(known)
	return append(slices.Clone(known[from:]), known[:from]...), nil
}

// dial connects to a server, trying its addresses in turn within the time.
func (g *Registry) dial(ctx context.Context, s *server, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	host, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return nil, &dialError{err}
	}
	addresses, err := s.names.addresses(ctx, g, host)
	if err != nil {
		return nil, &dialError{err}
	}
	var failures []error
	deadline, _ := ctx.Deadline()
	for i, address := range addresses {
		part := time.Until(deadline) / time.Duration(len(addresses)-i)
		one, stop := context.WithTimeout(ctx, part)
		c, err := g.dialer.DialContext(one, "tcp", net.JoinHostPort(address, port))
		stop()
		if err == nil {
			return c, nil
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, &dialError{errors.Join(failures...)}
}

// dialAddress connects the reference path's transports: it knows servers by
// where they are.
func (g *Registry) dialAddress(timeout time.Duration) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		return g.dial(ctx, g.serverAt(addr), timeout)
	}
}

// serverAt finds a server by its address; one that is no longer in use is made
// up for the request that still needs it.
func (g *Registry) serverAt(addr string) *server {
	for _, s := range g.all() {
		if s.addr == addr {
			return s
		}
	}
	return &server{addr: addr}
}
