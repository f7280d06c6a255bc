package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/blocks/redis"
	limitsredis "lapwing.dev/lapwing/internal/limits/redis"
	"lapwing.dev/lapwing/internal/limits/redistest"
	"lapwing.dev/lapwing/internal/state"
	"lapwing.dev/lapwing/middleware/block"
)

// server is a manager with a data folder, on the connection that limits have.
type server struct {
	*blocks.Manager
	stop func()
}

// start starts a server, which ends with the test or at stop.
func start(t *testing.T, store *redistest.Server, dir string) *server {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	shared, err := limitsredis.New(limitsredis.Options{URL: store.URL(), Budget: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	db, err := state.Open(t.Context(), dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	m := blocks.New(blocks.Deps{Log: quiet, Store: db.Blocks()})
	m.Share(redis.New(shared.Client, shared.Prefix(), quiet))
	commit, err := m.Prepare(blocks.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	commit()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- shared.Run(ctx) }()
	go func() { ended <- m.Run(ctx) }()
	stopped := false
	s := &server{Manager: m, stop: func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}}
	t.Cleanup(s.stop)
	return s
}

func (s *server) block(t *testing.T, target string, last time.Duration) block.Entry {
	t.Helper()
	e, err := s.Add(t.Context(), blocks.Spec{Target: target, Reason: "because", For: last}, "anna")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (s *server) unblock(t *testing.T, id string) {
	t.Helper()
	if err := s.Remove(t.Context(), id, "bob"); err != nil {
		t.Fatal(err)
	}
}

// targets are those that are blocked, in order.
func (s *server) targets() string {
	var list []string
	for _, e := range s.List() {
		list = append(list, e.Target.String())
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// waitFor polls, as other processes cannot be waited for otherwise, and returns
// how long it took.
func waitFor(t *testing.T, what string, until func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < 20*time.Second {
		if until() {
			return time.Since(began)
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("waited too long for %s", what)
	return 0
}

func TestServersBlockTogether(t *testing.T) {
	store := redistest.Start(t)
	a, b := start(t, store, t.TempDir()), start(t, store, t.TempDir())
	e := a.block(t, "203.0.113.0/24", 0)
	took := waitFor(t, "the block on the other server", func() bool {
		_, hit := b.Blocked(netip.MustParseAddr("203.0.113.7"), "")
		return hit
	})
	t.Logf("a block is in force on the other server after %s", took.Round(time.Millisecond))
	if got := b.List()[0]; got != e {
		t.Errorf("%+v became %+v", e, got)
	}
	b.unblock(t, e.ID)
	took = waitFor(t, "its end on the first", func() bool { return len(a.List()) == 0 })
	t.Logf("its end is known after %s", took.Round(time.Millisecond))
	changes, err := a.History(t.Context(), 1)
	if err != nil || len(changes) != 1 || changes[0].Action != blocks.Removed || changes[0].By != "bob" {
		t.Errorf("history of the first: %+v, %v", changes, err)
	}

	short := b.block(t, "key:mobile-app", 300*time.Millisecond)
	waitFor(t, "a short block on the first", func() bool {
		_, hit := a.Find(netip.Addr{}, "key:mobile-app")
		return hit || time.Now().After(short.Expires)
	})
	waitFor(t, "its end on both", func() bool { return len(a.List())+len(b.List()) == 0 })
}

func TestServersGoOnWithoutTheStore(t *testing.T) {
	store := redistest.Start(t)
	a, b := start(t, store, t.TempDir()), start(t, store, t.TempDir())
	e := a.block(t, "203.0.113.1", 0)
	waitFor(t, "the block on the other server", func() bool { return b.targets() == "203.0.113.1" })
	store.Kill() // and what it knew is gone
	a.block(t, "203.0.113.2", 0)
	b.block(t, "203.0.113.3", 0)
	b.unblock(t, e.ID)
	if a.targets() != "203.0.113.1 203.0.113.2" || b.targets() != "203.0.113.3" {
		t.Errorf("without the store: %s, and %s", a.targets(), b.targets())
	}
	store.Restart()
	waitFor(t, "both to know everything", func() bool {
		return a.targets() == "203.0.113.2 203.0.113.3" && b.targets() == "203.0.113.2 203.0.113.3"
	})
}

func TestAStoreThatHangsHoldsUpNobody(t *testing.T) {
	store := redistest.Start(t)
	a, b := start(t, store, t.TempDir()), start(t, store, t.TempDir())
	a.block(t, "203.0.113.1", 0)
	waitFor(t, "the block on the other server", func() bool { return b.targets() == "203.0.113.1" })
	store.Stop()
	a.block(t, "203.0.113.2", 0)
	if _, hit := a.Blocked(netip.MustParseAddr("203.0.113.2"), ""); !hit {
		t.Error("a block waits for the store")
	}
	store.Continue()
	waitFor(t, "the block on the other server", func() bool { return b.targets() == "203.0.113.1 203.0.113.2" })
}

// TestARemovalWins over a server that was away and still has the block, and over
// a restart of the one that removed it.
func TestARemovalWins(t *testing.T) {
	store := redistest.Start(t)
	first, second := t.TempDir(), t.TempDir()
	a, b := start(t, store, first), start(t, store, second)
	away, apart := a.block(t, "203.0.113.1", 0), a.block(t, "203.0.113.2", 0)
	waitFor(t, "the blocks on the other server", func() bool { return len(b.List()) == 2 })
	a.stop()
	b.unblock(t, away.ID)
	store.Kill()
	b.unblock(t, apart.ID)
	b.stop()
	store.Restart()
	a, b = start(t, store, first), start(t, store, second)
	waitFor(t, "the removals", func() bool { return len(a.List()) == 0 && len(b.List()) == 0 })
	// To block again is something new.
	again := a.block(t, "203.0.113.1", 0)
	waitFor(t, "the new block", func() bool { return b.targets() == "203.0.113.1" })
	if !again.Created.After(away.Created) {
		t.Errorf("set at %s, again at %s", away.Created, again.Created)
	}
}

func TestAServerWithAWrongClockCannotBlockForGood(t *testing.T) {
	store := redistest.Start(t)
	a, b := start(t, store, t.TempDir()), start(t, store, t.TempDir())
	ahead := blocks.Record{Entry: block.Entry{ID: "future", Target: block.Target{Key: "key:a"}, Created: time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)}}
	if err := connect(t, store, limitsredis.DefaultPrefix).Tell(t.Context(), []blocks.Record{ahead}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the block", func() bool { return len(a.List()) == 1 && len(b.List()) == 1 })
	a.unblock(t, "key:a")
	waitFor(t, "its end", func() bool { return len(b.List()) == 0 })
	a.block(t, "key:a", time.Hour)
	waitFor(t, "another one", func() bool { return len(b.List()) == 1 })
}

func TestANewServerLearnsEverything(t *testing.T) {
	const many = 5000
	store := redistest.Start(t)
	log := connect(t, store, limitsredis.DefaultPrefix)
	var records []blocks.Record
	for i := range many {
		target, err := block.ParseTarget(fmt.Sprintf("198.18.%d.%d", i/256, i%256))
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, blocks.Record{Entry: block.Entry{ID: fmt.Sprint("a", i), Target: target, Created: time.Now()}})
		if len(records) == 500 {
			if err := log.Tell(t.Context(), records); err != nil {
				t.Fatal(err)
			}
			records = nil
		}
	}
	dir := t.TempDir()
	a := start(t, store, dir)
	took := waitFor(t, "everything", func() bool { return len(a.List()) == many })
	t.Logf("%d blocks are known after %s", many, took.Round(time.Millisecond))
	a.stop()
	store.Kill()
	if b := start(t, store, dir); len(b.List()) != many {
		t.Errorf("%d blocks are known without the store", len(b.List()))
	}
}
