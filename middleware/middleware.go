package middleware

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"lapwing.dev/lapwing/middleware/clientip"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// Middleware observes, limits and blocks requests. It is safe for concurrent
// use and may stand around several handlers.
type Middleware struct {
	o         Options
	resolver  *clientip.Resolver
	redactor  *observe.Redactor
	rules     *limit.Rules // nil: nothing is limited
	byRoute   bool         // limits may ask for the operation
	blocks    []Blocker
	routes    routes
	keys      clientKeys
	states    sync.Pool // of *state
	shipper   *shipper  // nil without a server
	serverBan *serverBlocks
}

// New returns a middleware, or says which option cannot be.
func New(o Options) (*Middleware, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.OnError == nil {
		o.OnError = discardErrors
	}
	proxies, err := clientip.ParsePrefixes(o.TrustedProxies...)
	if err != nil {
		return nil, fmt.Errorf("middleware: TrustedProxies: %w", err)
	}
	m := &Middleware{
		o:        o,
		resolver: clientip.New(clientip.Options{Trusted: proxies, Header: http.CanonicalHeaderKey(o.ClientHeader)}),
		redactor: observe.NewRedactor(o.Redact),
		states:   sync.Pool{New: func() any { return new(state) }},
	}
	m.keys.init()
	if !o.noLimits() {
		limiter := o.Limiter
		if limiter == nil {
			limiter = limit.New(limit.Options{})
		}
		if m.rules, err = limiter.Compile(o.Policies, o.Tiers); err != nil {
			return nil, fmt.Errorf("middleware: %w", err)
		}
		m.byRoute = asksForOperation(&o)
	}
	if o.Blocks != nil {
		m.blocks = append(m.blocks, o.Blocks)
	}
	if o.Server != "" {
		m.shipper = newShipper(&m.o)
	}
	if o.ServerBlocks {
		m.serverBan = newServerBlocks(&m.o)
		m.blocks = append(m.blocks, m.serverBan)
	}
	return m, nil
}

// asksForOperation reports whether a policy counts by operation, or has a
// function that may look at it.
func asksForOperation(o *Options) bool {
	operation := limit.OperationKey().String()
	for _, tier := range o.Tiers {
		if tier.When != nil {
			return true
		}
	}
	for _, policy := range o.Policies {
		if policy.Exempt != nil || policy.Cost.Request != nil {
			return true
		}
		for _, part := range policy.Key {
			if part.String() == operation {
				return true
			}
		}
	}
	return false
}

// Run sends what is observed to the server, and fetches its blocks, until ctx
// ends or Close is called; then it sends what is left, for at most 5 s. It
// returns when everything that it started has ended. Without a server it only
// waits. It runs once.
func (m *Middleware) Run(ctx context.Context) error {
	if m.shipper == nil {
		<-ctx.Done()
		return nil
	}
	return m.shipper.run(ctx, func(ctx context.Context) {
		if m.serverBan != nil {
			m.serverBan.run(ctx)
		}
	})
}

// Close sends what is left, for at most 5 s, and ends Run. It returns the error
// of ctx when that ends first; what was not sent by then is lost. Requests that
// come later are served, and observed by Sinks only.
func (m *Middleware) Close(ctx context.Context) error {
	if m.shipper == nil {
		return nil
	}
	return m.shipper.close(ctx)
}

// Stats is what became of the observed exchanges so far.
type Stats struct {
	Sent    uint64 // the server has them
	Dropped uint64 // nobody has them: the buffer was full, or the server refused them
	Waiting int    // in the buffer
}

// Stats is zero without a server.
func (m *Middleware) Stats() Stats {
	if m.shipper == nil {
		return Stats{}
	}
	return m.shipper.stats()
}
