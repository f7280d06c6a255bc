package middleware_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/middleware"
	"lapwing.dev/lapwing/middleware/observe"
)

// abilities is what a writer says that it can do.
func abilities(w http.ResponseWriter) string {
	var can []string
	if _, ok := w.(http.Flusher); ok {
		can = append(can, "flush")
	}
	if _, ok := w.(http.Hijacker); ok {
		can = append(can, "hijack")
	}
	if _, ok := w.(io.ReaderFrom); ok {
		can = append(can, "readfrom")
	}
	if _, ok := w.(http.Pusher); ok {
		can = append(can, "push")
	}
	if _, ok := w.(io.StringWriter); ok {
		can = append(can, "string")
	}
	return strings.Join(can, " ")
}

// able makes writers of every kind that there could be.
type (
	bareWriter  struct{ http.ResponseWriter }
	flushWriter struct {
		bareWriter
		http.Flusher
	}
	hijackWriter struct {
		bareWriter
		http.Hijacker
	}
	readWriter struct {
		bareWriter
		io.ReaderFrom
	}
	pushWriter struct {
		bareWriter
		http.Pusher
	}
	flushReadWriter struct {
		flushWriter
		io.ReaderFrom
	}
	hijackReadWriter struct {
		hijackWriter
		io.ReaderFrom
	}
	wrappedWriter struct{ bareWriter }
)

func (w wrappedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestAWriterCanDoWhatTheOneBelowCan(t *testing.T) {
	recorder := httptest.NewRecorder()
	plain := bareWriter{recorder}
	for want, w := range map[string]http.ResponseWriter{
		"string":                       plain,
		"flush string":                 flushWriter{plain, recorder},
		"hijack string":                hijackWriter{plain, nil},
		"readfrom string":              readWriter{plain, nil},
		"push string":                  pushWriter{plain, nil},
		"flush readfrom string":        flushReadWriter{flushWriter{plain, recorder}, nil},
		"hijack readfrom string":       hijackReadWriter{hijackWriter{plain, nil}, nil},
		"flush push string":            struct{ flushPushWriter }{flushPushWriter{flushWriter{plain, recorder}, nil}},
		"flush hijack string":          wrappedWriter{bareWriter{flushHijackWriter{flushWriter{plain, recorder}, nil}}},
		"flush hijack readfrom string": fullWriter{flushHijackWriter{flushWriter{plain, recorder}, nil}, nil},
	} {
		h, _ := around(t, middleware.Options{}, http.HandlerFunc(func(got http.ResponseWriter, _ *http.Request) {
			if can := abilities(got); can != want {
				t.Errorf("%T: can %q, want %q", w, can, want)
			}
		}))
		h.ServeHTTP(w, get("/"))
	}
}

type (
	flushPushWriter struct {
		flushWriter
		http.Pusher
	}
	flushHijackWriter struct {
		flushWriter
		http.Hijacker
	}
	fullWriter struct {
		flushHijackWriter
		io.ReaderFrom
	}
)

// serving starts a real server around the handler and returns its client.
func serving(t *testing.T, h http.Handler, http2 bool) (*httptest.Server, *http.Client) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = nil
	if http2 {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server, server.Client()
}

// eventually waits for what a server's goroutine does after its answer.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 400 {
		if holds() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal(what)
}

func TestThroughARealServer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(file, make([]byte, 300_000), 0o600); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /abilities", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, abilities(w)) })
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, _ *http.Request) {
		control := http.NewResponseController(w)
		if err := control.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error(err)
		}
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
			if err := control.Flush(); err != nil {
				t.Error(err)
			}
		}
	})
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-End")
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("X-End", "yes")
	})
	for _, version := range []struct {
		name      string
		http2     bool
		abilities string
		protocol  string
	}{
		{"HTTP/1.1", false, "flush hijack readfrom string", "HTTP/1.1"},
		{"HTTP/2", true, "flush push string", "HTTP/2.0"},
	} {
		t.Run(version.name, func(t *testing.T) {
			h, sink := around(t, middleware.Options{}, mux)
			server, client := serving(t, h, version.http2)
			read := func(method, path string, body io.Reader) (*http.Response, string) {
				r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, body)
				if err != nil {
					t.Fatal(err)
				}
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				text, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				return response, string(text)
			}
			if _, got := read("GET", "/abilities", nil); got != version.abilities {
				t.Errorf("can %q, want %q", got, version.abilities)
			}
			if _, got := read("GET", "/file", nil); len(got) != 300_000 {
				t.Errorf("file of %d bytes", len(got))
			}
			if _, got := read("HEAD", "/file", nil); got != "" {
				t.Errorf("HEAD has a body of %d bytes", len(got))
			}
			if _, got := read("GET", "/stream", nil); got != "data: 0\n\ndata: 1\n\ndata: 2\n\n" {
				t.Errorf("stream %q", got)
			}
			if response, got := read("POST", "/echo", strings.NewReader("hello")); got != "hello" || response.Trailer.Get("X-End") != "yes" {
				t.Errorf("echo %q, trailer %v", got, response.Trailer)
			}
			eventually(t, "not everything was observed", func() bool { return len(sink.all()) == 5 })
			bytes := map[string]int64{}
			for _, e := range sink.all() {
				bytes[e.Method+" "+e.Path] = e.ResponseBytes
				if e.Status != 200 || e.Error != "" || e.Protocol != version.protocol || !e.Client.IsLoopback() {
					t.Errorf("%+v", e)
				}
			}
			for name, want := range map[string]int64{"GET /file": 300_000, "HEAD /file": 0, "GET /stream": 27, "POST /echo": 5} {
				if bytes[name] != want {
					t.Errorf("%s: %d bytes, want %d", name, bytes[name], want)
				}
			}
		})
	}
}

func TestAHijackedConnectionIsObservedAtItsEnd(t *testing.T) {
	h, sink := around(t, middleware.Options{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, buffer, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = buffer.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		line, _ := buffer.ReadString('\n')
		_, _ = buffer.WriteString(line)
		_ = buffer.Flush()
	}))
	server, _ := serving(t, h, false)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nping\n")
	answer, _ := io.ReadAll(bufio.NewReader(conn))
	if !strings.HasSuffix(string(answer), "ping\n") {
		t.Errorf("answer %q", answer)
	}
	eventually(t, "not observed", func() bool { return len(sink.all()) == 1 })
	if e := sink.one(t); e.Status != http.StatusSwitchingProtocols || e.Error != "" || e.Path != "/ws" {
		t.Errorf("%+v", e)
	}
}

func TestAClientThatGoesAwayIsNoticed(t *testing.T) {
	entered := make(chan struct{})
	h, sink := around(t, middleware.Options{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}))
	server, client := serving(t, h, false)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-entered; cancel() }()
	if response, err := client.Do(r); err == nil {
		_ = response.Body.Close()
		t.Error("an answer came")
	}
	eventually(t, "not observed", func() bool { return len(sink.all()) == 1 })
	if e := sink.one(t); e.Error != observe.ErrorClientGone || e.Status != 0 || e.Failed() {
		t.Errorf("%+v", e)
	}
}

func TestAClientThatGoesAwayInItsBody(t *testing.T) {
	h, sink := around(t, middleware.Options{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, "read", http.StatusBadRequest)
		}
	}))
	server, _ := serving(t, h, false)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello")
	_ = conn.Close()
	eventually(t, "not observed", func() bool { return len(sink.all()) == 1 })
	if e := sink.one(t); e.Error != observe.ErrorClientGone || e.RequestBytes != 5 {
		t.Errorf("%+v", e)
	}
}

func TestATimeoutHandlerWithinOrAround(t *testing.T) {
	slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	h, sink := around(t, middleware.Options{}, http.TimeoutHandler(slow, time.Millisecond, "late"))
	if got := serve(h, get("/")).StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("status %d", got)
	}
	if e := sink.one(t); e.Status != 503 || e.Error != "" {
		t.Errorf("within: %+v", e)
	}
	h, sink = around(t, middleware.Options{}, slow)
	if got := serve(http.TimeoutHandler(h, time.Millisecond, "late"), get("/")).StatusCode; got != http.StatusServiceUnavailable {
		t.Errorf("status %d", got)
	}
	eventually(t, "not observed", func() bool { return len(sink.all()) == 1 })
	if e := sink.one(t); e.Error != observe.ErrorTimeout {
		t.Errorf("around: %+v", e)
	}
}
