package gateway

import (
	"net/http"
	"net/netip"

	"lapwing.dev/lapwing/internal/gateway/auth"
	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/middleware/clientip"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

// inquiry is a request as the decision core sees it: what another proxy can
// tell about one is enough.
type inquiry struct {
	source  observe.Source
	method  string
	scheme  string // "" when nobody has told
	host    string
	target  string // path and query as sent
	headers lines
	proto   string

	peer    netip.Addr // at the other end of the connection
	peerKey string     // ClientKey of peer; "" to make it
	trusted bool       // peer is a proxy that is believed

	resolver *clientip.Resolver // that knows who is believed
}

// lines are a request's header fields. An http.Header is one.
type lines interface {
	Get(name string) string
	Values(name string) []string
}

// call is everything about one request. It is used again for others: nothing
// of it may be kept.
type call struct {
	table *table
	asked inquiry

	exchange observe.Exchange // what is observed in the end
	path     string           // of asked.target, escaped
	plain    string           // of path, as routes see it
	slashes  bool             // path has encoded ones
	apiPath  string           // path as the API sees it

	routes   []*route // with the path that won; their methods may be others
	route    *route   // nil until found
	identity auth.Identity
	cookies  cookies
	request  limit.Request
	decision limit.Decision
	decided  bool // decision must be ended
	guessed  bool // the operation's template was learned, not read in a document
	trace    tracecontext.Context

	refusal   *refusal
	detail    string // about this very request, for its client; "" is the refusal's own
	challenge string // of refusedUnauthorized, for WWW-Authenticate

	out upstream.Outbound
	res upstream.Result
}

func newCall() *call { return &call{} }

// reset makes c as new and lets go of everything that it points to.
func (c *call) reset() {
	c.table = nil
	c.asked = inquiry{}
	c.exchange = observe.Exchange{}
	c.path, c.plain, c.slashes, c.apiPath = "", "", false, ""
	c.routes, c.route, c.guessed = nil, nil, false
	c.identity = auth.Identity{}
	c.cookies = cookies{}
	c.request = limit.Request{}
	if c.decided {
		c.decision.Cancel()
		c.decided = false
	}
	c.decision.Reset()
	c.trace = tracecontext.Context{}
	c.refusal, c.detail, c.challenge = nil, "", ""
	set, remove := c.out.Set[:0], c.out.Remove[:0]
	clear(c.out.Set)
	c.out = upstream.Outbound{Set: set, Remove: remove}
	c.res = upstream.Result{}
}

// refuse notes why the request is not let in.
func (c *call) refuse(r *refusal, detail string) *refusal {
	c.refusal, c.detail = r, detail
	return r
}

// end gives back what the decision holds, after the request was served.
func (c *call) end(answer http.Header) {
	if !c.decided {
		return
	}
	c.decided = false
	f := limit.Feedback{Status: c.res.Status, Latency: c.res.Phases.Connect + c.res.Phases.Wait, Headers: answer}
	if c.refusal != nil { // it was let in, and counts; but its status and headers are ours
		f.Status, f.Headers = c.refusal.status, nil
	}
	switch c.res.Error {
	case observe.ErrorConnect, observe.ErrorTimeout, observe.ErrorReset, observe.ErrorNoUpstream:
		f.Dropped = true
	}
	if c.res.Status == http.StatusServiceUnavailable {
		f.Dropped = true
	}
	c.decision.Done(f)
}
