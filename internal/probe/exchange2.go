package probe

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// connectionKey is the context key under which exchange2 hands an open
// connection to the HTTP/2 transport.
type connectionKey struct{}

// exchange2 sends m and reads the answer by HTTP/2 (RFC 9113), on a connection
// that is already open and was measured. net/http's client connection does it;
// it is closed, with its goroutine, when the answer was read.
func (a *attempt) exchange2(c *connection, m *message) (*url.URL, error) {
	a.enter(stageSend, &a.resp.Phases.TTFB)
	var heard firstBytes
	if m.at.scheme == "http" { // over TLS both sides have agreed on HTTP/2
		heard.Conn = c.Conn
		c.Conn = &heard
	}
	ctx := context.WithValue(a.ctx, connectionKey{}, c.Conn)
	conn, err := a.http.h2.NewClientConn(ctx, m.at.scheme, m.at.String())
	if err != nil {
		return nil, a.h2Failed(err, &heard)
	}
	defer conn.Close()
	a.stage = stageWait
	res, err := conn.RoundTrip(m.request(a.ctx))
	if err != nil {
		return nil, a.h2Failed(err, &heard)
	}
	defer res.Body.Close()
	a.enter(stageHead, &a.resp.Phases.Transfer)
	to, err := a.headers(m, res)
	if err != nil || to != nil {
		return to, err
	}
	return nil, a.readBody(res.Body, res.ContentLength, res.Header)
}

// request is m as net/http's type.
func (m *message) request(ctx context.Context) *http.Request {
	header := make(http.Header, len(m.fields))
	for _, f := range m.fields {
		header[f.name] = append(header[f.name], f.value)
	}
	host := m.host
	if host == "" {
		host = m.at.authority
	}
	r := &http.Request{
		Method: m.method, URL: m.url, Host: host, Header: header,
		Proto: "HTTP/2.0", ProtoMajor: 2,
	}
	if m.hasBody && len(m.body) > 0 {
		r.Body = bodyOf(m.body)
		r.ContentLength = int64(len(m.body))
	}
	return r.WithContext(ctx)
}

// h2Failed explains an HTTP/2 connection that did not work.
func (a *attempt) h2Failed(err error, heard *firstBytes) error {
	if stop := a.interrupted(); stop != nil {
		return stop
	}
	text := err.Error()
	first := heard.strange()
	switch {
	case strings.HasPrefix(string(first), "HTTP/"):
		return failure(ClassProtocol, err, "%s answers in HTTP/1.1 to an HTTP/2 request", a.to)
	case isTLS(first):
		return failure(ClassProtocol, err, "%s answers in TLS; is the URL https://?", a.to)
	case first != nil:
		return failure(ClassProtocol, err, "%s does not speak HTTP/2 in the clear (h2c), which `http: \"2\"` forces: it answers %s", a.to, firstLine(first))
	case strings.Contains(text, "response header list larger"):
		return failure(ClassProtocol, err, "the answer's headers are larger than %s", maxHeader)
	case strings.Contains(text, "COMPRESSION_ERROR"):
		return failure(ClassProtocol, err, "the answer's headers cannot be decoded, or one is larger than %s", maxHeader)
	case errors.Is(err, net.ErrClosed), strings.Contains(text, "client connection lost"),
		strings.Contains(text, "client conn could not be established"):
		return a.closed(err)
	}
	return a.ioFailed(err)
}

// firstBytes keeps how a server begins: what net/http says of one that does not
// speak HTTP/2 depends on who finds out first.
type firstBytes struct {
	net.Conn
	begins atomic.Pointer[[]byte]
}

func (f *firstBytes) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if n > 0 && f.begins.Load() == nil {
		const enough = 64
		first := bytes.Clone(p[:min(n, enough)])
		f.begins.Store(&first)
	}
	return n, err
}

// strange returns how the server began if that is not HTTP/2: each side's first
// frame is SETTINGS (RFC 9113 §3.4), whose type is the fourth byte.
func (f *firstBytes) strange() []byte {
	const kind, settings = 3, 4
	first := f.begins.Load()
	if first == nil || len(*first) <= kind || (*first)[kind] == settings {
		return nil
	}
	return *first
}

// readCloser is a body to send.
type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func bodyOf(body []byte) readCloser { return readCloser{bytes.NewReader(body)} }
