package probe

import (
	"errors"
	"net/http"
	"time"
)

// Phases are the parts of one request, in order; they add up to its latency.
// A phase that did not happen (no TLS, an address instead of a name) is zero.
type Phases struct {
	DNS      time.Duration // resolving the name
	Connect  time.Duration // TCP handshake, with any proxy's CONNECT
	TLS      time.Duration // TLS handshake
	TTFB     time.Duration // from a usable connection to the first byte of the answer: sending and waiting
	Transfer time.Duration // from the first to the last byte
}

// Total is the latency: the sum of the phases.
func (p Phases) Total() time.Duration {
	return p.DNS + p.Connect + p.TLS + p.TTFB + p.Transfer
}

// Add sums phase by phase: what several steps (or redirects) took together.
func (p Phases) Add(q Phases) Phases {
	return Phases{p.DNS + q.DNS, p.Connect + q.Connect, p.TLS + q.TLS, p.TTFB + q.TTFB, p.Transfer + q.Transfer}
}

// Class says in which part a run failed. The texts are stable: they are metric
// label values and API fields.
type Class string

// The classes. The empty Class is no failure.
const (
	ClassNone      Class = ""
	ClassDNS       Class = "dns"       // the name did not resolve
	ClassConnect   Class = "connect"   // refused, unreachable, reset while connecting
	ClassTLS       Class = "tls"       // handshake or certificate
	ClassTimeout   Class = "timeout"   // the check's timeout passed
	ClassProtocol  Class = "protocol"  // not HTTP, a reset connection, a header too large, a wrong HTTP version
	ClassRedirect  Class = "redirect"  // a loop, too many, or not allowed
	ClassBody      Class = "body"      // larger than the limit, cut short, or not decodable
	ClassAuth      Class = "auth"      // no token could be had
	ClassRequest   Class = "request"   // the request could not be built (a missing variable, an unreadable file)
	ClassAssertion Class = "assertion" // an assertion did not hold
	ClassContract  Class = "contract"  // the answer does not match its OpenAPI operation or JSON Schema
	ClassCapture   Class = "capture"   // a value to capture was not there
	ClassInternal  Class = "internal"  // a defect of ours, caught
)

// Network reports whether the failure came before an HTTP answer, so that a
// retry policy of `on: network` applies.
func (c Class) Network() bool {
	switch c {
	case ClassDNS, ClassConnect, ClassTLS, ClassTimeout, ClassProtocol:
		return true
	}
	return false
}

// Error is a failed request: its class, and the cause in words for a human.
type Error struct {
	Class Class
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of err: ClassNone for nil, ClassInternal for an
// error that no probe made.
func ClassOf(err error) Class {
	if err == nil {
		return ClassNone
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return ClassInternal
}

// Sent is the request as it left: for the evidence and its curl line.
type Sent struct {
	Method  string
	URL     string
	Headers http.Header // as sent, not redacted; the caller redacts before it keeps anything. Without what belongs to the connection (Connection, Content-Length); with Host when the request sets it
	Body    []byte      // the first EvidenceSize bytes at most; not to be changed
	Size    int64       // the whole body's size in bytes, -1 when unknown
	Secrets []string    // what authenticates this request and those after it (tokens, passwords, cookies of both directions): to be redacted from everything kept
	Via     *Via        // how it was sent, for the curl line; nil: plainly
}

// EvidenceSize is how much of a body is kept as evidence.
const EvidenceSize = 4 << 10

// Response is the measured answer to one request. It is returned with an error
// too, then with what was known until the failure.
type Response struct {
	Sent       Sent
	Status     int    // 0 when no answer came
	Protocol   string // "HTTP/1.1", "HTTP/2.0"; "" when no answer came
	Headers    http.Header
	Cookies    []*http.Cookie
	Body       []byte // decoded; whole (up to the limit) when asked for, else the first EvidenceSize bytes
	Size       int64  // decoded body size in bytes, as far as it was read
	Phases     Phases // summed over redirects
	RemoteAddr string // address of the last connection, "127.0.0.1:8000"
	TLS        *TLS   // nil for plain HTTP
	Redirects  []string
}

// TLS is what the handshake told, also when the certificate was not accepted.
type TLS struct {
	Version  string    // "TLS 1.3"
	Cipher   string    // "TLS_AES_128_GCM_SHA256"
	Expires  time.Time // the earliest NotAfter of the chain that the server sent
	Leaf     time.Time // the leaf's NotAfter
	Subject  string
	Issuer   string
	DNSNames []string
	ALPN     string
}
