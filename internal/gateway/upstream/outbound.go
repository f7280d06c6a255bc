package upstream

import (
	"net/http"
	"net/netip"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

// Outbound says how a request goes out. Forward does not keep it.
type Outbound struct {
	// Target is the request's target, escaped path and query, when it is not
	// the one that the client sent (a stripped prefix). "" keeps the client's.
	Target string

	// Peer is who talks to us, the next hop towards the client; it is what
	// X-Forwarded-For and Forwarded are told. Invalid: r.RemoteAddr.
	Peer netip.Addr
	// Client is the trusted address of the client: Peer, unless Peer is a
	// trusted proxy. Invalid: Peer.
	Client netip.Addr
	// TrustForwarded says that Peer is a trusted proxy: what it says in
	// Forwarded, X-Forwarded-* and X-Real-IP is passed on, and Peer appended.
	// Otherwise all of that is dropped, and what is sent begins with Peer.
	TrustForwarded bool
	// Scheme and Host as the client sees them: "https", "api.example.com".
	// "" are those of the connection and r.Host.
	Scheme, Host string

	// Trace is this hop's place in a trace: what the client sent of it is
	// replaced by it, written in the formats. Not valid: the client's goes on.
	Trace       tracecontext.Context
	TraceFormat tracecontext.Format // 0: W3C

	// RequestID goes out as X-Request-Id instead of the client's; "" keeps the client's.
	RequestID string

	// Set are further fields that replace all of the same name, and all that a
	// server could take for them (X_User for X-User). Values with line breaks
	// are cleaned. Credentials that the gateway has used up go into Remove.
	Set    []Field
	Remove []string // names in canonical form

	// MaxBody is the most bytes of the request's body; 0 is no bound. When it is
	// exceeded, Result.Err is a *http.MaxBytesError and Error is ErrorRequestBody.
	MaxBody int64

	// Answer is told of the answer before anything of it is passed on; may be nil.
	Answer Answerer
}

// Field is one header field.
type Field struct {
	Name  string // in canonical form
	Value string
}

// Answerer sees the final answer of an upstream on its way to the client.
type Answerer interface {
	// Answering MAY read and change the header that is about to be sent with
	// the status. It is not called for 1xx answers but 101. It MUST NOT keep it.
	Answering(status int, header http.Header)
}

// Result is what became of an exchange. Forward fills it completely before it
// returns or panics.
type Result struct {
	Upstream string // "http://127.0.0.1:8000" that answered or was tried last; "" when none was
	Attempts int    // how many servers were tried
	Phases   observe.Phases
	Started  time.Time // when the last attempt began

	Status        int   // of the upstream's answer; 0 when there was none
	RequestBytes  int64 // of the body, read from the client
	ResponseBytes int64 // of the body, handed to the client

	Error observe.ErrorClass
	Err   error // the cause for logs; nil exactly when Error is ""; never for clients

	// Committed: a part of an answer went to the client, so no other can. When
	// it is false, Forward wrote nothing, left w.Header() as it was (Connection
	// aside, see Forward), and the caller answers.
	Committed bool
	// Upgraded: the connection was handed over (101) and is closed.
	Upgraded bool
	// RetryAfter says when it may be worth asking again, after ErrorNoUpstream; 0: unknown.
	RetryAfter time.Duration
}

// StatusCode is what a gateway answers when nothing was committed: 502, 503 or
// 504; 413 or 400 for a bad request body; 499, which is never seen, for a client
// that is gone.
func (r *Result) StatusCode() int {
	switch r.Error {
	case observe.NoError:
		return r.Status
	case observe.ErrorTimeout:
		return http.StatusGatewayTimeout
	case observe.ErrorNoUpstream:
		return http.StatusServiceUnavailable
	case observe.ErrorRequestBody:
		if isTooLarge(r.Err) {
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusBadRequest
	case observe.ErrorClientGone:
		return 499
	case observe.ErrorInternal:
		return http.StatusInternalServerError
	default:
		return http.StatusBadGateway
	}
}
