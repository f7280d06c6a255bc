package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

// Options of a Middleware. The zero Options observe and do nothing else.
type Options struct {
	// API is the name of the API, as in the server's configuration. Example: orders
	API string

	// Operation tells which route served a request: "GET /orders/{id}" or
	// "/orders/{id}"; "" when none did. It is called after the handler, with the
	// request that the handler got; nil means the Pattern that http.ServeMux
	// leaves there. With limits it is also called before the handler: routers
	// that have decided by then can be limited by operation.
	Operation func(*http.Request) string

	// Identify tells who sends a request, as far as the application knows before
	// its handler runs. It MUST have verified it. nil: nobody is known. What is
	// known only inside the handler can be added by Observation.SetUser.
	Identify func(*http.Request) Identity

	// Trace tells the trace of a request where something else made it, such as
	// OpenTelemetry's handler around this one; false: there is none. nil: it is
	// read from the headers, and begun when they have none.
	Trace func(*http.Request) (tracecontext.Context, bool)

	// Skip leaves requests alone, for instance health checks. nil: none.
	Skip func(*http.Request) bool

	// TrustedProxies are the proxies in front of the application, whose word
	// about the client's address counts: addresses, prefixes, "loopback",
	// "private". Example: 10.0.0.0/8
	TrustedProxies []string
	// ClientHeader is the header that these proxies write; "" means
	// X-Forwarded-For. See clientip.Options.
	ClientHeader string

	// Policies and Tiers limit requests. Those of the same name share what they
	// count with everybody else who uses the Limiter.
	Policies []limit.Policy
	Tiers    []limit.Tier
	// Limiter keeps the counts; nil: one of its own, in memory.
	Limiter *limit.Limiter
	// RateLimitFields adds the fields RateLimit and RateLimit-Policy to every
	// answer; they are on refusals in any case.
	RateLimitFields bool

	// Blocks says whom not to let in; nil: nobody. ServerBlocks asks the server
	// for its list as well and keeps the last one that it got.
	Blocks       Blocker
	ServerBlocks bool

	// Refuse answers a refused request in the application's own form. The status
	// and the fields of Refusal.Header are set already. nil: problem+json (RFC 9457).
	Refuse func(http.ResponseWriter, *http.Request, *Refusal)

	// Sinks get every exchange. They are called by the goroutine of the request.
	Sinks []observe.Sink
	// Redact says which secrets in URLs are hidden, besides the usual ones.
	Redact observe.RedactOptions

	// Server is the Lapwing server that exchanges are sent to; "": none.
	// Example: https://lapwing.internal:7480
	Server string
	// Token is an API token of that server, with the scope ingest.
	Token string
	// Client sends; nil: one of its own, which follows no redirects.
	Client *http.Client
	// Buffer is how many exchanges wait at most to be sent; those that come
	// when it is full are dropped and counted. 0 means 4096, about 3 MB.
	Buffer int
	// Interval is the longest that an exchange waits for its batch to fill.
	// 0 means 1 s.
	Interval time.Duration
	// OnError is told why something was not sent, at most once a second, by the
	// goroutine of Run. nil: nobody is.
	OnError func(error)

	ownClient bool // nobody else uses Client
}

// Identity is who sends a request. The zero value is nobody.
type Identity struct {
	// User is the subject of a verified token or login. Example: 4711
	User string
	// APIKey is the name, never the secret, of a verified API key. Example: mobile-app
	APIKey string
	// Claims of the verified token, for tiers and keys of limits; nil: none.
	Claims limit.Values
	// Key is who is counted; "" means key:<APIKey>, sub:<User> or the address.
	Key string
}

// Blocker knows who is blocked: by address, or by key ("key:mobile-app",
// "sub:4711"; "" when only the address is known). It must not block.
type Blocker interface {
	Blocked(addr netip.Addr, key string) (block.Entry, bool)
}

const (
	defaultBuffer   = 4096
	defaultInterval = time.Second
	minBuffer       = 16
	maxBuffer       = 1 << 20
)

// check completes the options, or says which one is wrong.
func (o *Options) check() error {
	if o.Buffer == 0 {
		o.Buffer = defaultBuffer
	}
	if o.Interval == 0 {
		o.Interval = defaultInterval
	}
	if o.Operation == nil {
		o.Operation = func(r *http.Request) string { return r.Pattern }
	}
	switch {
	case o.Buffer < minBuffer || o.Buffer > maxBuffer:
		return fmt.Errorf("middleware: Buffer is %d: want %d to %d exchanges", o.Buffer, minBuffer, maxBuffer)
	case o.Interval < 10*time.Millisecond || o.Interval > time.Hour:
		return fmt.Errorf("middleware: Interval is %s: want 10ms to 1h", o.Interval)
	case o.ServerBlocks && o.Server == "":
		return errors.New("middleware: ServerBlocks needs a Server")
	case strings.ContainsAny(o.Token, " \r\n\t"):
		return errors.New("middleware: Token has white space in it") // it is a secret, so it is not shown
	}
	return o.checkServer()
}

func (o *Options) checkServer() error {
	if o.Server == "" {
		return nil
	}
	u, err := url.Parse(o.Server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("middleware: Server is not the address of a server: write https://lapwing.internal:7480")
	}
	if u.User != nil {
		return errors.New("middleware: Server has credentials in it: set Token instead")
	}
	o.Server = strings.TrimRight(u.String(), "/")
	if o.API == "" {
		return errors.New("middleware: API is empty: a server needs to know which API it hears of")
	}
	if o.Client == nil {
		o.ownClient = true
		o.Client = &http.Client{
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, MaxIdleConns: 2, MaxIdleConnsPerHost: 2, MaxConnsPerHost: 2, IdleConnTimeout: 90 * time.Second,
				TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
			},
			// A redirect would take the token to whomever it names.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return nil
}

// discardErrors is OnError when nobody listens.
func discardErrors(error) {}

// noLimits reports whether there is nothing to count.
func (o *Options) noLimits() bool { return len(o.Policies) == 0 && len(o.Tiers) == 0 }
