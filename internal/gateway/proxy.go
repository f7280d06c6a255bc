package gateway

import (
	"errors"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"lapwing.dev/lapwing/middleware/clientip"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

// serve takes one request through the gateway. Whatever becomes of it, conclude
// observes it.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	c := g.calls.Get().(*call)
	c.table = g.table.Load()
	c.exchange.Time = time.Now()
	g.metrics.inFlight.Add(1)
	p := passage{call: c}
	defer g.conclude(w, r, &p)

	describe(c, r)
	refused := g.decide(r.Context(), c)
	h := w.Header()
	h["X-Request-Id"] = []string{c.exchange.RequestID}
	if c.decided || refused == refusedQuota || refused == refusedCapacity {
		limit.AppendFields(h, &c.decision)
	}
	if refused == nil && !c.queue(r) {
		p.abort = true
		return
	}
	if refused == nil && c.isGRPC(r) {
		p.messages = true
		r.Body = boundMessages(r.Body, c.route.maxBody)
	} else if p.body = pace(w, r, c.table); p.body != nil {
		r.Body = p.body
	}
	if refused == nil {
		if refused = g.validate(c, r); refused == refusedBody && p.body != nil && p.body.tooSlow() {
			refused = c.refuse(refusedSlow, "")
		}
	}
	if refused == nil {
		refused = g.forward(w, r, &p)
	}
	if refused != nil {
		c.fields(h)
		c.answer(w, refused.status)
	}
}

// passage is what a request through the proxy has besides its call.
type passage struct {
	*call
	body     *pacedBody // nil: none that could be slow
	messages bool       // the body is a gRPC stream
	finished bool       // Forward returned
	forwards bool       // Forward was called
	abort    bool       // nobody is there to answer
}

// describe fills in what the decision core is asked.
func describe(c *call, r *http.Request) {
	a := &c.asked
	a.source = observe.SourceGateway
	a.method, a.host, a.headers, a.proto = r.Method, r.Host, r.Header, r.Proto
	a.target = r.RequestURI
	if a.target == "" || a.target[0] != '/' && r.URL.Host != "" {
		a.target = r.URL.RequestURI() // a target in absolute form (RFC 9112 §3.2.2); Host is that of the target then
	}
	if conn, ok := r.Context().Value(connKey{}).(*conn); ok {
		a.peer, a.peerKey = conn.peer, conn.key
	} else {
		a.peer = clientip.Peer(r.RemoteAddr)
	}
	a.scheme = "http"
	if r.TLS != nil {
		a.scheme = "https"
	}
	a.resolver = c.table.resolver
	a.trusted = a.resolver.Trusts(a.peer)
	if a.trusted {
		if proto := strings.ToLower(r.Header.Get("X-Forwarded-Proto")); proto == "http" || proto == "https" {
			a.scheme = proto
		}
		if host := r.Header.Get("X-Forwarded-Host"); host != "" && readableHost(host) && readableHost(a.host) {
			a.host = host
		}
	}
	c.cookies.headers = r.Header
}

// forward sends the request to an upstream and its answer back. It returns what
// to answer when that failed before anything was sent.
func (g *Gateway) forward(w http.ResponseWriter, r *http.Request, p *passage) *refusal {
	c := p.call
	c.out.Peer, c.out.Client, c.out.TrustForwarded = c.asked.peer, c.exchange.Client, c.asked.trusted
	c.out.Scheme, c.out.Host = c.asked.scheme, c.asked.host
	c.out.Trace, c.out.TraceFormat = c.trace, c.formats()
	c.out.RequestID = c.exchange.RequestID
	if c.route.auth != nil {
		c.out.Remove = append(c.out.Remove, c.route.auth.Strip()...)
	}
	c.out.MaxBody = c.route.maxBody
	if p.messages {
		c.out.MaxBody = 0 // each of them is bounded
	}
	p.forwards = true
	c.route.pool(c.decision.Upstream).pool.Forward(w, r, &c.out, &c.res)
	p.finished = true
	if c.res.Error != "" && p.body != nil && p.body.tooSlow() {
		c.res.Error = observe.ErrorRequestBody // for net/http, who is cut off has gone
	}
	if c.res.Error == "" || c.res.Committed {
		return nil
	}
	refused := c.upstreamFailed(p.body)
	p.abort = refused == nil
	return refused
}

// formats are the configured one and those that the client speaks.
func (c *call) formats() tracecontext.Format {
	f := c.table.format
	h := c.asked.headers
	if h.Get(tracecontext.Traceparent) != "" {
		f |= tracecontext.W3C
	}
	if h.Get(tracecontext.B3) != "" {
		f |= tracecontext.B3Single
	}
	if h.Get(tracecontext.B3TraceID) != "" {
		f |= tracecontext.B3Multi
	}
	return f
}

// conclude observes a request, exactly once, however it ended: answered here or
// by an upstream, broken off, taken over by a WebSocket, or lost in a panic.
func (g *Gateway) conclude(w http.ResponseWriter, r *http.Request, p *passage) {
	panicked := recover()
	c := p.call
	if aborted, _ := panicked.(error); panicked != nil && !errors.Is(aborted, http.ErrAbortHandler) {
		g.log.Error("a request was lost in a defect", "request_id", c.exchange.RequestID, "panic", panicked, "stack", string(debug.Stack()))
		if p.abort = !g.rescue(w, c, p); !p.abort {
			panicked = nil
		}
		c.exchange.Error = observe.ErrorInternal
	}
	if p.body != nil {
		p.body.abandon()
	} else if r.ContentLength != 0 && !p.finished {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(lingering))
	}
	c.end(w.Header())
	c.settle(p)
	g.observe(c)
	g.metrics.inFlight.Add(-1)
	abort := panicked != nil || p.abort
	p.call = nil
	c.reset()
	g.calls.Put(c)
	if abort {
		panic(http.ErrAbortHandler) // ends the connection or stream, and nothing else
	}
}

// rescue answers a request that met a defect, if nothing was answered yet.
func (g *Gateway) rescue(w http.ResponseWriter, c *call, p *passage) bool {
	if p.forwards && !p.finished || c.exchange.Status != 0 {
		return false // nobody knows what has been written
	}
	c.refuse(failedInternal, "")
	w.Header()["X-Request-Id"] = []string{c.exchange.RequestID}
	c.answer(w, failedInternal.status)
	return true
}

// settle fills in what is known at the end.
func (c *call) settle(p *passage) {
	e := &c.exchange
	if p.forwards {
		e.Upstream, e.Attempts = c.res.Upstream, c.res.Attempts
		e.Phases.Connect, e.Phases.Wait, e.Phases.Transfer = c.res.Phases.Connect, c.res.Phases.Wait, c.res.Phases.Transfer
		e.RequestBytes = c.res.RequestBytes
		if e.Error == "" {
			e.Error = c.res.Error
		}
		if c.refusal == nil {
			e.Status, e.ResponseBytes = c.res.Status, c.res.ResponseBytes
			if p.abort {
				e.Status = 0
			}
		}
	}
	if c.refusal != nil {
		if c.refusal.verdict != "" {
			e.Verdict = c.refusal.verdict
		}
		if e.Error == "" {
			e.Error = c.refusal.err
		}
	}
}

// observe hands the record on.
func (g *Gateway) observe(c *call) {
	e := &c.exchange
	e.Duration = time.Since(e.Time)
	if c.guessed && e.Attempts > 0 && (e.Status == http.StatusNotFound || e.Status == http.StatusMethodNotAllowed) {
		e.Operation = "" // the API says that it has no such thing: scanners would invent operations
	}
	c.table.redactor.Apply(e)
	g.deps.Sink.Observe(e)
}
