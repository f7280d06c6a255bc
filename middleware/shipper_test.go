package middleware_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/middleware"
	"lapwing.dev/lapwing/middleware/observe"
)

// server is a Lapwing server without a network: the transport of a client.
type server struct {
	mu      sync.Mutex
	answer  func(r *http.Request) *http.Response // nil: takes everything
	batches [][]observe.Exchange
	ids     []string
	dropped []string
	headers http.Header // of the last request
	blocks  string      // body of the list
	asked   int         // for the list
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	s.headers = r.Header
	if r.Method == http.MethodGet {
		s.asked++
		if r.Header.Get("If-None-Match") == `"1"` {
			return reply(http.StatusNotModified, ""), nil
		}
		response := reply(http.StatusOK, s.blocks)
		response.Header.Set("ETag", `"1"`)
		return response, nil
	}
	if s.answer != nil {
		if response := s.answer(r); response == nil {
			return nil, errors.New("connection refused")
		} else if response.StatusCode != http.StatusAccepted {
			return response, nil
		}
	}
	s.ids = append(s.ids, r.Header.Get("Lapwing-Batch"))
	s.dropped = append(s.dropped, r.Header.Get("Lapwing-Dropped"))
	s.batches = append(s.batches, unpack(body))
	return reply(http.StatusAccepted, `{"accepted":1,"rejected":0}`), nil
}

func reply(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// unpack reads a batch as the server does.
func unpack(body []byte) (list []observe.Exchange) {
	unzipped, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	text, err := io.ReadAll(unzipped)
	if err != nil {
		panic(err)
	}
	for line := range bytes.Lines(text) {
		var e observe.Exchange
		if err := observe.DecodeJSON(line, &e); err != nil {
			panic(err)
		}
		list = append(list, e)
	}
	return list
}

// received is how many exchanges arrived, in how many batches.
func (s *server) received() (exchanges, batches int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.batches {
		exchanges += len(b)
	}
	return exchanges, len(s.batches)
}

// timesAsked is how often the list of blocks was asked for.
func (s *server) timesAsked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *server) set(answer func(*http.Request) *http.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// errorsOf collects what OnError is told.
type errorsOf struct {
	mu   sync.Mutex
	list []string
}

func (e *errorsOf) add(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, err.Error())
}

func (e *errorsOf) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.list, "\n")
}

// shipping is a middleware that sends to a server of the test.
type shipping struct {
	*middleware.Middleware
	server *server
	errors *errorsOf
	h      http.Handler
}

func newShipping(t *testing.T, o middleware.Options) *shipping {
	t.Helper()
	s := &shipping{server: &server{}, errors: &errorsOf{}}
	o.API, o.Server, o.Token, o.OnError = "orders", "http://lapwing.internal:7480/", "lw_token", s.errors.add
	o.Client = &http.Client{Transport: s.server}
	m, err := middleware.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Middleware, s.h = m, m.Handler(ok(nil))
	return s
}

func (s *shipping) request(n int) {
	for range n {
		s.h.ServeHTTP(&nowhere{header: http.Header{}}, get("/orders/17"))
	}
}

// running runs it until the test's end of the bubble.
func (s *shipping) running(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(ctx) }()
	return func() { cancel(); <-done }
}

func TestExchangesArriveInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShipping(t, middleware.Options{})
		stop := s.running(t.Context())
		defer stop()
		s.request(3)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n, batches := s.server.received(); n != 3 || batches != 1 {
			t.Fatalf("%d exchanges in %d batches", n, batches)
		}
		h := s.server.headers
		if h.Get("Authorization") != "Bearer lw_token" || h.Get("Content-Encoding") != "gzip" || h.Get("Content-Type") != "application/x-ndjson" || h.Get("Lapwing-Batch") == "" {
			t.Errorf("headers %v", h)
		}
		if e := s.server.batches[0][0]; e.API != "orders" || e.Path != "/orders/17" || e.Status != 200 || e.Source != observe.SourceMiddleware {
			t.Errorf("%+v", e)
		}
		s.request(2500) // a full batch does not wait for the interval
		synctest.Wait()
		if n, _ := s.server.received(); n < 1003 {
			t.Errorf("%d exchanges before the interval has passed", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n, _ := s.server.received(); n != 2503 {
			t.Errorf("%d exchanges", n)
		}
		if got := s.Stats(); got != (middleware.Stats{Sent: 2503}) || s.errors.text() != "" {
			t.Errorf("%+v, %s", got, s.errors.text())
		}
	})
}

func TestAServerThatIsAwayCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShipping(t, middleware.Options{Buffer: 100})
		stop := s.running(t.Context())
		defer stop()
		s.server.set(func(*http.Request) *http.Response { return nil })
		s.request(100)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		before := time.Now()
		s.request(1000) // a full buffer makes nobody wait
		if took := time.Since(before); took != 0 {
			t.Errorf("the application waited for %s", took)
		}
		lost := s.Stats() // a batch of 50 to 100 was taken out of the buffer
		if lost.Waiting != 100 || lost.Dropped < 900 || lost.Dropped > 950 {
			t.Errorf("%+v", lost)
		}
		if text := s.errors.text(); !strings.Contains(text, "connection refused") || strings.Contains(text, "lw_token") {
			t.Errorf("told %q", text)
		}
		s.server.set(nil)
		time.Sleep(2 * time.Minute) // the longest pause
		synctest.Wait()
		if n, _ := s.server.received(); n != 1100-int(lost.Dropped) {
			t.Errorf("%d exchanges arrived, want those of the batch and of the buffer", n)
		}
		if s.server.dropped[0] != strconv.FormatUint(lost.Dropped, 10) || s.server.dropped[1] != "" {
			t.Errorf("drops told: %q", s.server.dropped)
		}
	})
}

func TestAttemptsComeFurtherApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShipping(t, middleware.Options{})
		stop := s.running(t.Context())
		defer stop()
		var attempts []time.Time
		ids := map[string]bool{}
		s.server.set(func(r *http.Request) *http.Response {
			attempts = append(attempts, time.Now())
			ids[r.Header.Get("Lapwing-Batch")] = true
			return reply(http.StatusServiceUnavailable, "")
		})
		s.request(1)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(attempts); n < 8 || n > 25 {
			t.Errorf("%d attempts in ten minutes", n)
		}
		if last := attempts[len(attempts)-1].Sub(attempts[len(attempts)-2]); last < 30*time.Second {
			t.Errorf("the last ones are %s apart", last)
		}
		if len(ids) != 1 {
			t.Errorf("the batch had %d ids", len(ids))
		}
		s.server.set(func(*http.Request) *http.Response {
			response := reply(http.StatusTooManyRequests, "")
			response.Header.Set("Retry-After", "240")
			return response
		})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		s.server.set(nil)
		time.Sleep(time.Minute)
		if n, _ := s.server.received(); n != 0 {
			t.Error("Retry-After was not kept")
		}
		time.Sleep(4 * time.Minute)
		if n, _ := s.server.received(); n != 1 {
			t.Errorf("%d arrived", n)
		}
	})
}

func TestABatchThatIsWrongIsNotSentForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShipping(t, middleware.Options{})
		stop := s.running(t.Context())
		defer stop()
		s.server.set(func(*http.Request) *http.Response {
			return reply(http.StatusBadRequest, `{"detail":"the body is wrong"}`)
		})
		s.request(5)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		s.server.set(nil)
		s.request(1)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n, _ := s.server.received(); n != 1 || s.server.dropped[0] != "5" {
			t.Errorf("%d arrived, drops told %q", n, s.server.dropped)
		}
		if !strings.Contains(s.errors.text(), "the body is wrong") {
			t.Errorf("told %q", s.errors.text())
		}
		if got := s.Stats(); got.Sent != 1 || got.Dropped != 5 {
			t.Errorf("%+v", got)
		}
	})
}

func TestAWrongTokenCanBePutRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShipping(t, middleware.Options{})
		stop := s.running(t.Context())
		defer stop()
		s.server.set(func(*http.Request) *http.Response {
			return reply(http.StatusUnauthorized, `{"detail":"the token is not known"}`)
		})
		s.request(5)
		time.Sleep(10 * time.Second)
		s.server.set(nil)
		time.Sleep(time.Minute)
		if n, _ := s.server.received(); n != 5 || !strings.Contains(s.errors.text(), "401: the token is not known") {
			t.Errorf("%d arrived, told %q", n, s.errors.text())
		}
	})
}

func TestLinesThatTheServerRefusesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShipping(t, middleware.Options{})
		stop := s.running(t.Context())
		defer stop()
		s.server.set(func(*http.Request) *http.Response {
			response := reply(http.StatusOK, `{"accepted":1,"rejected":2,"errors":[{"line":1,"error":"time: is in the future"}]}`)
			return response
		})
		s.request(3)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := s.Stats(); got.Sent != 1 || got.Dropped != 2 || !strings.Contains(s.errors.text(), "refused 2 of 3 exchanges: time: is in the future") {
			t.Errorf("%+v, told %q", got, s.errors.text())
		}
	})
}

func TestTheEndSendsWhatIsLeft(t *testing.T) {
	for name, end := range map[string]func(s *shipping, cancel func()) error{
		"by the context": func(_ *shipping, cancel func()) error { cancel(); return nil },
		"by Close":       func(s *shipping, _ func()) error { return s.Close(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShipping(t, middleware.Options{Interval: time.Hour})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				stop := s.running(ctx)
				synctest.Wait()
				s.request(400)
				if err := end(s, cancel); err != nil {
					t.Error(err)
				}
				stop()
				if n, _ := s.server.received(); n != 400 {
					t.Errorf("%d arrived", n)
				}
				s.request(1) // is served, and nobody waits for it
				if got := s.Stats(); got.Dropped != 1 || got.Waiting != 0 {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestCloseWorksWithoutRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShipping(t, middleware.Options{})
		s.request(7)
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if n, _ := s.server.received(); n != 7 {
			t.Errorf("%d arrived", n)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("closed again: %v", err)
		}
		if err := s.Run(t.Context()); err == nil {
			t.Error("Run after Close did not say so")
		}
	})
}

func TestTheEndDoesNotWaitForAServerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShipping(t, middleware.Options{Client: nil})
		hang := &http.Client{Transport: hanging{}}
		m, err := middleware.New(middleware.Options{API: "orders", Server: "http://lapwing.internal", Client: hang, OnError: s.errors.add})
		if err != nil {
			t.Fatal(err)
		}
		s.Middleware, s.h = m, m.Handler(ok(nil))
		ctx, cancel := context.WithCancel(t.Context())
		stop := s.running(ctx)
		s.request(10)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		before := time.Now()
		cancel()
		stop()
		if took := time.Since(before); took > 5*time.Second {
			t.Errorf("the end took %s", took)
		}
		if got := s.Stats(); got.Dropped != 10 || !strings.Contains(s.errors.text(), "10 exchanges are lost") {
			t.Errorf("%+v, told %q", got, s.errors.text())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		m, err := middleware.New(middleware.Options{API: "orders", Server: "http://lapwing.internal", Client: &http.Client{Transport: hanging{}}})
		if err != nil {
			t.Fatal(err)
		}
		m.Handler(ok(nil)).ServeHTTP(&nowhere{header: http.Header{}}, get("/"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		before := time.Now()
		if err := m.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(before) > time.Second {
			t.Errorf("%v after %s", err, time.Since(before))
		}
	})
}

// hanging never answers.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestBlocksOfTheServerAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShipping(t, middleware.Options{ServerBlocks: true})
		ends, _ := json.Marshal(time.Now().Add(10 * time.Minute))
		s.server.blocks = `{"blocks":[{"id":"b1","target":"203.0.113.0/24","expires":` + string(ends) + `},{"target":"key:x","shadow":true},{"target":"planet:mars"}],"allow":["203.0.113.9"]}`
		status := func(addr string) int {
			r := get("/")
			r.RemoteAddr = addr + ":80"
			return serve(s.h, r).StatusCode
		}
		if got := status("203.0.113.7"); got != 200 {
			t.Errorf("before the list came: %d", got)
		}
		stop := s.running(t.Context())
		defer stop()
		synctest.Wait()
		for addr, want := range map[string]int{"203.0.113.7": 403, "203.0.113.9": 200, "198.51.100.1": 200} {
			if got := status(addr); got != want {
				t.Errorf("%s: %d, want %d", addr, got, want)
			}
		}
		if text := s.errors.text(); !strings.Contains(text, "left out") {
			t.Errorf("told %q", text)
		}
		time.Sleep(time.Minute) // unchanged: 304
		synctest.Wait()
		if got, asked := status("203.0.113.7"), s.server.timesAsked(); got != 403 || asked < 4 {
			t.Errorf("%d after asking %d times", got, asked)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := status("203.0.113.7"); got != 200 {
			t.Errorf("after its end: %d", got)
		}
	})
}

func TestNoGoroutineIsLeft(t *testing.T) {
	noLeaks(t)
	h, sink := around(t, middleware.Options{}, ok(nil))
	listener, client := serving(t, h, false)
	response, err := client.Get(listener.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	client.CloseIdleConnections()
	eventually(t, "not observed", func() bool { return len(sink.all()) == 1 })
	m, err := middleware.New(middleware.Options{API: "orders", Server: listener.URL, ServerBlocks: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = m.Run(ctx) }()
	m.Handler(ok(nil)).ServeHTTP(&nowhere{header: http.Header{}}, get("/"))
	eventually(t, "the server heard nothing", func() bool { return len(sink.all()) >= 2 })
	cancel()
	<-done
}

func TestWithoutAServerThereIsNothingToRun(t *testing.T) {
	m, err := middleware.New(middleware.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Run(ctx); err != nil {
		t.Error(err)
	}
	if err := m.Close(t.Context()); err != nil || m.Stats() != (middleware.Stats{}) {
		t.Error(err)
	}
}
