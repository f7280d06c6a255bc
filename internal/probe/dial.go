package probe

import (
	"context"
	"net"
	"net/http/httptrace"
	"net/netip"
	"time"
)

// route says how connections are made: the same for every request of a probe.
type route struct {
	network string              // tcp, tcp4 or tcp6
	resolve map[string]endpoint // by "host:port"
	proxy   *proxyServer        // nil: straight to the target
	tls     *tlsSettings
}

// newResolver returns Go's own resolver. Its lookups end with their context,
// also when a name server does not answer: Go alone would let them wait for the
// server's timeout in the background.
func newResolver(dial func(ctx context.Context, network, address string) (net.Conn, error)) *net.Resolver {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil {
			interruptible(ctx, conn) // the resolver ends ctx itself when it is through
		}
		return conn, err
	}}
}

// dial connects to the endpoint and accounts DNS and Connect. A name with
// several addresses is tried as RFC 8305 says: that is what net.Dialer does.
func (a *attempt) dial(to endpoint) (net.Conn, error) {
	a.to = to
	conn, err := a.dialSocket(to)
	a.socket = conn
	return conn, err
}

func (a *attempt) dialSocket(to endpoint) (net.Conn, error) {
	if to.addr.IsValid() {
		a.enter(stageConnect, &a.resp.Phases.Connect)
		if !familyHas(a.network, to.addr.Addr()) {
			return nil, failure(ClassConnect, nil, "%s is no %s address, which `ip` asks for", to.host, familyName(a.network))
		}
		// Not Dialer.DialTCP: its zero local address is bound before it connects
		// (Go 1.26), and a bound port serves one connection, whatever the target, so
		// that the kernel searches for a free one and runs out of them.
		conn, err := a.http.dialer.DialContext(a.ctx, a.network, to.addr.String())
		if err != nil {
			return nil, a.dialFailed(err)
		}
		return conn, nil
	}
	a.enter(stageDNS, &a.resp.Phases.DNS)
	// The hook runs in this goroutine, between resolving and connecting.
	ctx := httptrace.WithClientTrace(a.ctx, &httptrace.ClientTrace{
		DNSDone: func(info httptrace.DNSDoneInfo) {
			if info.Err == nil {
				a.enter(stageConnect, &a.resp.Phases.Connect)
			}
		},
	})
	conn, err := a.http.dialer.DialContext(ctx, a.network, to.String())
	if err != nil {
		return nil, a.dialFailed(err)
	}
	return conn, nil
}

func familyHas(network string, address netip.Addr) bool {
	switch network {
	case "tcp4":
		return address.Unmap().Is4()
	case "tcp6":
		return address.Is6() && !address.Is4In6()
	default:
		return true
	}
}

// connect opens the connection for one message: directly or through the
// proxy, with TLS for https. On success the caller owns the connection.
func (a *attempt) connect(m *message) (*connection, error) {
	a.network = a.probe.route.network
	c := &connection{}
	var err error
	if proxy := a.probe.route.proxy; proxy != nil {
		a.viaProxy = true
		c.Conn, err = a.throughProxy(proxy, m.at, c)
		a.viaProxy = false
	} else {
		to := m.at
		if other, ok := a.probe.route.resolve[to.String()]; ok {
			to = other
		}
		c.Conn, err = a.dial(to)
	}
	if err != nil {
		return nil, err
	}
	c.raw, c.socket = c.Conn, a.socket
	c.to, c.purpose, c.opened = a.to, a.purposeOf(m), time.Now()
	c.remote = c.RemoteAddr().String()
	a.resp.RemoteAddr = c.remote
	if m.at.scheme == "https" {
		if err := a.secure(c, m.at.host); err != nil {
			_ = c.raw.Close()
			return nil, err
		}
	}
	return c, nil
}

// connection is one connection. It serves one request, or with `keep_alive` one
// after the other.
type connection struct {
	net.Conn
	raw      net.Conn // below TLS
	socket   net.Conn // below everything
	h2       bool     // HTTP/2 was negotiated or is known
	absolute bool     // the request line holds the whole URL: a plain request through an HTTP proxy

	to       endpoint // what was connected to
	remote   string   // its address
	tls      *TLS     // what the handshake told; nil without TLS
	purpose  purpose
	opened   time.Time
	expiry   *time.Timer // nil until it was kept for the first time
	reused   bool        // it has brought an answer before
	answered bool        // the present answer has begun
	again    bool        // it may bring another
}

// interruptible makes reads and writes of c fail as soon as ctx ends, until
// the returned function is called.
func interruptible(ctx context.Context, c net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(longAgo) })
}
