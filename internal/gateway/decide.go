package gateway

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/gateway/auth"
	"lapwing.dev/lapwing/middleware/clientip"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

// decide says whether a request may go on: nil, or why not. It fills in
// everything about the request that can be known before it is served. A throttle
// may have delayed it: then wait comes next.
//
// It knows nothing of net/http, and never blocks but for keys of tokens and
// shared counters.
func (g *Gateway) decide(ctx context.Context, c *call) *refusal {
	g.begin(c)
	var fault pathFault
	if c.plain, c.slashes, fault = readPath(c.path); fault != pathFine {
		return c.refuse(refusedPath, string(fault))
	}
	if !readableHost(c.asked.host) {
		return c.refuse(refusedHost, "")
	}
	if !isToken(c.asked.method) || c.asked.method == "CONNECT" {
		return c.refuse(refusedMethod, "the gateway makes no tunnels")
	}
	if refused := g.block(c, ""); refused != nil {
		return refused
	}
	if refused := c.find(); refused != nil {
		return refused
	}
	if refused := g.authenticate(ctx, c); refused != nil {
		return refused
	}
	g.operation(c)
	return g.limit(ctx, c)
}

// begin fills in what a request is known by, whatever becomes of it.
func (g *Gateway) begin(c *call) {
	a, e := &c.asked, &c.exchange
	c.path, e.Query, _ = strings.Cut(a.target, "?")
	e.Source = a.source
	e.Verdict = observe.Allowed
	e.Method, e.Scheme, e.Host, e.Path, e.Protocol = a.method, a.scheme, a.host, c.path, a.proto
	e.UserAgent = a.headers.Get("User-Agent")
	e.RequestID = a.headers.Get("X-Request-Id")
	if !tracecontext.ValidRequestID(e.RequestID) {
		e.RequestID = tracecontext.NewRequestID()
	}

	e.Client, e.ClientKey = a.peer, a.peerKey
	if a.trusted {
		if client := a.resolver.Resolve(a.peer, a.headers); client != a.peer {
			e.Client, e.ClientKey = client, ""
		}
	}
	if e.ClientKey == "" {
		e.ClientKey = clientKey(e.Client)
	}

	if incoming, ok := tracecontext.Extract(a.headers); ok {
		c.trace = incoming.Child()
	} else {
		c.trace = tracecontext.New(c.table.sampled())
	}
	e.TraceID, e.SpanID, e.ParentSpanID, e.Sampled = c.trace.TraceID, c.trace.SpanID, c.trace.ParentID, c.trace.Sampled
}

// clientKey is how an address is counted and shown: IPv4 as it is, IPv6 by its /64.
func clientKey(addr netip.Addr) string {
	if addr.Is4() {
		return addr.String()
	}
	if prefix := clientip.Key(addr); prefix.IsValid() {
		return prefix.String()
	}
	return "unknown"
}

// block refuses clients that are on a block list, by address and, once it is
// known, by key.
func (g *Gateway) block(c *call, key string) *refusal {
	if g.deps.Blocker == nil {
		return nil
	}
	entry, hit := g.deps.Blocker.Blocked(c.exchange.Client, key)
	if !hit {
		return nil
	}
	policy := entry.Rule
	if policy == "" {
		policy = "block"
	}
	if entry.Shadow {
		c.exchange.Shadow = policy
		return nil
	}
	c.exchange.Policy = policy
	return c.refuse(refusedBlocked, "")
}

// find finds the request's route.
func (c *call) find() *refusal {
	c.routes = c.table.router.find(c.asked.host, c.plain)
	if c.routes == nil {
		return c.refuse(refusedNoRoute, "")
	}
	c.route = choose(c.routes, c.asked.method)
	if c.route == nil {
		c.exchange.API = c.routes[0].api
		return c.refuse(refusedMethod, "")
	}
	c.exchange.API = c.route.api
	if c.slashes && !c.route.slashes {
		return c.refuse(refusedPath, string(pathSlash))
	}
	c.apiPath = c.path
	if c.route.strip && c.route.prefix != "" {
		c.out.Target = stripTarget(c.asked.target, c.route.prefix)
		c.apiPath, _, _ = strings.Cut(c.out.Target, "?")
	}
	if c.route.base != "" {
		c.apiPath = c.route.base + c.apiPath
	}
	return nil
}

// authenticate finds out who asks.
func (g *Gateway) authenticate(ctx context.Context, c *call) *refusal {
	if c.route.auth != nil {
		credentials := auth.Credentials{Headers: c.asked.headers, Cookies: &c.cookies}
		if err := c.route.auth.Authenticate(ctx, &credentials, &c.identity); err != nil {
			return c.unauthorized(err)
		}
	}
	e := &c.exchange
	e.User = c.identity.User
	if name := c.identity.APIKey; name != "" {
		e.ClientKey = "key:" + name
		if refused := g.block(c, e.ClientKey); refused != nil {
			return refused
		}
	}
	if user := c.identity.User; user != "" && c.identity.Scheme == auth.SchemeJWT {
		key := "sub:" + user
		if c.identity.APIKey == "" {
			e.ClientKey = key
		}
		return g.block(c, key)
	}
	return nil
}

func (c *call) unauthorized(err error) *refusal {
	c.exchange.Policy = "auth"
	r, ok := errors.AsType[*auth.Refusal](err)
	switch {
	case !ok:
		return c.refuse(refusedKeys, "")
	case r.Unavailable:
		return c.refuse(refusedKeys, r.Message)
	}
	c.challenge = r.Challenge
	return c.refuse(refusedUnauthorized, r.Message)
}

// operation finds the operation that the request is one of.
func (g *Gateway) operation(c *call) {
	if g.deps.Operations == nil {
		return
	}
	template, documented := g.deps.Operations.Operation(c.route.api, c.asked.method, c.operationPath())
	if template == "" {
		return
	}
	c.guessed = !documented
	c.exchange.Route = template
	c.exchange.Operation = g.names.of(c.asked.method, template)
}

// operationPath is the path that the operation is looked up by: one for all
// ways to write it, or /%75sers and //users would be operations, with limits of
// their own, beside /users. Encoded slashes, where a route has them, stay: they
// are part of a segment.
func (c *call) operationPath() string {
	if c.plain == c.path || c.slashes {
		return c.apiPath
	}
	path := c.plain
	if c.route.strip {
		path = path[len(c.route.prefix):]
	}
	if path == "" {
		path = "/"
	}
	return c.route.base + (&url.URL{Path: path}).EscapedPath()
}

// limit asks the limits of the route, which give the tier, too.
func (g *Gateway) limit(ctx context.Context, c *call) *refusal {
	if c.route.rules == nil {
		return nil
	}
	e := &c.exchange
	c.request = limit.Request{
		Method: c.asked.method, Path: c.plain, Operation: e.Operation, API: c.route.api,
		Client: e.Client, APIKey: c.identity.APIKey,
		Headers: c.asked.headers, Cookies: &c.cookies, Token: c.identity.Claims,
	}
	c.route.rules.Decide(ctx, &c.request, &c.decision)
	c.decided = true
	d := &c.decision
	e.Tier = d.Tier
	if d.Shadow != "" {
		e.Shadow = d.Shadow
	}
	switch d.Verdict {
	case limit.Refuse:
		return c.overLimit()
	case limit.Delay:
		e.Verdict, e.Policy = observe.Delayed, d.Policy
	}
	return nil
}

// overLimit refuses the request with what the decision says.
func (c *call) overLimit() *refusal {
	d, e := &c.decision, &c.exchange
	c.decided = false // nothing to end
	e.Policy, e.RetryAfter = d.Policy, d.RetryAfter
	if d.Reason.Status() == 503 {
		return c.refuse(refusedCapacity, capacityDetail(d.Reason))
	}
	return c.refuse(refusedQuota, quotaDetail(d))
}

func capacityDetail(r limit.Reason) string {
	switch r {
	case limit.ReasonOverload:
		return "the API answers as many requests as it can"
	case limit.ReasonOutage:
		return "requests cannot be counted right now"
	}
	return "too many requests are waiting already"
}

func quotaDetail(d *limit.Decision) string {
	why := "over the limit " + strconv.Quote(d.Policy)
	switch d.Reason {
	case limit.ReasonQuota:
		why = "the quota of " + strconv.Quote(d.Policy) + " is used up"
	case limit.ReasonConcurrency:
		why = "as many requests are running at the same time as " + strconv.Quote(d.Policy) + " allows"
	case limit.ReasonQueueFull:
		why = "over the limit " + strconv.Quote(d.Policy) + ", and its queue is full"
	case limit.ReasonQueueWait:
		why = "over the limit " + strconv.Quote(d.Policy) + ", and it would have to wait for too long"
	case limit.ReasonCost:
		return "this request costs more than " + strconv.Quote(d.Policy) + " ever allows at once"
	}
	if d.RetryAfter <= 0 {
		return why
	}
	return why + "; try again in " + strconv.FormatInt(seconds(d.RetryAfter), 10) + " s"
}

// seconds rounds up, so that nobody is told to come too early.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// wait holds a delayed request back until it is its turn. It reports false when
// the client went away first; then everything is given back.
func (c *call) wait(ctx context.Context) bool {
	if !c.decided || c.decision.Verdict != limit.Delay {
		return true
	}
	began := time.Now()
	err := c.decision.Wait(ctx)
	c.exchange.Phases.Queued = time.Since(began)
	if err != nil {
		c.decided = false
		c.exchange.Error = observe.ErrorClientGone
		return false
	}
	return true
}
