package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/testneeds"
)

// hook is a webhook of somebody's chat.
type hook struct {
	mu       sync.Mutex
	messages []string // "firing ErrorRateHigh: GET /broken …"
}

func (h *hook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var said struct {
		Alerts []struct {
			Status      string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
	err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&said)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.messages = append(h.messages, err.Error())
	}
	for _, a := range said.Alerts {
		h.messages = append(h.messages, fmt.Sprintf("%s %s: %s (%s)", a.Status, a.Labels["alertname"], a.Annotations["summary"], a.Annotations["page"]))
	}
}

func (h *hook) got(part string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.messages {
		if strings.Contains(m, part) {
			return true
		}
	}
	return false
}

// startNginx serves /orders and fails /refunds, and writes what it did to a log.
func startNginx(t *testing.T, log string) (url string) {
	t.Helper()
	nginx := testneeds.Program(t, "nginx", "nginx", "/usr/sbin/nginx")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // nginx takes it
	dir := t.TempDir()
	conf := fmt.Sprintf(`pid %[1]s/pid; error_log %[1]s/error.log; worker_processes 1; events {}
http {
  access_log %[2]s combined;
  client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  server { listen %[3]s; location /orders { return 200 "fine"; } location /refunds { return 503; } }
}`, dir, log, address)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	global := "daemon off;"
	if os.Geteuid() == 0 {
		global += " user root;"
	}
	cmd := exec.Command(nginx, "-p", dir, "-c", file, "-g", global)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // by the signal
	})
	waitFor(t, "nginx", func() bool {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = c.Close() // nothing was sent
		}
		return err == nil
	})
	return "http://" + address
}

// TestTheErrorRateInAnNginxLogReachesAWebhook: nobody put anything in front of
// the API; its server's log alone tells that an operation fails, and people
// are told, and hear nothing twice after a restart.
func TestTheErrorRateInAnNginxLogReachesAWebhook(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "access.log")
	url := startNginx(t, log)
	told := &hook{}
	chat := httptest.NewServer(told)
	t.Cleanup(chat.Close)
	config := fmt.Sprintf(`listen: 127.0.0.1:0
apis:
  - {name: shop, url: %q}
ingest:
  access_logs:
    - {api: shop, path: access.log, format: nginx-combined}
receivers:
  - {name: chat, webhook_configs: [{url: %q}]}
route: {receiver: chat, group_wait: 100ms, group_interval: 1s}
`, url, chat.URL)
	if err := os.WriteFile(filepath.Join(dir, "lapwing.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, dir, "serve", "-c", "lapwing.yaml")
	visit := func(path string, times int) {
		for range times {
			ask(t, url+path, "", "")
		}
	}
	visit("/orders", 40)
	visit("/refunds", 25)
	waitFor(t, "the alert at the webhook", func() bool {
		return told.got("firing ErrorRateHigh: GET /refunds")
	})
	if !told.got("/endpoints/GET/refunds?api=shop") {
		t.Errorf("no link to the page in %q", told.messages)
	}
	page := readPage(t, s.url+"/endpoints")
	for _, part := range []string{"/refunds", "/orders", "100"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page of endpoints has no %s", part)
		}
	}
	// Each was counted once.
	waitFor(t, "all requests in the metrics", func() bool {
		return strings.Contains(readPage(t, s.url+"/metrics"), `operation="GET /refunds",status="5xx",verdict="allow",error_type="",source="access_log"} 25`)
	})
	s.stop(t)
	told.mu.Lock()
	told.messages = nil
	told.mu.Unlock()
	visit("/refunds", 5) // while nobody looks
	s = start(t, dir, "serve", "-c", "lapwing.yaml")
	waitFor(t, "what was written meanwhile", func() bool {
		return strings.Contains(readPage(t, s.url+"/metrics"), `operation="GET /refunds",status="5xx",verdict="allow",error_type="",source="access_log"} 5`)
	})
	if told.got("firing ErrorRateHigh") {
		t.Errorf("it was told again after a restart: %q", told.messages)
	}
}

// readPage is what a GET answers.
func readPage(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheDemosAlertReachesItsWebhook: who looks around sees an operation fail,
// and what people would be told.
func TestTheDemosAlertReachesItsWebhook(t *testing.T) {
	s := start(t, t.TempDir(), "demo", "--listen", "127.0.0.1:0")
	const most = 2 * time.Minute // the demo's clients come now and then
	deadline := time.Now().Add(most)
	for !strings.Contains(s.talk(), "ErrorRateHigh: GET /refunds (shop) fails") {
		if time.Now().After(deadline) {
			t.Fatalf("nothing came to the webhook:\n%s", s.talk())
		}
		time.Sleep(100 * time.Millisecond)
	}
	page := readPage(t, s.url+"/alerts")
	for _, part := range []string{"ErrorRateHigh", "GET /refunds", "delivered"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page of alerts has no %s", part)
		}
	}
	if answer := readPage(t, s.url+"/prometheus/api/v1/query?query=lapwing_slo_error_ratio"); !strings.Contains(answer, `"operation":"GET /refunds"`) {
		t.Errorf("Prometheus' API tells: %s", answer)
	}
}
