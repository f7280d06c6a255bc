package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/testneeds"
)

var uvicornLine = regexp.MustCompile(`running on (http://\S+)`)

// startFastAPI runs the app of examples/fastapi with uvicorn and returns its URL.
func startFastAPI(t *testing.T) string {
	t.Helper()
	python := testneeds.Python(t, "python3-fastapi", "fastapi", "uvicorn")
	app, err := filepath.Abs("../examples/fastapi")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-m", "uvicorn", "app:app", "--port", "0") // #nosec G204 -- found by testneeds
	cmd.Dir = app
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
	talk, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		<-drained
		_ = cmd.Wait()
	})
	found := make(chan string, 1)
	go func() {
		defer close(drained)
		lines := bufio.NewScanner(talk)
		for lines.Scan() {
			if match := uvicornLine.FindStringSubmatch(lines.Text()); match != nil {
				found <- match[1]
			}
		}
	}()
	select {
	case url := <-found:
		return url
	case <-time.After(patience):
		t.Fatal("uvicorn does not start")
		return ""
	}
}

func TestWatchingAFastAPIApp(t *testing.T) {
	url := startFastAPI(t)
	dir := t.TempDir()
	s := start(t, dir, "watch", url, "--listen", "127.0.0.1:0")
	// The pages are announced after the first results.
	t.Logf("first results and pages %s after the start", time.Since(s.started).Round(time.Millisecond))
	talk := s.talk()
	for _, want := range []string{
		`"Orders" `, "6 safe, 3 skipped", "✓ GET /health 200", "✓ GET /items 200", "✓ GET /items/{item_id} 200",
		"✓ GET /orders 200", "✓ GET /orders/{order_id} 200", "✓ GET /search 200", "wrote lapwing.yaml (6 checks)",
	} {
		if !strings.Contains(talk, want) {
			t.Errorf("watch does not say %q:\n%s", want, talk)
		}
	}
	if page := s.get(t, "GET", "/"); !strings.Contains(page, "All 6 checks are up") {
		t.Error("the overview does not say that all is well")
	}
	if operations := s.get(t, "GET", "/api/v1/apis/orders/operations"); !strings.Contains(operations, `"path":"/orders/{order_id}"`) {
		t.Errorf("the operations are %s", operations)
	}
	s.stop(t)

	// What it wrote runs by itself, and keeps the history.
	again := start(t, dir, "serve", "--listen", "127.0.0.1:0")
	if page := again.get(t, "GET", "/"); !strings.Contains(page, "All 6 checks are up") {
		t.Error("after a restart the overview has forgotten")
	}
}

func TestTheFastAPIExampleIsAGate(t *testing.T) {
	t.Setenv("ORDERS_URL", startFastAPI(t))
	path, err := buildOnce()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, path)
	}
	cmd := exec.CommandContext(t.Context(), path, "check", "run", "-c", "../examples/fastapi/lapwing.yaml") // #nosec G204 -- our own binary
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "4 up, 0 degraded, 0 down") {
		t.Errorf("%v\n%s", err, out)
	}
}
