package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/testneeds"
	"lapwing.dev/lapwing/middleware/limit"
)

// server is a redis-server of a test's own.
type server struct {
	t       testing.TB
	program string
	port    string
	dir     string
	process *exec.Cmd
}

// startServer starts a redis-server on a free port of the loopback, without a disk.
func startServer(t testing.TB) *server {
	t.Helper()
	s := &server{t: t, program: testneeds.Program(t, "redis-server"), dir: t.TempDir()}
	for range 5 {
		if s.port = freePort(t); s.start() == nil {
			t.Cleanup(s.kill)
			return s
		}
	}
	t.Fatal("redis-server does not start")
	return nil
}

func freePort(t testing.TB) string {
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// start returns once the server takes connections.
func (s *server) start() error {
	s.process = exec.CommandContext(context.Background(), s.program, "--bind", "127.0.0.1", "--port", s.port,
		"--save", "", "--appendonly", "no", "--dir", s.dir, "--requirepass", "s3cret", "--daemonize", "no")
	out, err := s.process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.process.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Ready to accept connections") {
			go func() { // until the server ends
				for lines.Scan() {
				}
			}()
			return nil
		}
	}
	return errors.Join(errors.New("it ended"), s.process.Wait())
}

// kill ends the server as a power failure would.
func (s *server) kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	s.process = nil
}

// stop makes the server neither answer nor refuse; cont lets it go on.
func (s *server) stop() { s.signal(syscall.SIGSTOP) }
func (s *server) cont() { s.signal(syscall.SIGCONT) }

func (s *server) signal(sig syscall.Signal) {
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) url() string { return "redis://:s3cret@127.0.0.1:" + s.port + "/0" }

// open returns a store that is up, and ends with the test.
func (s *server) open(t testing.TB, change func(*Options)) *Store {
	t.Helper()
	store, _ := s.openUntil(t, change)
	return store
}

// openUntil is open, with a function that ends the store before the test does.
func (s *server) openUntil(t testing.TB, change func(*Options)) (*Store, func()) {
	t.Helper()
	// A loaded machine is no reason to fail: tests of the budget set it themselves.
	o := Options{URL: s.url(), Budget: 2 * time.Second, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	store, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := store.Run(ctx); err != nil {
			t.Errorf("the store ended with %v", err)
		}
	}()
	end := func() {
		cancel()
		<-done
	}
	t.Cleanup(end)
	waitFor(t, "the store to be up", store.up.Load)
	return store, end
}

// waitFor polls, as other processes cannot be waited for otherwise.
func waitFor(t testing.TB, what string, until func() bool) {
	t.Helper()
	for range 1000 {
		if until() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("waited too long for %s", what)
}

// command runs one command as another program would.
func (s *server) command(args ...string) string {
	s.t.Helper()
	cli := testneeds.Program(s.t, "redis-server", "redis-cli")
	out, err := exec.CommandContext(s.t.Context(), cli, append([]string{"-p", s.port, "-a", "s3cret", "--no-auth-warning"}, args...)...).Output()
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// rateOf is a take of one from a rate.
func rateOf(policy string, key uint64, r limit.Rate, burst int64) limit.Take {
	return limit.Take{
		Policy: policy, Kind: limit.KindRate, Key: key, Cost: 1, Enforced: true,
		Rate: limit.RateSpec{Rate: r, Burst: burst, Interval: r.Every(), Tolerance: time.Duration(burst) * r.Every()},
	}
}

// take takes and fails the test when the store does not answer.
func take(t testing.TB, s *Store, takes ...limit.Take) []limit.Outcome {
	t.Helper()
	if err := s.Take(t.Context(), takes); err != nil {
		t.Fatal(err)
	}
	outcomes := make([]limit.Outcome, len(takes))
	for i := range takes {
		outcomes[i] = takes[i].Outcome
	}
	return outcomes
}

func letIn(outcomes []limit.Outcome) string {
	var b strings.Builder
	for _, o := range outcomes {
		fmt.Fprintf(&b, "%t ", o.Allowed)
	}
	return strings.TrimSpace(b.String())
}
