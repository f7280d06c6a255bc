package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// explained is a cause in words for a human, with the technical error behind
// it for errors.Is.
type explained struct {
	text  string
	cause error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.cause }

// failure makes an *Error; cause may be nil.
func failure(class Class, cause error, format string, args ...any) *Error {
	return &Error{Class: class, Err: &explained{fmt.Sprintf(format, args...), cause}}
}

// stage is what a request is doing, for the words of a timeout.
type stage int

const (
	stageToken stage = iota // asking for an OAuth2 token
	stageDNS
	stageConnect
	stageProxy
	stageTLS
	stageSend
	stageWait
	stageHead
	stageBody
)

// ended is the context's error. The deadline itself counts too: a dial or a
// read that is bound to it may give up a moment before the context says so.
func (a *attempt) ended() error {
	if err := a.ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := a.ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// interrupted explains a context that ended: nil when it has not.
func (a *attempt) interrupted() error {
	err := a.ended()
	if err == nil {
		return nil
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return failure(ClassInternal, err, "stopped before the answer was complete")
	}
	took := round(time.Since(a.began))
	switch a.stage {
	case stageToken:
		return failure(ClassTimeout, err, "no token within %s", took)
	case stageDNS:
		return failure(ClassTimeout, err, "no answer within %s: resolving %s", took, a.to.host)
	case stageConnect:
		return failure(ClassTimeout, err, "no answer within %s: connecting to %s", took, a.to)
	case stageProxy:
		return failure(ClassTimeout, err, "no answer within %s: waiting for the proxy %s", took, a.to)
	case stageTLS:
		return failure(ClassTimeout, err, "no answer within %s: in the TLS handshake", took)
	case stageSend:
		return failure(ClassTimeout, err, "no answer within %s: sending the request", took)
	case stageHead:
		return failure(ClassTimeout, err, "no answer within %s: reading the headers", took)
	case stageBody:
		return failure(ClassTimeout, err, "no complete answer within %s: reading the body, %s", took, a.progress())
	default:
		return failure(ClassTimeout, err, "no answer within %s: waiting for the first byte", took)
	}
}

// progress says how much of the body came: "120 of 4096 bytes".
func (a *attempt) progress() string {
	if a.expected >= 0 {
		return fmt.Sprintf("%d of %d bytes", a.received, a.expected)
	}
	return fmt.Sprintf("%d bytes so far", a.received)
}

// round makes a duration readable: 2s, 1.3s, 250ms.
func round(d time.Duration) time.Duration {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(10 * time.Millisecond)
	default:
		return d.Round(time.Millisecond)
	}
}

// dialFailed explains why there is no TCP connection to the endpoint.
func (a *attempt) dialFailed(err error) error {
	if stop := a.interrupted(); stop != nil {
		return stop
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return a.lookupFailed(dns, err)
	}
	if _, ok := errors.AsType[*net.AddrError](err); ok {
		return failure(ClassDNS, err, "%s has no %s address", a.to.host, familyName(a.network))
	}
	where := a.to.String()
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Addr != nil {
		where = op.Addr.String()
		if !a.to.addr.IsValid() {
			where += " (" + a.to.host + ")"
		}
	}
	if a.viaProxy {
		where = "the proxy " + where
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return failure(ClassConnect, err, "connection refused by %s", where)
	case errors.Is(err, syscall.ECONNRESET):
		return failure(ClassConnect, err, "connection reset by %s", where)
	case errors.Is(err, syscall.EHOSTUNREACH):
		return failure(ClassConnect, err, "no route to %s", where)
	case errors.Is(err, syscall.ENETUNREACH):
		return failure(ClassConnect, err, "the network of %s is unreachable from here", where)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return failure(ClassConnect, err, "no local address or port is free to connect to %s", where)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return failure(ClassInternal, err, "too many open files in this process; raise its limit (ulimit -n)")
	case isTimeout(err):
		return failure(ClassConnect, err, "no connection to %s: it does not answer", where)
	default:
		return failure(ClassConnect, err, "no connection to %s: %s", where, rootText(err))
	}
}

// lookupFailed explains why a name did not resolve.
func (a *attempt) lookupFailed(dns *net.DNSError, err error) error {
	switch {
	case dns.IsNotFound && a.network != "tcp":
		return failure(ClassDNS, err, "%s has no %s address", a.to.host, familyName(a.network))
	case dns.IsNotFound:
		return failure(ClassDNS, err, "%s does not resolve (NXDOMAIN)", a.to.host)
	case dns.IsTimeout:
		return failure(ClassDNS, err, "%s does not resolve: the DNS server%s does not answer", a.to.host, spaced(dns.Server))
	default:
		return failure(ClassDNS, err, "%s does not resolve: %s", a.to.host, dns.Err)
	}
}

func spaced(s string) string {
	if s == "" {
		return ""
	}
	return " " + s
}

func familyName(network string) string {
	switch network {
	case "tcp4":
		return "IPv4"
	case "tcp6":
		return "IPv6"
	default:
		return "IP"
	}
}

// ioFailed explains a connection that broke while a request was sent or its
// headers were awaited.
func (a *attempt) ioFailed(err error) error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	if stop := a.interrupted(); stop != nil {
		return stop
	}
	if alert := alertOf(err); alert != nil {
		return alert
	}
	switch {
	case errors.Is(err, errHeaderTooLarge):
		return failure(ClassProtocol, err, "the answer's headers are larger than %s", maxHeader)
	case isReset(err):
		return failure(ClassProtocol, err, "connection reset by %s before it answered", a.resp.RemoteAddr)
	case isEOF(err):
		if a.stage == stageHead {
			return failure(ClassProtocol, err, "connection closed in the middle of the answer's headers")
		}
		return a.closed(err)
	default:
		return failure(ClassProtocol, err, "the answer is not valid HTTP: %s", rootText(err))
	}
}

// closed explains a connection that was closed without an answer. Servers for
// TLS do that to a plain request, too.
func (a *attempt) closed(err error) error {
	hint := ""
	if a.to.scheme == "http" && a.resp.TLS == nil && !a.viaProxy {
		hint = "; is the URL https://?"
	}
	return failure(ClassProtocol, err, "connection closed by %s without an answer%s", a.resp.RemoteAddr, hint)
}

// bodyFailed explains a body that did not arrive whole.
func (a *attempt) bodyFailed(err error) error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	if stop := a.interrupted(); stop != nil {
		return stop
	}
	switch {
	case isReset(err):
		return failure(ClassBody, err, "the answer is cut short: connection reset after %s of the body", a.progress())
	case isEOF(err):
		if a.expected < 0 {
			return failure(ClassBody, err, "the answer is cut short: connection closed after %d bytes of the body", a.received)
		}
		return failure(ClassBody, err, "the answer is cut short: %s of the body", a.progress())
	default:
		return failure(ClassBody, err, "the body cannot be read after %d bytes: %s", a.received, rootText(err))
	}
}

// tlsFailed explains a handshake that did not succeed.
func (a *attempt) tlsFailed(err error) error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	if stop := a.interrupted(); stop != nil {
		return stop
	}
	if alert := alertOf(err); alert != nil {
		return alert
	}
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record):
		return failure(ClassTLS, err, "%s does not speak TLS on this port (it answers %s); is the URL http://?", a.to, excerpt(string(record.RecordHeader[:])))
	case isReset(err):
		return failure(ClassTLS, err, "connection reset by %s in the TLS handshake", a.to)
	case isEOF(err):
		return failure(ClassTLS, err, "connection closed by %s in the TLS handshake", a.to)
	default:
		return failure(ClassTLS, err, "the TLS handshake with %s failed: %s", a.to, rootText(err))
	}
}

// knownAlert explains the alerts (RFC 8446 §6.2) that have a cause worth
// naming, by crypto/tls's words for them: it does not export their numbers.
func knownAlert(text string) (Class, string) {
	switch text {
	case "handshake failure":
		return ClassTLS, "the server refuses the TLS handshake: no common version, cipher or signature"
	case "bad certificate", "unknown certificate":
		return ClassTLS, "the server does not accept our client certificate"
	case "unsupported certificate":
		return ClassTLS, "the server does not support our client certificate"
	case "revoked certificate":
		return ClassTLS, "the server says that our client certificate is revoked"
	case "expired certificate":
		return ClassTLS, "the server says that our client certificate has expired"
	case "unknown certificate authority":
		return ClassTLS, "the server does not know the authority of our client certificate"
	case "access denied":
		return ClassTLS, "the server denies access to our client certificate"
	case "protocol version not supported":
		return ClassTLS, "the server does not speak a TLS version that `tls.min_version` allows"
	case "unrecognized name":
		return ClassTLS, "the server has no certificate for this name (SNI)"
	case "certificate required":
		return ClassTLS, "the server requires a client certificate (tls.cert_file)"
	case "no application protocol":
		return ClassProtocol, "the server does not speak the forced HTTP version (ALPN)"
	default:
		return ClassTLS, "the server ended the TLS connection: " + text
	}
}

// alertOf explains a TLS alert from the server; nil when err is none.
// TLS 1.3 servers judge our certificate after the handshake, so it may come late.
func alertOf(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return nil
	}
	class, text := knownAlert(strings.TrimPrefix(op.Err.Error(), "tls: "))
	return failure(class, err, "%s", text)
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// rootText is the last error of the chain without Go's prefixes, in one short
// printable line.
func rootText(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	text := err.Error()
	for _, prefix := range []string{"tls: ", "http2: ", "net/http: ", "http: ", "x509: ", "gzip: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return printable(text, maxCauseText)
}

// maxCauseText bounds texts that the target can influence.
const maxCauseText = 200

// excerpt quotes what came from outside, cut to a readable length.
func excerpt(text string) string {
	const shown = 80
	if len(text) > shown {
		return strconv.QuoteToGraphic(strings.ToValidUTF8(text[:shown], "")) + "…"
	}
	return strconv.QuoteToGraphic(text)
}

// printable cuts text to limit bytes and replaces what a terminal would obey.
func printable(text string, limit int) string {
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '·'
	}, text)
}
