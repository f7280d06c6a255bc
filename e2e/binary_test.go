package e2e

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// buildOnce builds the binary for all tests that kill it or measure it.
var buildOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lapwing-e2e")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "lapwing")
	out, err := exec.Command("go", "build", "-o", path, "lapwing.dev/lapwing/cmd/lapwing").CombinedOutput()
	if err != nil {
		return string(out), err
	}
	return path, nil
})

// server is a running `lapwing serve`, `watch` or `demo`.
type server struct {
	cmd     *exec.Cmd
	url     string // of the pages, without the last slash
	started time.Time
	mu      sync.Mutex
	said    strings.Builder // everything on both outputs
	drained chan struct{}
}

// start runs the binary in dir and waits until it has said where its pages are.
func start(t *testing.T, dir string, args ...string) *server {
	t.Helper()
	path, err := buildOnce()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, path)
	}
	s := &server{cmd: exec.CommandContext(t.Context(), path, args...), started: time.Now(), drained: make(chan struct{})} // #nosec G204 -- our own binary
	s.cmd.Dir = dir
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGINT) }
	s.cmd.WaitDelay = 20 * time.Second
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.cmd.Stdout
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(t) })
	found := make(chan string, 1)
	go s.listen(out, found)
	select {
	case s.url = <-found:
	case <-s.drained:
		t.Fatalf("it ended at once:\n%s", s.talk())
	case <-time.After(patience):
		t.Fatalf("no pages after %s:\n%s", patience, s.talk())
	}
	return s
}

func (s *server) listen(out io.Reader, found chan<- string) {
	defer close(s.drained)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		s.mu.Lock()
		s.said.WriteString(lines.Text() + "\n")
		s.mu.Unlock()
		if match := uiLine.FindStringSubmatch(lines.Text()); match != nil {
			select {
			case found <- strings.TrimSuffix(match[1], "/"):
			default:
			}
		}
	}
}

func (s *server) talk() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String()
}

// stop ends the server in order; it must not complain.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	<-s.drained
	if err := s.cmd.Wait(); err != nil && t.Context().Err() == nil {
		t.Errorf("the server ended with %v:\n%s", err, s.talk())
	}
}

// kill ends the server as a power cut would.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.drained
	_ = s.cmd.Wait()
}

// get asks the server and returns the body of a 200.
func (s *server) get(t *testing.T, method, path string) string {
	t.Helper()
	status, body, err := request(method, s.url+path, nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s %s: %d %v\n%s", method, path, status, err, body)
	}
	return body
}
