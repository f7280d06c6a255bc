package live_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/web/live"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// station is a hub on the air: streams behind a real HTTP server, whose
// connections are pipes so that a bubble's clock rules them.
type station struct {
	hub     *live.Hub
	streams *live.Streams
	server  *http.Server
	dial    chan net.Conn
}

func newStation(t *testing.T, ring int, allowed func(*http.Request) error) *station {
	t.Helper()
	s := &station{hub: live.NewHub(ring), dial: make(chan net.Conn)}
	s.streams = live.NewStreams(live.StreamsDeps{Hub: s.hub, Log: slog.New(slog.DiscardHandler), Allowed: allowed})
	s.server = &http.Server{
		ReadHeaderTimeout: time.Minute, WriteTimeout: time.Minute, // shorter than a stream's life
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := s.streams.Serve(w, r); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
			}
		}),
	}
	go func() { _ = s.server.Serve(pipes{s.dial, t.Context()}) }()
	t.Cleanup(func() {
		s.streams.Close()
		_ = s.server.Close()
	})
	return s
}

// onAir tells a story of a station whose time passes at once.
func onAir(t *testing.T, ring int, story func(t *testing.T, s *station)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		story(t, newStation(t, ring, nil))
	})
}

// pipes is a listener for net.Pipe connections.
type pipes struct {
	dial chan net.Conn
	ctx  context.Context // ends the listener with the test
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.dial:
		return conn, nil
	case <-p.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// listener is a client of the station.
type listener struct {
	t    *testing.T
	conn net.Conn
	body *bufio.Reader
}

// tune connects a client that has seen the event with the id ("" for none).
func (s *station) tune(t *testing.T, last string) *listener {
	t.Helper()
	conn, other := net.Pipe()
	s.dial <- other
	header := ""
	if last != "" {
		header = "Last-Event-ID: " + last + "\r\n"
	}
	if _, err := fmt.Fprintf(conn, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n%s\r\n", header); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if got := response.Header.Get("Content-Type"); response.StatusCode == http.StatusOK && got != "text/event-stream" {
		t.Fatalf("content type %q", got)
	}
	return &listener{t: t, conn: conn, body: bufio.NewReader(response.Body)}
}

// listen connects a client that hears what happens from now on.
func (s *station) listen(t *testing.T) *listener {
	t.Helper()
	l := s.tune(t, "")
	l.frame() // how soon to come back
	synctest.Wait()
	return l
}

// frame reads up to the next empty line.
func (l *listener) frame() string {
	l.t.Helper()
	var lines []string
	for {
		line, err := l.body.ReadString('\n')
		if err != nil {
			return "ended"
		}
		if line == "\n" {
			return strings.Join(lines, "|")
		}
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
}

// event reads the next event: its id, kind and data.
func (l *listener) event() (id, kind, data string) {
	l.t.Helper()
	for {
		frame := l.frame()
		if strings.HasPrefix(frame, "retry:") || strings.HasPrefix(frame, ":") {
			continue
		}
		parts := strings.Split(frame, "|")
		if len(parts) != 3 {
			l.t.Fatalf("frame %q is no event", frame)
		}
		return strings.TrimPrefix(parts[0], "id: "), strings.TrimPrefix(parts[1], "event: "), strings.TrimPrefix(parts[2], "data: ")
	}
}

func (l *listener) wantEvent(kind, data string) (id string) {
	l.t.Helper()
	id, gotKind, gotData := l.event()
	if diff := cmp.Diff([]string{kind, data}, []string{gotKind, gotData}); diff != "" {
		l.t.Fatalf("event (-want +got):\n%s", diff)
	}
	return id
}

func TestAClientHearsWhatHappensFromNowOn(t *testing.T) {
	onAir(t, 16, func(t *testing.T, s *station) {
		s.hub.Publish("check", "before")
		l := s.tune(t, "")
		if got := l.frame(); got != "retry: 2000" {
			t.Errorf("first frame %q", got)
		}
		synctest.Wait()
		s.hub.Publish("check", map[string]any{"id": "orders", "state": "down"})
		s.hub.Publish("health", "x")
		l.wantEvent("check", `{"id":"orders","state":"down"}`)
		l.wantEvent("health", `"x"`)
	})
}

func TestAClientThatComesBackMissesNothingAndSeesNothingTwice(t *testing.T) {
	onAir(t, 16, func(t *testing.T, s *station) {
		first := s.listen(t)
		s.hub.Publish("check", 1)
		last := first.wantEvent("check", "1")
		_ = first.conn.Close()

		s.hub.Publish("check", 2)
		s.hub.Publish("check", 3)
		again := s.tune(t, last)
		again.wantEvent("check", "2")
		again.wantEvent("check", "3")
		s.hub.Publish("check", 4)
		again.wantEvent("check", "4")
	})
}

func TestAClientThatMissedTooMuchIsToldToReset(t *testing.T) {
	tests := []struct {
		name string
		last func(seen string) string
	}{
		{"was away for too long", func(seen string) string { return seen }},
		{"comes from another process", func(string) string { return "zzzzzzzz-1" }},
		{"comes from the future", func(seen string) string { return seen[:strings.Index(seen, "-")] + "-99999" }},
		{"comes with nonsense", func(string) string { return "nonsense" }},
		{"comes with a number that overflows", func(seen string) string {
			return seen[:strings.Index(seen, "-")] + "-99999999999999999999999999"
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onAir(t, 4, func(t *testing.T, s *station) {
				first := s.listen(t)
				s.hub.Publish("check", 0)
				last := first.wantEvent("check", "0")
				_ = first.conn.Close()
				for i := range 9 {
					s.hub.Publish("check", i)
				}
				again := s.tune(t, test.last(last))
				id := again.wantEvent("reset", "{}")
				if !strings.HasSuffix(id, "-10") {
					t.Errorf("the reset has the id %s, want that of the last event", id)
				}
				synctest.Wait()
				s.hub.Publish("check", "next")
				again.wantEvent("check", `"next"`)
			})
		})
	}
}

func TestAClientThatFallsBehindWhileListeningIsToldToReset(t *testing.T) {
	onAir(t, 4, func(t *testing.T, s *station) {
		l := s.listen(t)
		s.hub.Publish("check", "read slowly") // the stream now waits for the client to read
		synctest.Wait()
		for i := range 20 {
			s.hub.Publish("check", i)
		}
		l.wantEvent("check", `"read slowly"`)
		l.wantEvent("reset", "{}")
	})
}

func TestASilentStreamBeats(t *testing.T) {
	onAir(t, 4, func(t *testing.T, s *station) {
		l := s.listen(t)
		begin := time.Now()
		for range 20 { // five minutes: longer than the server's WriteTimeout
			if got := l.frame(); got != ": beat" {
				t.Fatalf("frame %q, want a heartbeat", got)
			}
		}
		if got := time.Since(begin); got != 5*time.Minute {
			t.Errorf("20 heartbeats took %v, want 5m", got)
		}
	})
}

func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	onAir(t, 16, func(t *testing.T, s *station) {
		s.listen(t)
		s.hub.Publish("check", strings.Repeat("x", 1<<16)) // more than any buffer on the way
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if n := s.streams.Active(); n != 0 {
			t.Errorf("%d streams are open, want 0", n)
		}
	})
}

func TestAClientThatGoesIsForgotten(t *testing.T) {
	onAir(t, 16, func(t *testing.T, s *station) {
		l := s.listen(t)
		if n := s.streams.Active(); n != 1 {
			t.Errorf("%d streams are open, want 1", n)
		}
		_ = l.conn.Close()
		synctest.Wait()
		if n := s.streams.Active(); n != 0 {
			t.Errorf("%d streams are open, want 0", n)
		}
	})
}

func TestALogoutEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out atomic.Bool
		s := newStation(t, 16, func(*http.Request) error {
			if out.Load() {
				return errors.New("logged out")
			}
			return nil
		})
		l := s.listen(t)
		if got := l.frame(); got != ": beat" {
			t.Fatalf("frame %q, want a heartbeat", got)
		}
		out.Store(true)
		if got := l.frame(); got != "ended" {
			t.Errorf("frame %q, want the end", got)
		}
	})
}

func TestCloseEndsEveryStreamAndRefusesNewOnes(t *testing.T) {
	onAir(t, 16, func(t *testing.T, s *station) {
		var listeners []*listener
		for range 8 {
			l := s.listen(t)
			listeners = append(listeners, l)
		}
		synctest.Wait()
		s.hub.Publish("check", "for all")
		for _, l := range listeners {
			l.wantEvent("check", `"for all"`)
		}
		s.streams.Close()
		for _, l := range listeners {
			if got := l.frame(); got != "ended" {
				t.Errorf("frame %q, want the end", got)
			}
		}
		synctest.Wait()
		if n := s.streams.Active(); n != 0 {
			t.Errorf("%d streams are open, want 0", n)
		}
		err := s.streams.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		if fault.KindOf(err) != fault.KindUnavailable {
			t.Errorf("a new stream: %v, want it refused", err)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	onAir(t, 16, func(t *testing.T, s *station) {
		for range live.MaxStreams {
			s.tune(t, "").frame()
		}
		err := s.streams.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.KindUnavailable || f.RetryAfter == 0 {
			t.Errorf("one stream too many: %v, want it refused with a time to come back", err)
		}
	})
}

func TestHEADTellsTheHeadersAndEnds(t *testing.T) {
	s := live.NewStreams(live.StreamsDeps{Hub: live.NewHub(4), Log: slog.New(slog.DiscardHandler)})
	w := httptest.NewRecorder()
	if err := s.Serve(w, httptest.NewRequest("HEAD", "/api/v1/events", nil)); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Content-Type") != "text/event-stream" || w.Body.Len() != 0 {
		t.Errorf("headers %v, body %q", w.Header(), w.Body)
	}
}
