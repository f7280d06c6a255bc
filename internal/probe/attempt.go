package probe

import (
	"context"
	"net"
	"net/url"
	"time"
)

// attempt is one request on its way, redirects included: what was measured,
// and what it is doing now. It belongs to one goroutine.
type attempt struct {
	http  *HTTP
	probe *Probe
	ctx   context.Context
	in    Input

	resp  *Response
	token authorization

	began time.Time      // of Do, for "no answer within 2s"
	mark  time.Time      // when the present phase began
	phase *time.Duration // the present phase, nil: none
	stage stage

	network  string
	host     string   // of the first request: whom client certificates are for
	to       endpoint // what is being connected to
	viaProxy bool     // it is the proxy
	socket   net.Conn // the last one that was dialled

	received int64 // bytes of the body on the wire so far
	expected int64 // its length on the wire, -1: unknown
}

// enter ends the present phase and begins another (nil: none). A phase that
// fails so has the time that was spent in it.
func (a *attempt) enter(s stage, phase *time.Duration) {
	now := time.Now()
	if a.phase != nil {
		*a.phase += now.Sub(a.mark)
	}
	a.stage, a.phase, a.mark = s, phase, now
}

// run makes the request: credentials, then the exchange, then its redirects.
func (a *attempt) run() (*Response, error) {
	p := a.probe
	a.resp = &Response{}
	if a.began.IsZero() {
		a.began = time.Now()
	}
	m, err := p.message(a.in.Vars)
	if err != nil {
		a.resp.Sent = Sent{Method: p.method, URL: p.shownURL, Via: p.via}
		return a.resp, err
	}
	a.host = m.at.host
	var added [2]field
	extra := added[:0]
	if a.in.Traceparent != "" && m.value("Traceparent") == "" {
		extra = append(extra, field{"Traceparent", a.in.Traceparent})
	}
	if p.auth != nil {
		a.stage = stageToken
		if a.token, err = p.auth.authorize(a); err != nil {
			a.resp.Sent = m.sent(p.via)
			a.note(a.token.secrets...)
			a.noteCredentials(m)
			a.noteCookies(m)
			return a.resp, err
		}
		extra = append(extra, field{"Authorization", a.token.value})
	}
	m = m.with(extra...).withCookies(a.in.Jar)
	a.resp.Sent = m.sent(p.via)
	a.note(a.token.secrets...)
	a.noteCredentials(m)
	a.noteCookies(m)
	err = a.follow(m)
	a.enter(a.stage, nil)
	return a.resp, err
}

// follow exchanges m and goes where redirects lead.
func (a *attempt) follow(m *message) error {
	var visited []string
	for {
		to, err := a.exchange(m)
		if err != nil || to == nil {
			return err
		}
		visited = append(visited, m.url.String())
		if err := a.probe.redirects.allow(m.url, to, visited); err != nil {
			return err
		}
		a.resp.Redirects = append(a.resp.Redirects, shownURL(to))
		next, err := m.afterRedirect(a.resp.Status, to)
		if err != nil {
			return err
		}
		next.fields = a.ownCookies(m, next)
		m = next.withCookies(a.in.Jar)
		a.noteCookies(m)
	}
}

// ownCookies drops the cookies that the jar added for the hop before; the
// configured ones stay while the redirects stay on the host.
func (a *attempt) ownCookies(before, next *message) []field {
	if a.in.Jar == nil {
		return next.fields
	}
	fields := without(next.fields, "Cookie")
	if trusts(before.url, next.url) && next.at.host == a.host {
		for _, f := range a.probe.fields {
			if value, err := f.value.fill(a.in.Vars); f.name == "Cookie" && err == nil {
				fields = append(fields, field{"Cookie", value})
			}
		}
	}
	return fields
}

// exchange sends m and reads the answer, on a connection of its own or one that
// was kept. It returns the URL of a redirect that is to be followed; its body is
// then not read.
func (a *attempt) exchange(m *message) (*url.URL, error) {
	a.resp.TLS = nil
	if c := a.kept(m); c != nil {
		before := a.resp.Phases
		to, err := a.exchangeOn(c, m)
		if err == nil || !a.stale(c) { // without an error the connection is not ours any more
			return to, err
		}
		// Once more, on a new connection (RFC 9112 §9.3.1). The time that the dead
		// one took says nothing about the target.
		a.resp.Phases, a.resp.TLS = before, nil
	}
	c, err := a.connect(m)
	if err != nil {
		return nil, err
	}
	if a.probe.version == "2" {
		if m.at.scheme == "https" && !c.h2 {
			_ = c.raw.Close()
			return nil, failure(ClassProtocol, nil, "%s does not speak HTTP/2, which `http: \"2\"` forces (ALPN chose %s)", m.at, alpn(a.resp.TLS))
		}
		c.h2 = true
	}
	return a.exchangeOn(c, m)
}

// exchangeOn does it on an open connection, and keeps or closes it.
func (a *attempt) exchangeOn(c *connection, m *message) (*url.URL, error) {
	stop := interruptible(a.ctx, c.raw)
	var to *url.URL
	var err error
	if c.h2 {
		to, err = a.exchange2(c, m)
	} else {
		to, err = a.exchange1(c, m)
	}
	a.enter(a.stage, nil)
	untouched := stop() // else its deadline has passed, or does at any moment
	switch {
	case err != nil || to != nil:
		_ = c.raw.Close() // at once: a TLS farewell to a stuck peer would block
	case c.again && untouched:
		a.probe.idle.put(c)
	default:
		_ = c.Close()
	}
	return to, err
}

func alpn(t *TLS) string {
	if t == nil || t.ALPN == "" {
		return "none"
	}
	return t.ALPN
}
