package web_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/web"
	"lapwing.dev/lapwing/internal/web/live"
)

// serve runs the handler until the test ends or stop is called, which waits and
// returns Serve's error.
func serve(t *testing.T, handler http.Handler, drain ...func()) (addr string, stop func() error) {
	t.Helper()
	var config net.ListenConfig
	ln, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- web.Serve(ctx, ln, handler, slog.New(slog.DiscardHandler), drain...) }()
	stopped := false
	stop = func() error {
		cancel()
		stopped = true
		return <-done
	}
	t.Cleanup(func() {
		if !stopped {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return ln.Addr().String(), stop
}

func get(t *testing.T, url string) (*http.Response, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return send(r)
}

// send uses a connection of its own, so that none is left open.
func send(r *http.Request) (*http.Response, string, error) {
	transport := &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: time.Minute}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, string(body), err
}

func TestAPanicIsOneAnswerAndOneLineInTheLog(t *testing.T) {
	s := newSurface(t)
	addr, _ := serve(t, s.handler)
	response, body, err := get(t, "http://"+addr+"/panic")
	if err != nil || response.StatusCode != http.StatusInternalServerError || strings.Contains(body, "broken") {
		t.Fatalf("%v, %v, %q", err, response, body)
	}
	for _, path := range []string{"/panic/late", "/panic/compressed"} {
		if response, body, err := get(t, "http://"+addr+path); err == nil && response.StatusCode == http.StatusOK {
			t.Errorf("%s: half an answer looks like a whole one: %.50q", path, body)
		}
	}
	if _, _, err := get(t, "http://"+addr+"/abort"); err == nil {
		t.Error("/abort: an answer")
	}
	log := s.log.String()
	if got := strings.Count(log, "handler panicked"); got != 3 {
		t.Errorf("%d lines about panics, want 3:\n%s", got, log)
	}
	if !strings.Contains(log, response.Header.Get("X-Request-Id")) {
		t.Error("the log does not know the id that the client was told")
	}
	if response, _, err := get(t, "http://"+addr+"/healthz"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("after the panics: %v, %v", response, err)
	}
}

func TestBodiesThatAreTooLarge(t *testing.T) {
	addr, _ := serve(t, newSurface(t).handler)
	tests := []struct {
		name string
		size int
		told bool // Content-Length
		want int
	}{
		{"just right", 1 << 20, true, http.StatusOK},
		{"too large, as announced", 1<<20 + 1, true, http.StatusRequestEntityTooLarge},
		{"too large, and does not say so", 1<<20 + 1, false, http.StatusRequestEntityTooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var body io.Reader = bytes.NewReader(make([]byte, test.size))
			if !test.told {
				body = io.MultiReader(body)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/api/v1/body", body)
			if err != nil {
				t.Fatal(err)
			}
			// Who asks first can be told without a race between the answer and what
			// is still on its way when the connection ends.
			r.Header.Set("Expect", "100-continue")
			response, text, err := send(r)
			if err != nil || response.StatusCode != test.want {
				t.Errorf("%v, %v, %.200q; want %d", err, response, text, test.want)
			}
		})
	}
}

func TestHeadersThatAreTooLarge(t *testing.T) {
	addr, _ := serve(t, newSurface(t).handler)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Endless", strings.Repeat("x", 1<<17))
	if response, _, err := send(r); err == nil && response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
}

func TestStoppingLetsARequestFinish(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	addr, stop := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
		_, _ = io.WriteString(w, "whole")
	}), func() { close(finish) }) // the drain: it runs once nobody comes in any more
	answer := make(chan string, 1)
	go func() {
		_, body, err := get(t, "http://"+addr+"/")
		answer <- fmt.Sprint(body, err)
	}()
	<-begun
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := <-answer; got != "whole<nil>" {
		t.Errorf("the request got %q", got)
	}
	if _, _, err := get(t, "http://"+addr+"/"); err == nil {
		t.Error("somebody came in after the stop")
	}
}

func TestStoppingEndsStreamsAndSilentConnections(t *testing.T) {
	hub := live.NewHub(16)
	streams := live.NewStreams(live.StreamsDeps{Hub: hub, Log: slog.New(slog.DiscardHandler)})
	addr, stop := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := streams.Serve(w, r); err != nil {
			t.Error(err)
		}
	}), streams.Close)

	var dialer net.Dialer
	silent, err := dialer.DialContext(t.Context(), "tcp", addr) // as browsers open in advance
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	var readers []*bufio.Reader
	for range 8 { // as many tabs
		conn, err := dialer.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(conn)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body := bufio.NewReader(response.Body)
		if line, err := body.ReadString('\n'); err != nil || line != "retry: 2000\n" {
			t.Fatalf("%q, %v", line, err)
		}
		readers = append(readers, body)
	}
	if err := stop(); err != nil { // it would have waited for the silent connection or a stream until its deadline
		t.Error(err)
	}
	for _, reader := range readers {
		if _, err := io.ReadAll(reader); err != nil {
			t.Errorf("a stream was torn instead of ended: %v", err)
		}
	}
}

func TestABodyThatNeverComesIsNotWaitedFor(t *testing.T) {
	tests := []struct {
		name, path string
		closed     time.Duration // the connection is, after at most
	}{
		{"by a handler that reads it", "/api/v1/body", 30 * time.Second},
		{"by a handler that does not", "/api/v1/checks", 30 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := pipeTo(t, newSurface(t).handler)
				if _, err := io.WriteString(client, "POST "+test.path+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nx"); err != nil {
					t.Fatal(err)
				}
				begin := time.Now() // of the bubble's clock
				reader := bufio.NewReader(client)
				response, err := http.ReadResponse(reader, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				answered := time.Since(begin)
				if _, err := io.Copy(io.Discard, reader); err != nil {
					t.Error(err)
				}
				if closed := time.Since(begin); answered > test.closed || closed > test.closed+time.Second {
					t.Errorf("answered after %v, closed after %v; want at most %v", answered, closed, test.closed)
				}
			})
		})
	}
}

func TestWorkThatTakesLongerThanABodyMayIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := pipeTo(t, web.New(web.Deps{
			Log: slog.New(slog.DiscardHandler), Access: everybody{}, UI: http.NotFoundHandler(),
			API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.Copy(io.Discard, r.Body); err != nil {
					t.Error(err)
				}
				select {
				case <-time.After(time.Minute):
					w.WriteHeader(http.StatusNoContent)
				case <-r.Context().Done():
					t.Error("the request was ended while it was worked on")
				}
			}),
		}))
		if _, err := io.WriteString(client, "POST /api/v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(client), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusNoContent {
			t.Errorf("status %d", response.StatusCode)
		}
	})
}

// everybody lets everybody do everything.
type everybody struct{}

func (everybody) Identify(*http.Request) (access.Identity, error) {
	return access.Identity{Kind: access.KindLocal, Scopes: []access.Scope{access.Admin}}, nil
}

func (everybody) CheckOrigin(*http.Request, access.Identity) error { return nil }

// pipeTo serves the handler in the test's bubble and returns a connection to it.
func pipeTo(t *testing.T, handler http.Handler) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	ln := &onePipe{conn: addressed{server}, closed: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- web.Serve(ctx, ln, handler, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		_ = client.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return client
}

// addressed is a pipe that looks like a connection on this machine.
type addressed struct{ net.Conn }

func (addressed) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 50000} }

func TestARequestThatDoesNotEndIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		begun := make(chan struct{})
		handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(begun)
			<-r.Context().Done()
		})
		ctx, cancel := context.WithCancel(t.Context())
		ln := &onePipe{conn: server, closed: make(chan struct{})}
		done := make(chan error, 1)
		go func() { done <- web.Serve(ctx, ln, handler, slog.New(slog.DiscardHandler)) }()
		if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-begun
		begin := time.Now()
		cancel()
		err := <-done
		if err == nil || !strings.Contains(err.Error(), "were cut off") {
			t.Errorf("error %v, want it to say that a request was cut off", err)
		}
		if took := time.Since(begin); took != 5*time.Second { // of the bubble's clock
			t.Errorf("it was given %v to finish, want 5s", took)
		}
	})
}

// onePipe is a listener with one connection.
type onePipe struct {
	conn   net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *onePipe) Accept() (net.Conn, error) {
	if conn := p.conn; conn != nil {
		p.conn = nil
		return conn, nil
	}
	<-p.closed
	return nil, net.ErrClosed
}

func (p *onePipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *onePipe) Addr() net.Addr { return &net.TCPAddr{} }

func TestAListenerThatFailsIsAnError(t *testing.T) {
	broken := errors.New("out of file descriptors")
	err := web.Serve(t.Context(), brokenListener{broken}, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

type brokenListener struct{ err error }

func (b brokenListener) Accept() (net.Conn, error) { return nil, b.err }
func (b brokenListener) Close() error              { return nil }
func (b brokenListener) Addr() net.Addr            { return &net.TCPAddr{} }
