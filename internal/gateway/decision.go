package gateway

import (
	"cmp"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/middleware/clientip"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// DecisionPath is where the decision endpoint is on the gateway's own address,
// unless decision.path says otherwise.
const DecisionPath = "/.lapwing/decide"

// frontDoor is what the gateway's own address serves: requests for the proxy,
// and those of other proxies who ask what to do with theirs.
func (g *Gateway) frontDoor(w http.ResponseWriter, r *http.Request) {
	if t := g.table.Load(); t.decisionPath != "" && r.URL.Path == t.decisionPath && t.inquirers.Trusts(peerOf(r)) {
		g.serveDecision(w, r)
		return
	}
	g.serve(w, r)
}

// Decision is the decision endpoint, at whatever path it is mounted.
//
// It answers what is to be done with a request of which another proxy tells
// method, host, target and client in headers: 200, when it may go on, or what
// the client should be told. A throttled request is one whose answer takes a
// while. Bodies are not read.
//
// Only trusted proxies and loopback may ask. What it observes has no status but
// that of a refusal: what becomes of a request that may go on, nobody tells.
func (g *Gateway) Decision() http.Handler { return http.HandlerFunc(g.serveDecision) }

func (g *Gateway) serveDecision(w http.ResponseWriter, r *http.Request) {
	c := g.calls.Get().(*call)
	c.table = g.table.Load()
	c.exchange.Time = time.Now()
	g.metrics.inFlight.Add(1)
	p := passage{call: c}
	defer g.conclude(w, r, &p)

	refused := inquire(c, r)
	if refused != nil {
		g.begin(c)
	} else {
		refused = g.decide(r.Context(), c)
	}
	h := w.Header()
	h["X-Request-Id"] = []string{c.exchange.RequestID}
	if c.decided || refused == refusedQuota || refused == refusedCapacity {
		limit.AppendFields(h, &c.decision)
	}
	if refused == nil && !c.wait(r.Context()) {
		p.abort = true
		return
	}
	tell(h, c)
	if refused != nil {
		c.fields(h)
		status := refused.status
		h.Set("X-Lapwing-Status", strconv.Itoa(status))
		if wants403(r) && status != http.StatusUnauthorized {
			status = http.StatusForbidden
		}
		c.answer(w, status)
		c.exchange.Status = refused.status // what the client is told in the end
		return
	}
	h["Content-Length"] = []string{"0"}
	h["Cache-Control"] = noStore
	w.WriteHeader(http.StatusOK)
}

// tell tells the proxy what it may pass on to its upstream or choose it by.
func tell(h http.Header, c *call) {
	e := &c.exchange
	h.Set("X-Lapwing-Verdict", string(e.Verdict))
	h.Set("X-Lapwing-Client", e.ClientKey)
	if e.Tier != "" {
		h.Set("X-Lapwing-Tier", e.Tier)
	}
	if e.User != "" {
		h.Set("X-Lapwing-User", e.User)
	}
	if c.route != nil && c.refusal == nil {
		h.Set("X-Lapwing-Upstream", c.route.pool(c.decision.Upstream).name)
	}
	if c.refusal != nil && c.refusal.verdict != "" {
		h.Set("X-Lapwing-Verdict", string(c.refusal.verdict))
	}
	if c.trace.Valid() {
		h.Set("Traceparent", c.trace.Traceparent())
		if c.trace.State != "" {
			h.Set("Tracestate", c.trace.State)
		}
	}
}

// wants403 reports whether the proxy takes only 2xx, 401 and 403 for an answer,
// as nginx does: ?deny=403.
func wants403(r *http.Request) bool { return r.URL.RawQuery == "deny=403" }

// inquire fills in what the proxy asks about. Its own request is not looked at,
// but for the headers that it passed on.
func inquire(c *call, r *http.Request) *refusal {
	a, h := &c.asked, r.Header
	a.source = observe.SourceDecision
	a.peer, a.peerKey = peerOf(r), ""
	a.headers, a.proto = h, r.Proto
	c.cookies.headers = h
	a.resolver = c.table.inquirers
	a.trusted = a.resolver.Trusts(a.peer)
	a.method = first(h, r.Method, "X-Original-Method", "X-Forwarded-Method")
	a.target = first(h, "", "X-Original-Uri", "X-Forwarded-Uri")
	a.host = first(h, r.Host, "X-Original-Host", "X-Forwarded-Host")
	a.scheme = strings.ToLower(first(h, "http", "X-Forwarded-Proto"))
	if a.scheme != "https" && a.scheme != "wss" {
		a.scheme = "http"
	} else {
		a.scheme = "https"
	}
	if rest, ok := cutOrigin(a.target); ok { // some send the whole URL
		a.target = rest
	}
	switch {
	case !a.trusted:
		a.method, a.target, a.host = r.Method, "", r.Host // nothing of it is believed
		return c.refuse(refusedInquirer, "")
	case torn(h):
		a.target = ""
		return c.refuse(refusedInquiry, "the headers X-Original-… and X-Forwarded-… are about different requests; the proxy must take off those that it does not set itself")
	case a.target == "":
		return c.refuse(refusedInquiry, "send the original request's target in X-Original-URI (nginx, HAProxy) or X-Forwarded-Uri (Caddy, Traefik)")
	}
	return nil
}

// torn reports whether the original request is told in two ways that differ. A
// proxy writes one of them and passes on the other as its client sent it: who
// believed that one would decide about another request than the one that is
// served.
func torn(h http.Header) bool {
	for _, names := range [...][2]string{
		{"X-Original-Uri", "X-Forwarded-Uri"}, {"X-Original-Method", "X-Forwarded-Method"}, {"X-Original-Host", "X-Forwarded-Host"},
	} {
		told := ""
		for _, name := range names {
			for _, text := range h[name] {
				if told != "" && text != "" && text != told {
					return true
				}
				told = cmp.Or(told, text)
			}
		}
	}
	return false
}

// first returns the first header that says something, or another text. Names are
// in canonical form.
func first(h http.Header, otherwise string, names ...string) string {
	for _, name := range names {
		for _, text := range h[name] {
			if text != "" {
				return text
			}
		}
	}
	return otherwise
}

// cutOrigin takes scheme and host off a URL.
func cutOrigin(target string) (rest string, ok bool) {
	for _, scheme := range [...]string{"http://", "https://"} {
		if rest, ok := strings.CutPrefix(target, scheme); ok {
			if i := strings.IndexAny(rest, "/?"); i >= 0 && rest[i] == '/' {
				return rest[i:], true
			}
			return "/", true
		}
	}
	return "", false
}

// peerOf is who is at the other end of the connection.
func peerOf(r *http.Request) netip.Addr {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		return c.peer
	}
	return clientip.Peer(r.RemoteAddr)
}
