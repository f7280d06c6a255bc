package app

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/state"
)

// write puts a file in place in one step, as careful editors do.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// file writes lapwing.yaml into a new folder.
func file(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "lapwing.yaml")
	write(t, path, text)
	return path
}

// check is a configuration with one check, which does not run.
func check(name string) string {
	return "checks: [{name: " + name + ", url: \"http://127.0.0.1:1/\", paused: true}]\n"
}

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// server is an App for a test.
type server struct {
	*App
	t     *testing.T
	log   *logged
	event uint64 // of the stream, that nextReload has read
}

// newServer makes an App on any free port, with its stores in memory unless o
// says otherwise. It must be run.
func newServer(t *testing.T, o Options) *server {
	t.Helper()
	s := &server{t: t, log: &logged{}}
	o.Log = slog.New(slog.NewTextHandler(s.log, nil))
	if o.Data == "" {
		o.Data = state.Memory
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	var err error
	if s.App, err = New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return s
}

// running runs an App until the test ends, and is back when it is ready.
func running(t *testing.T, o Options) *server {
	t.Helper()
	ready := make(chan struct{})
	o.OnReady = func(context.Context, *App) { close(ready) }
	s := newServer(t, o)
	s.run()
	select {
	case <-ready:
	case <-t.Context().Done():
	}
	return s
}

// run runs the App until the test ends.
func (s *server) run() {
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("the server ended with: %v", err)
		}
	})
}

// nextReload waits for the next attempt to reload and returns how it ended.
func (s *server) nextReload() error {
	s.t.Helper()
	for {
		events, _, more := s.hub.Since(s.event)
		for _, e := range events {
			s.event = e.ID
			if e.Type == "config" {
				s.mu.Lock()
				defer s.mu.Unlock()
				return s.reload.err
			}
		}
		select {
		case <-more:
		case <-s.t.Context().Done():
			s.t.Fatal("no reload")
		}
	}
}

// expectChecks compares the names of the checks that are in force.
func (s *server) expectChecks(want ...string) {
	s.t.Helper()
	var names []string
	for _, v := range s.Checks().List() {
		names = append(names, v.Name)
	}
	if diff := cmp.Diff(want, names); diff != "" {
		s.t.Errorf("checks in force (-want +got):\n%s", diff)
	}
}

// expectNotices compares the codes of what Lapwing says about itself.
func (s *server) expectNotices(want ...string) {
	s.t.Helper()
	var codes []string
	for _, n := range s.notices.List() {
		codes = append(codes, n.Code)
	}
	if diff := cmp.Diff(want, codes); diff != "" {
		s.t.Errorf("notices (-want +got):\n%s", diff)
	}
}
