package upstream_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"lapwing.dev/lapwing/internal/gateway/upstream"
)

func TestAWebSocketGoesThrough(t *testing.T) {
	p := newProxy(t, upstream.Config{}, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, text, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, append([]byte("echo "), text...)); err != nil {
				return
			}
		}
	}))
	p.out = func(*http.Request) *upstream.Outbound { return &upstream.Outbound{Answer: answerer{}} }
	c, res, err := websocket.Dial(t.Context(), p.URL, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {p.URL}}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Header.Get("X-Charged") != "101" {
		t.Errorf("nobody saw the answer: %v", res.Header)
	}
	for _, text := range []string{"one", strings.Repeat("x", 10_000)} {
		if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(t.Context()); err != nil || string(got) != "echo "+text {
			t.Fatalf("got %.20q, %v", got, err)
		}
	}
	if s := p.pool.Status().Servers[0]; s.InWork != 1 {
		t.Errorf("%d in work while the socket is open", s.InWork)
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	if got := p.result(t); !got.Upgraded || !got.Committed || got.Status != 101 || got.Error != "" || got.ResponseBytes < 10_000 || got.RequestBytes < 10_000 {
		t.Errorf("result %+v", got)
	}
	if s := p.pool.Status().Servers[0]; s.InWork != 0 {
		t.Errorf("%d in work after it was closed", s.InWork)
	}
}

func TestNobodyLeavesForAnotherHTTP(t *testing.T) {
	for _, protocol := range []string{"h2c", "websocket, h2c", "HTTP/2.0", "TLS/1.0", "H2C"} {
		bothPaths(t, func(t *testing.T, start starter) {
			told := make(chan http.Header, 1)
			p := start(upstream.Config{}, rawUpstream(t, func(_ int, c *net.TCPConn) {
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				told <- r.Header
				fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
				_, _ = io.Copy(io.Discard, c)
			}))
			c, err := net.Dial("tcp", p.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: %s\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", protocol)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || res.StatusCode != http.StatusBadGateway {
				t.Errorf("%s: answer %v, %v", protocol, res, err)
			}
			if h := <-told; h.Get("Upgrade") != "" || h.Get("Connection") != "" || h.Get("Http2-Settings") != "" {
				t.Errorf("%s: the upstream is asked: %v", protocol, h)
			}
		})
	}
}

func TestAnUpgradeToNobodyIsARefusal(t *testing.T) {
	p := newProxy(t, upstream.Config{}, nobody)
	if _, res, err := websocket.Dial(t.Context(), p.URL, nil); err == nil || res.StatusCode != http.StatusBadGateway {
		t.Errorf("answer %v, %v", res, err)
	}
}

// talk is a handler that answers each line with a line, and with trailers, as
// gRPC does over HTTP/2.
func talk(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w)
	_ = flush.Flush()
	words := bufio.NewScanner(r.Body)
	for words.Scan() {
		fmt.Fprintf(w, "%s over %s, TE %s\n", words.Text(), r.Proto, r.Header.Get("Te"))
		_ = flush.Flush()
	}
	w.Header().Set("Grpc-Status", "0")
	w.Header().Set(http.TrailerPrefix+"Grpc-Message", "fine")
}

func TestHTTP2GoesThroughInBothDirections(t *testing.T) {
	for _, scheme := range []string{"https", "h2c"} {
		t.Run(scheme, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(talk))
			cfg := upstream.Config{}
			if scheme == "https" {
				server.EnableHTTP2 = true
				server.StartTLS()
				roots := x509.NewCertPool()
				roots.AddCert(server.Certificate())
				cfg.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
			} else {
				server.Config.Protocols = new(http.Protocols)
				server.Config.Protocols.SetUnencryptedHTTP2(true)
				server.Start()
			}
			t.Cleanup(server.Close)
			p := newProxy(t, cfg, scheme+"://"+server.Listener.Addr().String())
			front := httptest.NewUnstartedServer(p)
			front.EnableHTTP2 = true
			front.StartTLS()
			t.Cleanup(front.Close)

			body, say := io.Pipe()
			req, _ := http.NewRequestWithContext(t.Context(), "POST", front.URL+"/orders.Orders/Watch", body)
			req.Header.Set("Te", "trailers")
			req.Header.Set("Content-Type", "application/grpc")
			res, err := front.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			answers := bufio.NewReader(res.Body)
			for _, word := range []string{"one", "two"} {
				fmt.Fprintln(say, word)
				if got, err := answers.ReadString('\n'); err != nil || got != word+" over HTTP/2.0, TE trailers\n" {
					t.Fatalf("got %q, %v", got, err)
				}
			}
			say.Close()
			if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 {
				t.Errorf("rest %q, %v", rest, err)
			}
			if got := res.Trailer; got.Get("Grpc-Status") != "0" || got.Get("Grpc-Message") != "fine" {
				t.Errorf("trailers %v", got)
			}
			if got := p.result(t); got.Error != "" || got.RequestBytes != 8 {
				t.Errorf("result %+v", got)
			}
		})
	}
}

func TestAClientOverHTTP2TakesTheLeanPath(t *testing.T) {
	p := newProxy(t, upstream.Config{}, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %q", r.Proto, r.Method, body, r.Header["Cookie"])
	}))
	front := httptest.NewUnstartedServer(p)
	front.EnableHTTP2 = true
	front.StartTLS()
	t.Cleanup(front.Close)
	req, _ := http.NewRequestWithContext(t.Context(), "POST", front.URL, io.MultiReader(strings.NewReader("hello")))
	req.Header["Cookie"] = []string{"a=1", "b=2"}
	res, err := front.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || string(text) != `HTTP/1.1 POST hello ["a=1; b=2"]` {
		t.Errorf("got %s, %v", text, err)
	}
	if s := p.pool.Status().Servers[0]; s.Connections != 1 {
		t.Errorf("%d connections of the lean path", s.Connections)
	}

	// A client that leaves resets its stream, not the connection.
	ctx, leave := context.WithCancel(t.Context())
	asked := make(chan struct{})
	freed := make(chan struct{})
	slow := newProxy(t, upstream.Config{}, serverOf(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
		close(freed)
	}))
	front2 := httptest.NewUnstartedServer(slow)
	front2.EnableHTTP2 = true
	front2.StartTLS()
	t.Cleanup(front2.Close)
	go func() { <-asked; leave() }()
	req, _ = http.NewRequestWithContext(ctx, "GET", front2.URL, nil)
	if res, err := front2.Client().Do(req); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, %v", res, err)
	}
	<-freed
}

func TestABadCertificateIsNoConnection(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	p := newProxy(t, upstream.Config{}, server.URL)
	if res := p.do(t, "GET", "/"); res.StatusCode != http.StatusBadGateway {
		t.Errorf("status %d", res.StatusCode)
	}
	if got := p.result(t); got.Error != "connect" {
		t.Errorf("result %+v", got)
	}
}

func TestExpectWaitsForTheUpstream(t *testing.T) {
	for _, c := range []struct{ upstream, want string }{
		{"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue"},
		{"HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 417 Expectation Failed"},
	} {
		p := newProxy(t, upstream.Config{}, rawUpstream(t, func(_ int, conn *net.TCPConn) {
			in := bufio.NewReader(conn)
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			fmt.Fprint(conn, c.upstream)
			if strings.Contains(c.upstream, "100") {
				_, _ = io.ReadFull(in, make([]byte, 5))
				fmt.Fprint(conn, "HTTP/1.1 204 No Content\r\n\r\n")
			}
			_, _ = io.Copy(io.Discard, in)
		}))
		conn, err := net.Dial("tcp", p.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
		in := bufio.NewReader(conn)
		line, err := in.ReadString('\n')
		if err != nil || strings.TrimSpace(line) != c.want {
			t.Errorf("before the body: %q, %v; want %q", line, err, c.want)
		}
		if strings.Contains(c.upstream, "100") {
			_, _ = in.ReadString('\n')
			fmt.Fprint(conn, "hello")
			if line, err := in.ReadString('\n'); err != nil || strings.TrimSpace(line) != "HTTP/1.1 204 No Content" {
				t.Errorf("after the body: %q, %v", line, err)
			}
		}
		conn.Close()
		p.result(t)
	}
}
