// Package redistest starts a real redis-server for a test: it can be killed,
// stopped and started again.
package redistest

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"lapwing.dev/lapwing/internal/testneeds"
)

// password is what the server asks for.
const password = "s3cret"

// Server is a redis-server of a test's own, on the loopback and without a disk.
type Server struct {
	Port string

	t       testing.TB
	program string
	dir     string
	process *exec.Cmd
}

// Start starts a server, which ends with the test. The test is skipped where
// there is no redis-server.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, program: testneeds.Program(t, "redis-server"), dir: t.TempDir()}
	for range 5 { // the port may be taken by somebody else meanwhile
		if s.Port = freePort(t); s.begin() == nil {
			t.Cleanup(s.Kill)
			return s
		}
	}
	t.Fatal("redis-server does not start")
	return nil
}

func freePort(t testing.TB) string {
	t.Helper()
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

// begin returns once the server takes connections.
func (s *Server) begin() error {
	s.process = exec.CommandContext(context.Background(), s.program, "--bind", "127.0.0.1", "--port", s.Port,
		"--save", "", "--appendonly", "no", "--dir", s.dir, "--requirepass", password, "--daemonize", "no") // #nosec G204 -- a test's own program
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

// Restart starts a killed server again on its port.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.begin(); err != nil {
		s.t.Fatal(err)
	}
}

// Kill ends the server as a power failure would.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
	s.process = nil
}

// Stop makes the server neither answer nor refuse.
func (s *Server) Stop() { s.signal(syscall.SIGSTOP) }

// Continue lets a stopped server go on.
func (s *Server) Continue() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Error(err)
	}
}

// URL is where the server is, with its password.
func (s *Server) URL() string { return "redis://:" + password + "@127.0.0.1:" + s.Port + "/0" }

// Command runs one command as another program would, and returns its answer.
func (s *Server) Command(args ...string) string {
	s.t.Helper()
	cli := testneeds.Program(s.t, "redis-server", "redis-cli")
	out, err := exec.CommandContext(s.t.Context(), cli, append([]string{"-p", s.Port, "-a", password, "--no-auth-warning"}, args...)...).Output() // #nosec G204 -- a test's own program
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
