package middleware

import (
	"context"
	"net/http"
	"net/netip"

	"lapwing.dev/lapwing/middleware/tracecontext"
)

// carrier is everything about one request that the application can get hold of:
// its context, writer and body in one piece of memory.
type carrier struct {
	context.Context

	Observation
	request  *http.Request
	writer   writer
	body     body
	identity Identity
	called   bool // the handler was
	returned bool // the handler did
	large    bool // the request line is
}

// Value gives the Observation to FromContext.
func (c *carrier) Value(key any) any {
	if key == (observationKey{}) {
		return &c.Observation
	}
	return c.Context.Value(key)
}

type observationKey struct{}

// Observation is what the middleware knows about the request that is being
// served, and what the application may add. It belongs to the goroutine of the
// handler until that returns.
type Observation struct {
	middleware *Middleware

	trace     tracecontext.Context
	client    netip.Addr
	requestID string
	tier      string
	user      string
	operation string
}

// FromContext returns the observation of the request that ctx belongs to; nil,
// which is safe to use and knows nothing, without one.
func FromContext(ctx context.Context) *Observation {
	o, _ := ctx.Value(observationKey{}).(*Observation)
	return o
}

// of reports whether m is observing the request already.
func (o *Observation) of(m *Middleware) bool { return o != nil && o.middleware == m }

// Trace is the place of this request in its trace, for requests of the
// application to others: tracecontext.Inject writes it. It is not valid when
// there is none.
func (o *Observation) Trace() tracecontext.Context {
	if o == nil {
		return tracecontext.Context{}
	}
	return o.trace
}

// Client is the trusted address of the client; invalid when it is not known.
func (o *Observation) Client() netip.Addr {
	if o == nil {
		return netip.Addr{}
	}
	return o.client
}

// RequestID is the id that the request came with; "" without a well-formed one.
func (o *Observation) RequestID() string {
	if o == nil {
		return ""
	}
	return o.requestID
}

// Tier is the tier that the limits found for the client; "" without.
func (o *Observation) Tier() string {
	if o == nil {
		return ""
	}
	return o.tier
}

// SetUser tells who sent the request, once the handler knows. It MUST be a name
// or an id and never a credential.
func (o *Observation) SetUser(user string) {
	if o != nil {
		o.user = user
	}
}

// SetOperation tells which operation served the request, instead of
// Options.Operation: "GET /orders/{id}".
func (o *Observation) SetOperation(operation string) {
	if o != nil {
		o.operation = operation
	}
}

// user is who is named in the record.
func (id *Identity) user() string {
	if id.User != "" {
		return id.User
	}
	return id.APIKey
}
