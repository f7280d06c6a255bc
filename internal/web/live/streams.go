package live

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/fault"
)

// Limits of the streams. A client that reads too slowly is cut off: it comes
// back by itself with Last-Event-ID and misses nothing, or is told to reset.
const (
	MaxStreams   = 100
	beatEvery    = 15 * time.Second // keeps proxies from closing a silent connection
	writeTimeout = 10 * time.Second // for one write to reach the client's socket
	reconnect    = 2 * time.Second  // told to the client
)

// StreamsDeps are what Streams works with.
type StreamsDeps struct {
	Hub *Hub
	Log *slog.Logger
	// Allowed is asked with each heartbeat whether the request's caller may
	// still listen, so that a logout or a new password ends its streams. Nil
	// means always.
	Allowed func(*http.Request) error
}

// Streams serves the hub's events as server-sent events (WHATWG HTML §9.2).
//
// An event's id is <epoch>-<n>. The epoch is random for each process: after a
// restart the numbers start again, and a client that comes with one of the old
// process must reload, not be sent events that it thinks it missed.
type Streams struct {
	hub     *Hub
	log     *slog.Logger
	allowed func(*http.Request) error
	epoch   string

	mu     sync.Mutex
	active int
	closed bool
	done   chan struct{} // closed by Close
}

// NewStreams returns Streams without any client. It starts no goroutines.
func NewStreams(d StreamsDeps) *Streams {
	if d.Allowed == nil {
		d.Allowed = func(*http.Request) error { return nil }
	}
	return &Streams{
		hub: d.Hub, log: d.Log.With("part", "live"), allowed: d.Allowed,
		epoch: strings.ToLower(rand.Text()[:8]), done: make(chan struct{}),
	}
}

// Close ends every stream and refuses new ones. Serve calls return soon after.
func (s *Streams) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
}

// Active is the number of open streams.
func (s *Streams) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active
}

func (s *Streams) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.active >= MaxStreams {
		return &fault.Error{
			Kind: fault.KindUnavailable, RetryAfter: 10 * time.Second,
			Message: "there are as many live streams as allowed (" + strconv.Itoa(MaxStreams) + "), or Lapwing is stopping",
		}
	}
	s.active++
	return nil
}

func (s *Streams) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
}

// Serve sends events until the client goes, reads too slowly, may no longer
// listen, or Close is called. It resumes after the id in the header
// Last-Event-ID or the parameter last_event_id; without one it starts with what
// happens next. An error means that nothing was written yet.
func (s *Streams) Serve(w http.ResponseWriter, r *http.Request) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	out := &stream{w: w, control: http.NewResponseController(w)}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would keep events back
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	if err := s.follow(out, r); err != nil {
		s.log.DebugContext(r.Context(), "live stream cut off", "error", err)
	}
	return nil
}

// follow returns the error of the write that failed, nil when the stream ended
// in another way.
func (s *Streams) follow(out *stream, r *http.Request) error {
	last, lost := s.resume(r)
	out.retry(reconnect)
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		events, gap, more := s.hub.Since(last)
		if lost || gap {
			// Whoever is told to reset reads everything anew, so the events up
			// to here are of no use to it. What came after Since closed more.
			last, lost = s.hub.Last(), false
			out.reset(s.epoch, last)
			events = nil
		}
		for _, e := range events {
			out.event(s.epoch, e)
			last = e.ID
		}
		if err := out.flush(); err != nil {
			return err
		}
		select {
		case <-more:
		case <-beat.C:
			if s.allowed(r) != nil {
				return nil
			}
			out.beat()
		case <-r.Context().Done():
			return nil
		case <-s.done:
			return nil
		}
	}
}

// resume returns the last event that the client has, and whether it cannot be
// known what came after it.
func (s *Streams) resume(r *http.Request) (last uint64, lost bool) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("last_event_id")
	}
	if text == "" {
		return s.hub.Last(), false
	}
	epoch, number, _ := strings.Cut(text, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || epoch != s.epoch {
		return s.hub.Last(), true
	}
	return n, false
}
