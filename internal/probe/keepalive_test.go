package probe_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/probe"
)

// script is a server whose every word is known: what it says to the first,
// second, … request of its first, second, … connection.
type script struct {
	says [][]string
	tls  *tls.Config

	said chan struct{} // one for each answer that is written to its end

	mu   sync.Mutex
	seen []string // "1 GET": the number of the connection, and the method
}

// start runs the server until the test ends.
func (s *script) start(t *testing.T) (target string) {
	t.Helper()
	s.said = make(chan struct{}, 64)
	var accepted atomic.Int32
	address := listen(t, func(raw net.Conn) {
		number := int(accepted.Add(1))
		conn := raw
		if s.tls != nil {
			conn = tls.Server(raw, s.tls)
		}
		reader := bufio.NewReader(conn)
		for turn := 0; ; turn++ {
			r, err := http.ReadRequest(reader)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			s.mu.Lock()
			s.seen = append(s.seen, fmt.Sprintf("%d %s", number, r.Method))
			s.mu.Unlock()
			if number > len(s.says) || turn >= len(s.says[number-1]) {
				return
			}
			text, ends := strings.CutSuffix(s.says[number-1][turn], hangUp)
			for piece := range strings.SplitSeq(text, flush) {
				_, _ = io.WriteString(conn, piece)
			}
			s.said <- struct{}{}
			if ends {
				return
			}
		}
	})
	if s.tls != nil {
		return "https://" + address
	}
	return "http://" + address
}

func (s *script) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.seen...)
}

const (
	flush  = "\x00" // between pieces of an answer that are written one after the other
	hangUp = "\x01" // after, or instead of, an answer: the connection is closed
	good   = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
	poison = "HTTP/1.1 500 Poison\r\nContent-Length: 6\r\n\r\npoison"
)

// keeping is a probe that keeps its connections.
func keeping(t *testing.T, target string, edit ...func(*probe.HTTPRequest)) *probe.Probe {
	t.Helper()
	r := probe.HTTPRequest{URL: target, KeepAlive: true}
	for _, e := range edit {
		e(&r)
	}
	return prepare(t, probe.NewHTTP(probe.Options{}), r)
}

// bodies makes n requests one after the other and returns what was answered.
func bodies(t *testing.T, p *probe.Probe, n int) []string {
	t.Helper()
	var got []string
	for range n {
		resp, err := p.Do(t.Context(), probe.Input{})
		if err != nil {
			got = append(got, string(probe.ClassOf(err)))
			continue
		}
		got = append(got, fmt.Sprintf("%d %s", resp.Status, resp.Body))
	}
	return got
}

func TestAKeptConnectionServesTheNextRun(t *testing.T) {
	s := script{says: [][]string{{good, good, good}}}
	p := keeping(t, s.start(t))
	first, err := p.Do(t.Context(), probe.Input{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.Do(t.Context(), probe.Input{})
	if err != nil {
		t.Fatal(err)
	}
	if first.Phases.Connect == 0 {
		t.Error("the first run has no connect phase")
	}
	if p := second.Phases; p.DNS != 0 || p.Connect != 0 || p.TLS != 0 || p.TTFB == 0 {
		t.Errorf("the second run has phases %+v, want only ttfb and transfer", p)
	}
	if string(second.Body) != "good" || second.RemoteAddr != first.RemoteAddr {
		t.Errorf("the second answer is %q from %q", second.Body, second.RemoteAddr)
	}
	if diff := cmp.Diff([]string{"1 GET", "1 GET"}, s.requests()); diff != "" {
		t.Errorf("requests by connection (-want +got):\n%s", diff)
	}
}

func TestWithoutKeepAliveEachRunConnects(t *testing.T) {
	var connections []string
	target := server(t, func(_ http.ResponseWriter, r *http.Request) {
		connections = append(connections, r.RemoteAddr)
		if !r.Close {
			t.Error("the request leaves the connection open")
		}
	})
	p := prepare(t, probe.NewHTTP(probe.Options{}), probe.HTTPRequest{URL: target})
	for range 2 {
		if resp, err := p.Do(t.Context(), probe.Input{}); err != nil || resp.Phases.Connect == 0 {
			t.Errorf("phases %+v, error %v", resp.Phases, err)
		}
	}
	if len(connections) != 2 || connections[0] == connections[1] {
		t.Errorf("connections came from %v, want two", connections)
	}
}

func TestAKeptConnectionRemembersItsHandshake(t *testing.T) {
	ca := newAuthority(t)
	// The server would speak HTTP/2; a connection that is kept speaks HTTP/1.1.
	config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil)}, NextProtos: []string{"h2", "http/1.1"}}
	var connections sync.Map
	target := tlsServer(t, config, func(_ http.ResponseWriter, r *http.Request) { connections.Store(r.RemoteAddr, true) })
	p := prepare(t, probe.NewHTTP(probe.Options{Roots: ca.pool()}), probe.HTTPRequest{URL: target, KeepAlive: true})
	var seen [2]*probe.Response
	for i := range seen {
		var err error
		if seen[i], err = p.Do(t.Context(), probe.Input{}); err != nil {
			t.Fatal(err)
		}
	}
	if seen[0].Phases.TLS == 0 || seen[1].Phases.TLS != 0 {
		t.Errorf("the handshakes took %s and %s, want the second to be none", seen[0].Phases.TLS, seen[1].Phases.TLS)
	}
	if diff := cmp.Diff(seen[0].TLS, seen[1].TLS); diff != "" || seen[1].TLS == nil {
		t.Errorf("what is known of TLS (-first +second):\n%s", diff)
	}
	if seen[1].Protocol != "HTTP/1.1" || seen[1].TLS.ALPN != "http/1.1" {
		t.Errorf("protocol %s, ALPN %s", seen[1].Protocol, seen[1].TLS.ALPN)
	}
	if n := size(&connections); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func size(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

// TestAnswersThatEndAConnection has every answer after which the next run must
// have a new connection, in the clear and in TLS: what a hostile server sends
// too much is never taken for the next answer.
func TestAnswersThatEndAConnection(t *testing.T) {
	tests := []struct {
		name, answer, want string
	}{
		{"a second answer at once", good + poison, "200 good"},
		{"a second answer a moment later", good + flush + poison, "200 good"},
		{"one byte more", good + "\n", "200 good"},
		{"one byte more, a moment later", good + flush + "\n", "200 good"},
		{"a second answer after chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n" + poison, "200 good"},
		{"a body where there is none", "HTTP/1.1 204 No Content\r\n\r\n" + poison, "204 "},
		{"Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ngood", "200 good"},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\ngood", "200 good"},
		{"another protocol", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "101 "},
		{"broken chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "body"},
		{"a body over the limit", "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + strings.Repeat("x", 200), "body"},
		{"not HTTP", "hello\r\n", "protocol"},
	}
	config := &tls.Config{Certificates: []tls.Certificate{newAuthority(t).issue(t, nil)}}
	for _, test := range tests {
		for kind, secured := range map[string]*tls.Config{"": nil, ", TLS": config} {
			t.Run(test.name+kind, func(t *testing.T) {
				s := script{says: [][]string{{test.answer, poison}, {good}}, tls: secured}
				p := keeping(t, s.start(t), func(r *probe.HTTPRequest) {
					r.MaxBody = 100
					r.TLS = &probe.TLSConfig{InsecureSkipVerify: true}
				})
				got := bodies(t, p, 1)
				<-s.said // what comes a moment later has come
				got = append(got, bodies(t, p, 1)...)
				if diff := cmp.Diff([]string{test.want, "200 good"}, got); diff != "" {
					t.Errorf("answers (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]string{"1 GET", "2 GET"}, s.requests()); diff != "" {
					t.Errorf("requests by connection (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestAnswersThatLeaveAConnectionOpen has those after which it serves again.
func TestAnswersThatLeaveAConnectionOpen(t *testing.T) {
	for name, answer := range map[string]string{
		"a length":     good,
		"chunks":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\nTrailer: x\r\n\r\n",
		"no body":      "HTTP/1.1 204 No Content\r\n\r\n",
		"hints before": "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + good,
		"an old one":   "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\ngood",
		"an error":     "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nlate",
	} {
		t.Run(name, func(t *testing.T) {
			s := script{says: [][]string{{answer, good}}}
			if got := bodies(t, keeping(t, s.start(t)), 2); got[1] != "200 good" {
				t.Errorf("answers: %q", got)
			}
			if diff := cmp.Diff([]string{"1 GET", "1 GET"}, s.requests()); diff != "" {
				t.Errorf("requests by connection (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAConnectionThatTheServerGaveUp is replaced once, before an answer has
// begun and for requests that may be sent twice.
func TestAConnectionThatTheServerGaveUp(t *testing.T) {
	put := func(r *probe.HTTPRequest) { r.Method, r.Body = http.MethodPut, "x" }
	tests := []struct {
		name     string
		says     [][]string
		edit     func(*probe.HTTPRequest)
		want     []string
		requests []string
	}{
		{
			"closed while the request was on its way",
			[][]string{{good, hangUp}, {good}},
			nil,
			[]string{"200 good", "200 good"},
			[]string{"1 GET", "1 GET", "2 GET"},
		},
		{
			"a PUT, which is idempotent",
			[][]string{{good, hangUp}, {good}},
			put,
			[]string{"200 good", "200 good"},
			[]string{"1 PUT", "1 PUT", "2 PUT"},
		},
		{
			"told that it waited too long",
			[][]string{{good, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"}, {good}},
			nil,
			[]string{"200 good", "200 good"},
			[]string{"1 GET", "1 GET", "2 GET"},
		},
		{
			"the new one is closed too",
			[][]string{{good, hangUp}, {hangUp}, {good}},
			nil,
			[]string{"200 good", "protocol", "200 good"},
			[]string{"1 GET", "1 GET", "2 GET", "3 GET"},
		},
		{
			"closed within the answer",
			[][]string{{good, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" + hangUp}, {good}},
			nil,
			[]string{"200 good", "body"},
			[]string{"1 GET", "1 GET"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := script{says: test.says}
			target := s.start(t)
			p := keeping(t, target)
			if test.edit != nil {
				p = keeping(t, target, test.edit)
			}
			if diff := cmp.Diff(test.want, bodies(t, p, len(test.want))); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.requests, s.requests()); diff != "" {
				t.Errorf("requests by connection (-want +got):\n%s", diff)
			}
		})
	}
}

func TestATimeoutIsNotTriedAgain(t *testing.T) {
	s := script{says: [][]string{{good, "HTTP/1.1 100 Continue\r\n\r\n"}, {good}}}
	p := keeping(t, s.start(t))
	if _, err := p.Do(t.Context(), probe.Input{}); err != nil {
		t.Fatal(err)
	}
	_, err := p.Do(within(t), probe.Input{})
	wantFailure(t, err, probe.ClassTimeout, "no answer within *ms: waiting for the first byte")
	if diff := cmp.Diff([]string{"200 good"}, bodies(t, p, 1)); diff != "" {
		t.Errorf("the run after it (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1 GET", "1 GET", "2 GET"}, s.requests()); diff != "" {
		t.Errorf("requests by connection (-want +got):\n%s", diff)
	}
}

func TestReleaseClosesKeptConnections(t *testing.T) {
	ended := make(chan struct{}, 1)
	target := "http://" + listen(t, func(c net.Conn) {
		answer(good)(c)
		_, _ = io.Copy(io.Discard, c) // until the prober closes
		ended <- struct{}{}
	})
	h := probe.NewHTTP(probe.Options{})
	p, err := h.Prepare(probe.HTTPRequest{URL: target, KeepAlive: true}, probe.Target{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a run that ends after the release leaves nothing open either
		if _, err := p.Do(t.Context(), probe.Input{}); err != nil {
			t.Fatal(err)
		}
		h.Release(p)
		<-ended
	}
}

func TestRunsAtOnceKeepAFewConnections(t *testing.T) {
	var open, most atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "good") }))
	settled := make(chan struct{}, 1)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			most.Store(max(most.Load(), open.Add(1)))
		case http.StateClosed:
			if open.Add(-1) <= 2 {
				select {
				case settled <- struct{}{}:
				default:
				}
			}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	p := keeping(t, s.URL)
	var running sync.WaitGroup
	for range 16 {
		running.Go(func() {
			for range 20 {
				if resp, err := p.Do(t.Context(), probe.Input{}); err != nil || string(resp.Body) != "good" {
					t.Errorf("answer %q, error %v", resp.Body, err)
				}
			}
		})
	}
	running.Wait()
	for open.Load() > 2 {
		<-settled
	}
}

func TestKeptConnectionsThroughAProxy(t *testing.T) {
	origin := script{says: [][]string{{good, good}}, tls: &tls.Config{Certificates: []tls.Certificate{newAuthority(t).issue(t, nil)}}}
	target := origin.start(t)
	var tunnels atomic.Int32
	address := listen(t, func(c net.Conn) {
		tunnels.Add(1)
		var asked string
		httpProxy(t, &asked)(c)
	})
	p := keeping(t, target, func(r *probe.HTTPRequest) {
		r.Proxy = "http://u:p@" + address
		r.TLS = &probe.TLSConfig{InsecureSkipVerify: true}
	})
	if diff := cmp.Diff([]string{"200 good", "200 good"}, bodies(t, p, 2)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if tunnels.Load() != 1 {
		t.Errorf("%d tunnels, want 1", tunnels.Load())
	}
}

func TestALargeBodyHasItsOwnConnection(t *testing.T) {
	s := script{says: [][]string{{good}, {good}}}
	p := keeping(t, s.start(t), func(r *probe.HTTPRequest) {
		r.Method, r.Body = http.MethodPut, strings.Repeat("x", 1<<20)
	})
	if diff := cmp.Diff([]string{"200 good", "200 good"}, bodies(t, p, 2)); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1 PUT", "2 PUT"}, s.requests()); diff != "" {
		t.Errorf("requests by connection (-want +got):\n%s", diff)
	}
}

// TestACancelledRunLeavesNoPoisonedConnection ends runs at every moment: the
// deadline that ends one must never be found on the connection of the next.
func TestACancelledRunLeavesNoPoisonedConnection(t *testing.T) {
	target := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "good") })
	p := keeping(t, target)
	for i := range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		var canceller sync.WaitGroup
		canceller.Go(func() {
			for range i % 50 * 100 {
				_ = ctx.Err()
			}
			cancel()
		})
		_, _ = p.Do(ctx, probe.Input{})
		canceller.Wait()
		if got := bodies(t, p, 1); got[0] != "200 good" {
			t.Fatalf("the run after a cancelled one: %q", got)
		}
	}
}
