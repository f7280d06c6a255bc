package upstream_test

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/gateway/upstream"
)

// TestLeanAndReferenceAreTheSame sends the same bytes through the lean path, the
// reference path and a plain httputil.ReverseProxy, to an upstream that answers
// with the same bytes, and compares what the client and the upstream see: status
// lines, fields, bodies, trailers, interim answers, and whether the answer was
// whole.
//
// Where ours are meant to differ from ReverseProxy, the case says why. These
// differences hold everywhere and are taken out before the comparison:
//
//   - ReverseProxy's server guesses a Content-Type that the upstream did not
//     tell; ours sends none.
//   - We send Forwarded besides X-Forwarded-For, -Host and -Proto.
//   - ReverseProxy says "100 Continue" once or twice, as it happens, and also to
//     those who do not wait for it. Ours says it once to those who do.
//   - A chunked answer that came whole goes on with its length, where others
//     keep the chunks: nothing of it was waited for.
//   - How much of an answer that breaks off arrives before it does.
//   - The order of fields, and Date, which the server adds.
func TestLeanAndReferenceAreTheSame(t *testing.T) {
	for _, c := range diffCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lean := c.play(t, leanProxy)
			if got := lean.outcome(); got != c.want {
				t.Errorf("the client got %s, want %s:\n%+v", got, c.want, lean)
			}
			lean = c.normal(lean)
			reference := c.normal(c.play(t, referenceProxy))
			plain := c.normal(c.play(t, plainProxy))
			if diff := gocmp.Diff(reference, lean); diff != "" && c.leanDiffers == "" {
				t.Errorf("lean (+) differs from the reference (-):\n%s", diff)
			}
			if diff := gocmp.Diff(plain.comparable(), lean.comparable()); (diff == "") != (c.differs == "") {
				t.Errorf("difference from ReverseProxy (-) is meant to be %q, is:\n%s", c.differs, diff)
			}
		})
	}
}

// A diffCase is one conversation.
type diffCase struct {
	name   string
	send   string   // by the client
	answer string   // by the upstream, to every request
	parts  []string // the same, in writes of their own; each may be "RESET" or "CLOSE"
	early  bool     // the upstream answers without reading the body
	twice  bool     // the client sends it twice, over the same connection
	want   string   // "200", "502" when there is no answer, "200 broken"

	differs     string // from ReverseProxy, and why
	leanDiffers string // from the reference, and why
}

// seen is what client and upstream saw of a conversation.
type seen struct {
	Answers  []seenAnswer
	Requests []seenRequest
}

type seenAnswer struct {
	Interim []string
	Status  string
	Header  []string
	Body    string
	Trailer []string
	Broken  bool
}

type seenRequest struct {
	Line    string
	Host    string
	Header  []string
	Framing string
	Body    string
	Trailer []string
	Broken  bool
}

func (s seen) outcome() string {
	if len(s.Answers) == 0 {
		return "nothing"
	}
	last := s.Answers[len(s.Answers)-1]
	code, _, _ := strings.Cut(last.Status, " ")
	if last.Broken {
		return code + " broken"
	}
	return code
}

// normal takes out what is a matter of buffers and time.
func (c *diffCase) normal(s seen) seen {
	chunked := strings.Contains(c.answer+strings.Join(c.parts, ""), "hunked\r\n")
	for i := range s.Answers {
		a := &s.Answers[i]
		if a.Broken {
			*a = seenAnswer{Interim: a.Interim, Broken: true}
		}
		if c.early { // whether the body was sent by then is a matter of time
			a.Header = slices.DeleteFunc(a.Header, func(f string) bool { return f == "(closes)" })
		}
		if chunked {
			length := "Content-Length: " + strconv.Itoa(len(a.Body))
			a.Header = slices.DeleteFunc(a.Header, func(f string) bool { return f == "(chunked)" || f == length })
		}
	}
	return s
}

// comparable takes out what ReverseProxy is known to do otherwise.
func (s seen) comparable() seen {
	s.Answers = slices.Clone(s.Answers)
	for i := range s.Answers {
		s.Answers[i].Interim = slices.DeleteFunc(slices.Clone(s.Answers[i].Interim), func(a string) bool { return a == "100 Continue[]" })
		if len(s.Answers[i].Interim) == 0 {
			s.Answers[i].Interim = nil
		}
		s.Answers[i].Header = slices.DeleteFunc(slices.Clone(s.Answers[i].Header), func(f string) bool {
			return strings.HasPrefix(f, "Content-Type: ") && !strings.Contains(f, "told")
		})
	}
	requests := slices.Clone(s.Requests)
	for i := range requests {
		requests[i].Header = slices.DeleteFunc(slices.Clone(requests[i].Header), func(f string) bool { return strings.HasPrefix(f, "Forwarded: ") })
	}
	s.Requests = requests
	return s
}

// play runs the conversation through a proxy.
func (c *diffCase) play(t *testing.T, proxy func(*testing.T, string) http.Handler) seen {
	t.Helper()
	server := newScript(t, c)
	front := httptest.NewUnstartedServer(proxy(t, "http://"+server.address()))
	front.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	front.Start()
	defer front.Close()
	var s seen
	s.Answers = c.talk(t, front.Listener.Addr().String())
	front.Close() // the upstream's part of the conversation is over now
	s.Requests = server.stop()
	return s
}

// talk is the client's side.
func (c *diffCase) talk(t *testing.T, address string) []seenAnswer {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(conn)
	var answers []seenAnswer
	for range cmp.Or(map[bool]int{true: 2}[c.twice], 1) {
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			_, _ = io.WriteString(conn, c.send)
		}()
		answer, again := readAnswer(in, c.send)
		answers = append(answers, answer)
		if !again {
			conn.Close()
		}
		<-sent
		if !again {
			break
		}
	}
	return answers
}

// readAnswer reads an answer with what comes before it; again reports whether
// the connection can be used on.
func readAnswer(in *bufio.Reader, request string) (a seenAnswer, again bool) {
	method, _, _ := strings.Cut(request, " ")
	for {
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			a.Status, a.Broken = "none", true
			return a, false
		}
		if res.StatusCode < 200 {
			a.Interim = append(a.Interim, fmt.Sprint(res.Status, lines(res.Header)))
			continue
		}
		body, err := io.ReadAll(res.Body)
		res.Header.Del("Date")
		if len(body) > 100_000 {
			body = fmt.Appendf(nil, "%d bytes, %x", len(body), body[len(body)-10:])
		}
		a.Status, a.Header, a.Body, a.Trailer, a.Broken = res.Status, lines(res.Header), string(body), lines(res.Trailer), err != nil
		if res.Close {
			a.Header = append(a.Header, "(closes)")
		}
		if len(res.TransferEncoding) > 0 {
			a.Header = append(a.Header, "(chunked)")
		}
		return a, err == nil && !res.Close
	}
}

func lines(h http.Header) []string {
	var list []string
	for name, values := range h {
		for _, v := range values {
			list = append(list, name+": "+v)
		}
	}
	slices.Sort(list)
	return list
}

// script is an upstream that says its lines, whatever it is asked.
type script struct {
	listener net.Listener
	c        *diffCase
	conns    sync.WaitGroup

	mu       sync.Mutex
	open     []net.Conn
	requests []seenRequest
}

func newScript(t *testing.T, c *diffCase) *script {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{listener: l, c: c}
	s.conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open = append(s.open, conn)
			s.mu.Unlock()
			s.conns.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				s.serve(conn.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *script) address() string { return s.listener.Addr().String() }

func (s *script) stop() []seenRequest {
	s.listener.Close()
	s.mu.Lock()
	for _, c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	s.conns.Wait()
	return s.requests
}

func (s *script) serve(conn *net.TCPConn) {
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if r.Header.Get("Expect") != "" {
			_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		saw := seenRequest{
			Line: r.Method + " " + r.RequestURI + " " + r.Proto, Host: r.Host, Header: lines(r.Header),
			Framing: fmt.Sprint(r.ContentLength, r.TransferEncoding),
		}
		if !s.c.early {
			body, err := io.ReadAll(r.Body)
			if len(body) > 100_000 {
				body = fmt.Appendf(nil, "%d bytes, %x", len(body), body[len(body)-10:])
			}
			saw.Body, saw.Trailer, saw.Broken = string(body), lines(r.Trailer), err != nil
		}
		s.mu.Lock()
		s.requests = append(s.requests, saw)
		s.mu.Unlock()
		parts := s.c.parts
		if parts == nil {
			parts = []string{s.c.answer}
		}
		for _, part := range parts {
			switch part {
			case "RESET":
				_ = conn.SetLinger(0)
				return
			case "CLOSE":
				_ = conn.CloseWrite()
				_, _ = io.Copy(io.Discard, in)
				return
			}
			if _, err := io.WriteString(conn, part); err != nil {
				return
			}
		}
		if s.c.early {
			_, _ = io.Copy(io.Discard, in)
			return
		}
	}
}

// The proxies. Whatever goes wrong before an answer began is a 502 in all.

func leanProxy(t *testing.T, target string) http.Handler { return pooled(t, target, false) }

func referenceProxy(t *testing.T, target string) http.Handler { return pooled(t, target, true) }

func pooled(t *testing.T, target string, reference bool) http.Handler {
	registry := upstream.NewRegistry(quiet())
	pool, err := upstream.NewPool(upstream.Config{Name: "p", Servers: []upstream.Server{{URL: target}}}, upstream.Deps{Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	if reference {
		pool.UseReference()
	}
	registry.Use(pool)
	t.Cleanup(func() { registry.Use() })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var res upstream.Result
		pool.Forward(w, r, &upstream.Outbound{}, &res)
		if !res.Committed {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
}

func plainProxy(t *testing.T, target string) http.Handler {
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true, MaxResponseHeaderBytes: 64 << 10}
	t.Cleanup(transport.CloseIdleConnections)
	return &httputil.ReverseProxy{
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(u)
			pr.SetXForwarded()
			pr.Out.Host = pr.In.Host
			pr.Out.URL.RawQuery = pr.In.URL.RawQuery
		},
		Transport: transport,
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if errors.Is(err, http.ErrAbortHandler) {
				panic(err)
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
}
