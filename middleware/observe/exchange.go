package observe

import (
	"net/netip"
	"time"
)

// Exchange is one observed request and its answer. It is a plain value without
// secrets: whoever makes it has redacted it (see [Redactor]) before anybody
// else sees it.
//
// Its maker owns it and MAY reuse it as soon as Observe has returned; strings
// are never changed in place.
type Exchange struct {
	Time     time.Time     // when the request's headers had been read, wall clock with monotonic reading
	Duration time.Duration // from Time until the last byte of the answer was handed on, or the attempt ended; 0 when the observer cannot know, as of a log without durations
	Phases   Phases        // parts of Duration

	Source    Source // who observed it
	API       string // name of the API; "" when none is known
	Operation string // "GET /orders/{id}": method and route template; "" when the request matched none, or one that was only learned and that the API has not got
	Route     string // template alone, "/orders/{id}"; documented, learned, or "" when there is none
	Method    string // as sent; bounded by the observer to 32 bytes
	Scheme    string // "http" or "https", as the client saw it
	Host      string // authority that the client asked
	Path      string // escaped path as sent, without the query, cut at MaxPath bytes
	Query     string // raw query, values redacted where their names ask for it, cut at MaxQuery bytes
	Protocol  string // "HTTP/1.1", "HTTP/2.0"

	Status        int   // of the answer to the client; 0 when none was sent
	RequestBytes  int64 // body bytes read from the client
	ResponseBytes int64 // body bytes handed to the client

	Client    netip.Addr // trusted address of the client, unmapped; invalid when unknown
	ClientKey string     // who is counted: "203.0.113.7", "2001:db8::/64", "key:mobile-app", "sub:4711"; never a credential
	User      string     // token subject or name of the API key; "" when anonymous
	Tier      string     // "" when there are no tiers
	UserAgent string     // cut at MaxUserAgent bytes
	RequestID string     // given by the client or made here

	Verdict    Verdict       // what was decided about the request
	Policy     string        // limit policy, block rule or auth scheme that decided; "" for a plain Allow
	Shadow     string        // policy in shadow mode that would have refused it; ""
	RetryAfter time.Duration // told to a rejected client

	TraceID      [16]byte // zero when the request belongs to no trace
	SpanID       [8]byte  // of this hop
	ParentSpanID [8]byte  // zero for the first hop
	Sampled      bool

	Upstream string     // "http://127.0.0.1:8000" that answered or was tried last; "" when none was
	Attempts int        // upstream attempts; 0 when it was answered here
	Error    ErrorClass // what went wrong on the way; "" also for a 5xx that the upstream itself answered
}

// Bounds of texts in an Exchange, in bytes.
const (
	MaxPath      = 1024
	MaxQuery     = 1024
	MaxUserAgent = 256
)

// Phases are parts of an exchange's duration, in their order. A part that did
// not happen is zero. What is left over is work of the observer itself.
type Phases struct {
	Queued   time.Duration // held back by a throttle
	Connect  time.Duration // to the upstream: zero on a reused connection
	Wait     time.Duration // from the request sent to the first byte of the answer
	Transfer time.Duration // from the first to the last byte of the answer
}

// Source says who observed an exchange.
type Source string

// The sources. The texts are stable: they are metric label values.
const (
	SourceGateway    Source = "gateway"    // Lapwing proxied it
	SourceDecision   Source = "decision"   // another proxy asked whether to let it in
	SourceMiddleware Source = "middleware" // the application told
	SourceAccessLog  Source = "access_log" // it was read in another server's log
)

// Verdict is what was decided about a request.
type Verdict string

// The verdicts. The texts are stable: they are metric label values.
const (
	Allowed      Verdict = "allow"
	Delayed      Verdict = "delay"        // allowed after waiting in a throttle's queue
	Rejected     Verdict = "reject"       // over a limit: 429, or 503 from a concurrency limit
	Blocked      Verdict = "block"        // on a block list
	Unauthorized Verdict = "unauthorized" // no or wrong credentials
	Invalid      Verdict = "invalid"      // malformed, or refused by contract enforcement
)

// ErrorClass says which part of the way failed. The texts are stable: they are
// metric label values (error.type).
type ErrorClass string

// The classes.
const (
	NoError          ErrorClass = ""
	ErrorConnect     ErrorClass = "connect"      // no connection to an upstream
	ErrorTimeout     ErrorClass = "timeout"      // a timeout of ours passed
	ErrorReset       ErrorClass = "reset"        // the upstream ended the connection too early
	ErrorProtocol    ErrorClass = "protocol"     // the upstream's answer was not HTTP, or lied about its length
	ErrorNoUpstream  ErrorClass = "no_upstream"  // none is healthy
	ErrorClientGone  ErrorClass = "client_gone"  // the client went away
	ErrorRequestBody ErrorClass = "request_body" // too large, too slow or malformed
	ErrorInternal    ErrorClass = "internal"     // a panic or a defect, caught
)

// Failed reports whether the exchange counts as an error of the API: a 5xx
// answer or a failed transport, but neither a refusal of ours nor a client that
// went away.
func (e *Exchange) Failed() bool {
	switch e.Verdict {
	case Rejected, Blocked, Unauthorized, Invalid:
		return false
	}
	switch e.Error {
	case ErrorConnect, ErrorTimeout, ErrorReset, ErrorProtocol, ErrorNoUpstream, ErrorInternal:
		return true
	}
	return e.Status >= 500
}
