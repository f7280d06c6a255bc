package middleware

import (
	"context"
	"errors"
	"net/http"
	"time"

	"lapwing.dev/lapwing/middleware/clientip"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

// Handler returns next with the middleware around it. It is a middleware in the
// form that routers take:
//
//	router.Use(m.Handler)
//
// A request passes it once: within itself, as with a router in a router, it does
// nothing.
func (m *Middleware) Handler(next http.Handler) http.Handler {
	mux, _ := next.(*http.ServeMux)
	return &handler{m, next, mux}
}

type handler struct {
	m    *Middleware
	next http.Handler
	mux  *http.ServeMux // next, if it is one: it can be asked for a route without serving
}

// state is what one request needs and nobody outside gets hold of, so that it
// can be used again. What the application sees is in the carrier, which is not:
// a handler that keeps its request or its writer for too long must never see
// those of somebody else.
type state struct {
	exchange observe.Exchange
	request  limit.Request
	decision limit.Decision
	decided  bool // decision has to be ended
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := h.m
	if m.o.Skip != nil && m.o.Skip(r) || FromContext(r.Context()).of(m) {
		h.next.ServeHTTP(w, r)
		return
	}
	s := m.states.Get().(*state) //nolint:errcheck // the pool makes nothing else
	c := &carrier{Context: r.Context()}
	c.middleware = m
	c.writer.begin(w, r)
	c.request = r.WithContext(c)
	if r.Body != nil && r.Body != http.NoBody {
		c.body.inner = r.Body
		c.request.Body = &c.body
	}
	defer m.end(c, s)
	m.begin(c, s)
	if m.blocked(c, s) || m.limited(h, c, s) {
		c.operation = h.pattern(c.request)
		return
	}
	c.called = true
	h.next.ServeHTTP(c.writer.exposed(), c.request)
	c.returned = true
}

// begin writes down what is known before anything is decided.
func (m *Middleware) begin(c *carrier, s *state) {
	r, e := c.request, &s.exchange // which is empty: end has cleared it
	e.Time, e.Source, e.API, e.Verdict = c.writer.start, observe.SourceMiddleware, m.o.API, observe.Allowed
	e.Method, e.Scheme, e.Host, e.Protocol = r.Method, "http", r.Host, r.Proto
	e.Path, e.Query, e.UserAgent = r.URL.EscapedPath(), r.URL.RawQuery, first(r.Header, "User-Agent")
	c.large = len(r.RequestURI) > maxRequestLine
	if r.TLS != nil {
		e.Scheme = "https"
	}
	if id := first(r.Header, "X-Request-Id"); tracecontext.ValidRequestID(id) {
		e.RequestID = id
	}
	e.Client = m.resolver.Resolve(clientip.Peer(r.RemoteAddr), r.Header)
	if m.o.Identify != nil {
		c.identity = m.o.Identify(r)
	}
	e.User, e.ClientKey = c.identity.user(), m.clientKey(e, &c.identity)
	m.trace(c, e)
	c.client, c.requestID = e.Client, e.RequestID
}

// trace finds the trace of the request or begins one.
func (m *Middleware) trace(c *carrier, e *observe.Exchange) {
	var trace tracecontext.Context
	var ok bool
	if m.o.Trace != nil {
		trace, ok = m.o.Trace(c.request)
	} else if trace, ok = tracecontext.Extract(c.request.Header); ok {
		trace = trace.Child()
	} else {
		trace, ok = tracecontext.New(false), true
	}
	if !ok {
		return
	}
	c.trace = trace
	e.TraceID, e.SpanID, e.ParentSpanID, e.Sampled = trace.TraceID, trace.SpanID, trace.ParentID, trace.Sampled
}

// blocked refuses who is on a block list.
func (m *Middleware) blocked(c *carrier, s *state) bool {
	e := &s.exchange
	for _, blocks := range m.blocks {
		entry, found := blocks.Blocked(e.Client, c.identity.key())
		if !found {
			continue
		}
		rule := entry.Rule
		if rule == "" {
			rule = "block"
		}
		if entry.Shadow {
			e.Shadow = rule
			continue
		}
		e.Verdict, e.Policy = observe.Blocked, rule
		m.refuse(c, blockRefusal(&entry, c.writer.start))
		return true
	}
	return false
}

// limited refuses who is over a limit, and holds back who has to wait.
func (m *Middleware) limited(h *handler, c *carrier, s *state) bool {
	if m.rules == nil {
		return false
	}
	r, e, d := c.request, &s.exchange, &s.decision
	q := &s.request
	q.Method, q.Path, q.API, q.Client, q.APIKey = r.Method, e.Path, m.o.API, e.Client, c.identity.APIKey
	q.Headers, q.Cookies, q.Token = r.Header, cookies{r}, c.identity.Claims
	if m.byRoute {
		q.Operation, _ = m.routes.of(r.Method, h.pattern(r))
	}
	m.rules.Decide(r.Context(), q, d)
	e.Tier, e.Policy = d.Tier, d.Policy
	if d.Shadow != "" {
		e.Shadow = d.Shadow
	}
	c.tier = d.Tier
	if d.Verdict == limit.Refuse {
		e.Verdict, e.RetryAfter = observe.Rejected, d.RetryAfter
		m.refuse(c, limitRefusal(d))
		return true
	}
	s.decided = true
	if d.Verdict == limit.Delay {
		if !m.wait(r.Context(), c, s) {
			return true
		}
	}
	if m.o.RateLimitFields {
		limit.AppendFields(c.writer.Header(), d)
	}
	return false
}

// pattern is the route of a request that is not served yet, or never, as far as
// somebody knows it.
func (h *handler) pattern(r *http.Request) string {
	pattern := h.m.o.Operation(r)
	if pattern == "" && h.mux != nil {
		_, pattern = h.mux.Handler(r)
	}
	return pattern
}

// wait holds a throttled request back; it reports false when its client did not
// wait for as long.
func (m *Middleware) wait(ctx context.Context, c *carrier, s *state) bool {
	e := &s.exchange
	e.Verdict = observe.Delayed
	err := s.decision.Wait(ctx)
	e.Phases.Queued = time.Since(c.writer.start)
	if err != nil {
		s.decided = false // Wait has given everything back
	}
	return err == nil
}

// end completes the record of a request, whatever happened to it, and hands it
// on. A panic goes on as it was.
func (m *Middleware) end(c *carrier, s *state) {
	panicked := recover()
	e, w := &s.exchange, &c.writer
	e.Duration = time.Since(w.start)
	e.RequestBytes, e.ResponseBytes = c.body.read.Load(), w.bytes
	e.Error = c.failure(panicked)
	e.Status = w.status
	if e.Status == 0 && c.returned && e.Error == observe.NoError {
		e.Status = http.StatusOK // net/http sends it when a handler wrote nothing
	}
	if w.status != 0 && c.called {
		e.Phases.Wait, e.Phases.Transfer = w.first-e.Phases.Queued, e.Duration-w.first
	}
	if c.user != "" {
		e.User = c.user
	}
	m.route(c, e)
	if s.decided {
		s.decision.Done(limit.Feedback{
			Status: e.Status, Latency: e.Duration - e.Phases.Queued, Dropped: e.Status == http.StatusServiceUnavailable || e.Error == observe.ErrorTimeout,
			Headers: w.Header(),
		})
		s.decided = false
	}
	m.redactor.Apply(e)
	if c.large {
		e.Detach()
	}
	for _, sink := range m.o.Sinks {
		sink.Observe(e)
	}
	if m.shipper != nil {
		m.shipper.observe(e)
	}
	s.request = limit.Request{} // the pool must not keep a request's memory
	*e = observe.Exchange{}
	m.states.Put(s)
	if panicked != nil {
		panic(panicked)
	}
}

// maxRequestLine is from when on a record must not keep a request line in
// memory: thousands of them wait in the ring.
const maxRequestLine = 4096

// route writes down which operation served the request.
func (m *Middleware) route(c *carrier, e *observe.Exchange) {
	route := c.operation
	if route == "" && c.called {
		route = m.o.Operation(c.request)
	}
	if route != "" {
		e.Operation, e.Route = m.routes.of(e.Method, route)
	}
}

// failure says what went wrong. A client that went away is no failure of the
// handler, however the handler took it.
func (c *carrier) failure(panicked any) observe.ErrorClass {
	err := c.Err()
	switch {
	case c.writer.hijacked && panicked == nil:
		return observe.NoError // the context of a hijacked connection ends with it
	case panicked != nil && (panicked != http.ErrAbortHandler || err == nil): //nolint:errorlint // net/http compares so, too
		return observe.ErrorInternal
	case !c.returned && c.called && panicked == nil:
		return observe.ErrorInternal // runtime.Goexit
	case errors.Is(err, context.DeadlineExceeded):
		return observe.ErrorTimeout
	case err != nil || c.writer.failed || c.body.cut.Load():
		return observe.ErrorClientGone
	case c.body.broken.Load():
		return observe.ErrorRequestBody
	}
	return observe.NoError
}

// first returns the first line of a header with a canonical name.
func first(h http.Header, name string) string {
	if lines := h[name]; len(lines) > 0 {
		return lines[0]
	}
	return ""
}

// cookies are a request's, for keys of limits. Reading them is the work of
// those policies that ask.
type cookies struct{ *http.Request }

// Get implements limit.Values.
func (c cookies) Get(name string) string {
	cookie, err := c.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}
