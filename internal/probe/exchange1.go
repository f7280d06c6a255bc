package probe

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// errHeaderTooLarge ends the reading of an endless header section.
var errHeaderTooLarge = errors.New("headers too large")

// inlineBody is the largest body that is sent before the answer is read. It
// fits the socket buffers, so neither side can wait for the other.
const inlineBody = 16 << 10

// wire has the buffers for one HTTP/1.1 exchange; they are reused.
type wire struct {
	meter meter
	br    *bufio.Reader
	head  []byte
}

func newWire() *wire {
	w := &wire{head: make([]byte, 0, 1<<10)}
	w.br = bufio.NewReaderSize(&w.meter, 4<<10)
	return w
}

// meter lets the header section have maxHeader bytes (and what is read ahead).
type meter struct {
	r       io.Reader
	left    int64
	limited bool
	err     error // what ended the reading; the parser would tell of a malformed line only
}

func (m *meter) Read(p []byte) (int, error) {
	if !m.limited {
		return m.r.Read(p)
	}
	if m.left <= 0 {
		m.err = errHeaderTooLarge
		return 0, m.err
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.left)])
	m.left -= int64(n)
	m.err = err
	return n, err
}

// exchange1 sends m and reads the answer by HTTP/1.1 (RFC 9112).
//
// It does with net/http's parser what http.Transport does with three
// goroutines: a connection that serves one request needs none of them.
func (a *attempt) exchange1(c *connection, m *message) (*url.URL, error) {
	w := a.http.wires.Get().(*wire)
	w.meter = meter{r: c.Conn, left: int64(maxHeader), limited: true}
	w.br.Reset(&w.meter)
	defer func() {
		w.meter = meter{}
		a.http.wires.Put(w)
	}()

	a.enter(stageSend, &a.resp.Phases.TTFB)
	w.head = m.appendHead(w.head[:0], c.absolute, a.probe.route.proxy, a.probe.keeps(m))
	sent, sendErr := a.send(c, w, m.body)
	if sent != nil {
		defer func() {
			_ = c.raw.Close() // ends a body that nobody reads any more
			<-sent
		}()
	}
	if sendErr != nil && !isReset(sendErr) {
		return nil, a.ioFailed(sendErr)
	}
	// A server may refuse a request that it has not read: then there is an
	// answer although sending failed.
	res, err := a.readHead(c, w, m.method) //nolint:bodyclose // nothing to close: the connection is
	if err != nil {
		return nil, err
	}
	if c.reused && res.StatusCode == http.StatusRequestTimeout {
		c.answered = false // not to this request: the server gave the idle connection up (RFC 9110 §15.5.9)
		return nil, failure(ClassProtocol, nil, "the server closed the connection")
	}
	to, err := a.headers(m, res)
	if err != nil || to != nil {
		return to, err
	}
	if err := a.readBody(res.Body, res.ContentLength, res.Header); err != nil {
		return nil, err
	}
	c.again = a.probe.keeps(m) && sent == nil && sendErr == nil && w.mayServeAgain(res)
	return nil, nil
}

// send writes the request; a large body goes on in the background, and the
// channel is closed when it is through.
func (a *attempt) send(c *connection, w *wire, body []byte) (<-chan struct{}, error) {
	if len(body) <= inlineBody {
		w.head = append(w.head, body...)
		_, err := c.Write(w.head)
		return nil, err
	}
	if _, err := c.Write(w.head); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = c.Write(body) // what went wrong shows in the answer
	}()
	return done, nil
}

// appendHead writes the request line and the header section. All values were
// checked when the message was built. keep leaves the connection open.
func (m *message) appendHead(b []byte, absolute bool, proxy *proxyServer, keep bool) []byte {
	b = append(b, m.method...)
	b = append(b, ' ')
	if absolute {
		b = append(b, "http://"...)
		b = append(b, m.at.authority...)
	}
	b = append(b, m.target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	if m.host != "" {
		b = append(b, m.host...)
	} else {
		b = append(b, m.at.authority...)
	}
	if keep {
		b = append(b, "\r\nConnection: keep-alive\r\n"...) // HTTP/1.1 means it anyway; servers of 1.0 need to be told
	} else {
		b = append(b, "\r\nConnection: close\r\n"...)
	}
	for _, f := range m.fields {
		b = append(b, f.name...)
		b = append(b, ": "...)
		b = append(b, f.value...)
		b = append(b, "\r\n"...)
	}
	if absolute {
		if value := proxy.authorization(); value != "" {
			b = append(b, "Proxy-Authorization: "...)
			b = append(b, value...)
			b = append(b, "\r\n"...)
		}
	}
	if m.hasBody || m.method == http.MethodPost || m.method == http.MethodPut || m.method == http.MethodPatch {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(m.body)), 10)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// readHead reads up to the final answer's headers. Interim answers (1xx) are
// passed over; waiting for what follows them is still waiting.
func (a *attempt) readHead(c *connection, w *wire, method string) (*http.Response, error) {
	var asked *http.Request // nil means GET
	if method == http.MethodHead {
		asked = &http.Request{Method: method}
	}
	for {
		a.enter(stageWait, &a.resp.Phases.TTFB)
		if _, err := w.br.Peek(1); err != nil {
			return nil, a.ioFailed(err)
		}
		c.answered = true
		a.enter(stageHead, &a.resp.Phases.Transfer)
		if err := a.looksLikeHTTP(w.br); err != nil {
			return nil, err
		}
		res, err := http.ReadResponse(w.br, asked)
		if err != nil && w.meter.err != nil {
			err = w.meter.err
		}
		if err != nil {
			return nil, a.ioFailed(err)
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			w.meter.limited = false
			return res, nil
		}
	}
}

// looksLikeHTTP tells what answers instead of an HTTP server, from the bytes
// that came first.
func (a *attempt) looksLikeHTTP(br *bufio.Reader) error {
	const start = "HTTP/"
	first, err := br.Peek(br.Buffered())
	if err != nil {
		return a.ioFailed(err)
	}
	n := min(len(first), len(start))
	if string(first[:n]) == start[:n] {
		return nil
	}
	if isTLS(first) {
		return failure(ClassProtocol, nil, "%s answers in TLS; is the URL https://?", a.to)
	}
	return failure(ClassProtocol, nil, "the answer is not HTTP: it begins with %s", firstLine(first))
}

// isTLS knows the records with which a TLS server begins: an alert, a handshake.
func isTLS(first []byte) bool {
	const alert, handshake = 0x15, 0x16
	return len(first) > 0 && (first[0] == alert || first[0] == handshake)
}

// firstLine quotes the beginning of an answer.
func firstLine(first []byte) string {
	line, _, _ := strings.Cut(string(first[:min(len(first), 64)]), "\n")
	return excerpt(strings.TrimSuffix(line, "\r"))
}

// headers keeps an answer's headers and cookies and decides whether to go on
// to another URL.
func (a *attempt) headers(m *message, res *http.Response) (*url.URL, error) {
	a.resp.Status, a.resp.Protocol, a.resp.Headers = res.StatusCode, res.Proto, res.Header
	a.resp.Cookies = nil
	if len(res.Header["Set-Cookie"]) > 0 {
		a.resp.Cookies = res.Cookies()
		a.noteSetCookies(a.resp.Cookies)
		if a.in.Jar != nil {
			a.in.Jar.SetCookies(m.url, a.resp.Cookies)
		}
	}
	if a.probe.redirects.Max == 0 {
		return nil, nil
	}
	return redirected(m.url, res.StatusCode, res.Header)
}
