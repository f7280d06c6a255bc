// Package examples builds and runs the examples of the Go middleware against
// what a Lapwing server answers with.
package examples

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/ingest"
	"lapwing.dev/lapwing/internal/testneeds"
	"lapwing.dev/lapwing/middleware/observe"
)

func TestTheExamplesAreObserved(t *testing.T) {
	for _, name := range []string{"nethttp", "chi", "gorilla"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			example := start(t, build(t, name), server.URL)
			for _, path := range []string{"/orders/17?token=secret", "/nothing", "/broken"} {
				example.get(t, path)
			}
			limited := 0
			for range 60 { // 40 at once are allowed
				if example.get(t, "/orders/1") == http.StatusTooManyRequests {
					limited++
				}
			}
			if limited == 0 {
				t.Error("nobody was limited")
			}
			example.stop(t)

			got := server.seen()
			refused := map[string]string{
				"nethttp": "GET /orders/{id} 429 reject",
				"chi":     " 429 reject", // refused before the router was asked
				"gorilla": " 429 reject",
			}
			want := map[string]bool{
				"GET /orders/{id} 200 allow": true,
				" 404 allow":                 true,
				"GET /broken 0 allow":        true, // a panic: net/http answers with nothing
				refused[name]:                true,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("observed (-want +got):\n%s", diff)
			}
			if n := len(server.all()); n != 63 {
				t.Errorf("%d exchanges arrived, want 63", n)
			}
		})
	}
}

// server is what a Lapwing server has for middlewares.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	list []observe.Exchange
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{}
	receiver := ingest.New(ingest.Deps{Sink: s})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/exchanges", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer lw_test" {
			t.Errorf("Authorization %q", r.Header.Get("Authorization"))
		}
		if err := receiver.Receive(w, r); err != nil {
			t.Error(err)
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// Observe implements observe.Sink.
func (s *server) Observe(e *observe.Exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, *e)
}

func (s *server) all() []observe.Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

// seen are the kinds of exchanges that arrived.
func (s *server) seen() map[string]bool {
	kinds := map[string]bool{}
	for _, e := range s.all() {
		kinds[fmt.Sprintf("%s %d %s", e.Operation, e.Status, e.Verdict)] = true
	}
	return kinds
}

// build compiles an example, which is a module of its own.
func build(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	cmd.Dir = name
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		offline := regexp.MustCompile(`dial tcp|no such host|module lookup disabled|i/o timeout|proxyconnect|connection refused`)
		if offline.Match(out) {
			testneeds.Missing(t, "go-modules", "the router's module cannot be downloaded: "+string(out))
		}
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// example is a running example.
type example struct {
	cmd *exec.Cmd
	url string
}

func start(t *testing.T, path, server string) *example {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path)
	cmd.Env = append(os.Environ(), "LISTEN=127.0.0.1:0", "LAPWING_URL="+server, "LAPWING_TOKEN=lw_test")
	output, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewReader(output)
	for {
		line, err := lines.ReadString('\n')
		if _, url, ok := strings.Cut(line, "url="); ok {
			go func() { _, _ = io.Copy(io.Discard, lines) }() // ends with the program
			return &example{cmd, strings.TrimSpace(url)}
		}
		if err != nil {
			t.Fatalf("it did not start: %v %s", err, line)
		}
	}
}

// get returns the status of an answer, 0 without one.
func (e *example) get(t *testing.T, path string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// stop ends the program as an operator does, and waits until it has sent what
// was left.
func (e *example) stop(t *testing.T) {
	t.Helper()
	if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	killer := time.AfterFunc(20*time.Second, func() { _ = e.cmd.Process.Kill() })
	defer killer.Stop()
	if err := e.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
