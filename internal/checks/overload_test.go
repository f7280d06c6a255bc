package checks

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/units"
)

// TestMoreIsDueThanCanStart has a machine that can start a tenth of what is
// due: every check gets its share, and each start that did not happen counts.
func TestMoreIsDueThanCanStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const checks, length = 1000, 100 * time.Second
		log := &starts{at: map[string][]time.Time{}, missed: map[string]uint32{}}
		s := newScheduler(func(id string, due time.Time) {
			time.Sleep(10 * time.Millisecond)
			log.start(id, due)
		}, log.miss)
		for i := range checks {
			id := fmt.Sprintf("check-%d", i)
			s.set(id, mustSchedule(t, id, Check{Every: units.Duration(time.Second)}), false)
		}
		ctx, cancel := context.WithTimeout(t.Context(), length)
		defer cancel()
		s.run(ctx)
		for id, at := range log.at {
			// One turn of all checks takes ten seconds; what is due at the end is open.
			if n := len(at); n < 9 || n > 11 {
				t.Errorf("%s started %d times, want 10", id, n)
			}
			if planned := len(at) + int(log.missed[id]); planned < 88 || planned > 101 {
				t.Errorf("%s has %d starts and %d missed ones in 100 s", id, len(at), log.missed[id])
			}
		}
		if len(log.at) != checks {
			t.Errorf("%d of %d checks started", len(log.at), checks)
		}
	})
}

func TestTheEarliestDueStartsFirst(t *testing.T) {
	s := newScheduler(nil, nil)
	for i := range 3 * startsInTurn / 2 {
		id := fmt.Sprintf("check-%d", i)
		s.set(id, mustSchedule(t, id, Check{Every: units.Duration(time.Minute)}), false)
	}
	later := time.Now().Add(time.Minute)
	first, wait := s.takeDue(later, nil)
	if len(first) != startsInTurn || wait != 0 {
		t.Fatalf("%d starts in the first turn, the next in %s", len(first), wait)
	}
	rest, wait := s.takeDue(later, nil)
	if len(rest) != startsInTurn/2 || wait <= 0 {
		t.Fatalf("%d starts in the second turn, the next in %s", len(rest), wait)
	}
	for _, d := range rest {
		if d.at.Before(first[len(first)-1].at) {
			t.Errorf("%s was due before %s, but starts after it", d.id, first[len(first)-1].id)
		}
	}
}

// instant is a request that is answered at once, without a network.
type instant struct{ asked *atomic.Int64 }

func (i instant) Do(context.Context, probe.Input) (*probe.Response, error) {
	i.asked.Add(1)
	return &probe.Response{Status: http.StatusOK}, nil
}
func (instant) Method() string { return http.MethodGet }
func (instant) URL() string    { return "http://api.example.com/" }

// stuck is a store that does not return from Append until it is let go.
type stuck struct {
	*memory
	letGo chan struct{}
}

func (s stuck) Append(ctx context.Context, b *Batch) error {
	<-s.letGo
	return s.memory.Append(ctx, b)
}

// TestAHistoryThatHangsMissesStarts lets the disk hang while checks go on: what
// waits for it is bounded, the rest is missed and counted.
func TestAHistoryThatHangsMissesStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const checks = 20
		store := stuck{newMemory(), make(chan struct{})}
		m := New(Deps{Log: slog.New(slog.DiscardHandler), Store: store, HTTP: probe.NewHTTP(probe.Options{}), Health: &health.Registry{}})
		m.recorder.queue = make(chan finished, 1)
		var asked atomic.Int64
		var cfg Config
		for i := range checks {
			cfg.Checks = append(cfg.Checks, Check{Name: fmt.Sprintf("check-%d", i), URL: "http://api.example.com/", Every: units.Duration(time.Second)})
		}
		commit, err := m.Prepare(cfg)
		if err != nil {
			t.Fatal(err)
		}
		commit()
		for _, c := range m.checks {
			c.plan.steps[0].request = instant{&asked}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := m.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(100 * time.Second)
		// A result of each check in the batch that hangs, one in the queue, and one
		// of each that waits for it.
		if got := asked.Load(); got > 2*checks+1 {
			t.Errorf("%d runs while nothing was stored, want %d at most", got, 2*checks+1)
		}
		close(store.letGo)
		time.Sleep(100 * time.Second)
		cancel()
		running.Wait()
		for id := range m.checks {
			stored, missed := len(store.results[id]), int(store.missed[id])
			if sum := stored + missed; sum < 199 || sum > 201 || stored < 100 {
				t.Errorf("%s has %d stored runs and %d missed starts in 200 s", id, stored, missed)
			}
		}
	})
}

// TestKeptConnectionsEndWithTheirCheck watches a server's connections over a
// reload and a stop.
func TestKeptConnectionsEndWithTheirCheck(t *testing.T) {
	closed := make(chan struct{}, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	check := Check{Name: "x", Request: &probe.HTTPRequest{URL: server.URL, KeepAlive: true}, Every: rarely}
	m := New(Deps{Log: slog.New(slog.DiscardHandler), Store: newMemory(), HTTP: probe.NewHTTP(probe.Options{}), Health: &health.Registry{}})
	b := &bench{Manager: m}
	b.configure(t, check)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() {
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := m.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r := b.run(t, "x"); r.Status != Up {
			t.Fatalf("the run was %s: %s", r.Status, r.Last().Reason)
		}
	}
	select {
	case <-closed:
		t.Fatal("the connection did not stay open")
	default:
	}
	b.configure(t, check)
	<-closed // by the reload
	b.run(t, "x")
	cancel()
	running.Wait()
	<-closed // by the stop
}
