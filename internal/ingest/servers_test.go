package ingest_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/ingest"
	"lapwing.dev/lapwing/internal/testneeds"
	"lapwing.dev/lapwing/middleware/observe"
)

// port is one that nobody listens on, for programs that cannot choose one.
func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
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

// run starts a server, and ends it with the test.
func run(t *testing.T, url string, cmd *exec.Cmd) {
	t.Helper()
	// A file: a pipe would be held open by children that outlive their parent.
	said, err := os.Create(filepath.Join(t.TempDir(), "said")) // #nosec G304 -- the test's own
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = said
	if cmd.Stdout == nil {
		cmd.Stdout = said
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if text, err := os.ReadFile(said.Name()); err == nil && t.Failed() {
			t.Logf("%s", text)
		}
		_ = said.Close()
	})
	for range 1000 {
		if resp, err := http.Get(url); err == nil {
			_ = resp.Body.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not answer", url)
}

// ask sends n requests, each with a path of its own, from several clients at once.
func ask(t *testing.T, url string, from, n int) {
	t.Helper()
	var group sync.WaitGroup
	for client := range 4 {
		group.Go(func() {
			for i := from + client; i < from+n; i += 4 {
				resp, err := http.Get(fmt.Sprintf("%s/orders/%d?token=secret", url, i))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	group.Wait()
}

// once checks that each of the requests was counted exactly once.
func once(t *testing.T, sink *counting, n int) {
	t.Helper()
	seen := map[string]int{}
	deadline := time.Now().Add(30 * time.Second)
	for len(seen) < n && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
		clear(seen)
		for _, e := range sink.wait(t, 1) {
			if strings.HasPrefix(e.Path, "/orders/") {
				seen[e.Path]++
			}
		}
	}
	for i := range n {
		if times := seen[fmt.Sprintf("/orders/%d", i)]; times != 1 {
			t.Fatalf("request %d was counted %d times; %d of %d were seen", i, times, len(seen), n)
		}
	}
}

const nginxConf = `daemon off;
%s
pid %[2]s/nginx.pid;
error_log %[2]s/error.log;
worker_processes 2;
events { worker_connections 64; }
http {
  log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_time';
  log_format json escape=json '{"time_iso8601":"$time_iso8601","remote_addr":"$remote_addr","request":"$request","status":"$status",'
    '"body_bytes_sent":"$body_bytes_sent","request_time":"$request_time","http_user_agent":"$http_user_agent","host":"$host"}';
  access_log %[2]s/combined.log combined;
  access_log %[2]s/timed.log timed;
  access_log %[2]s/json.log json;
  client_body_temp_path %[2]s/t1; proxy_temp_path %[2]s/t2; fastcgi_temp_path %[2]s/t3; uwsgi_temp_path %[2]s/t4; scgi_temp_path %[2]s/t5;
  server {
    listen 127.0.0.1:%[3]s;
    location / { return 200 "ok"; }
  }
}
`

// TestALogOfNginx is read while nginx writes it, and while it is rotated the way
// logrotate does it: renamed first, and some time later nginx is told.
func TestALogOfNginx(t *testing.T) {
	nginx := testneeds.Program(t, "nginx", "nginx", "/usr/sbin/nginx")
	for name, tt := range map[string]struct{ file, found string }{
		"combined": {"combined.log", "nginx-combined"}, "with times": {"timed.log", "nginx-combined"}, "json": {"json.log", "nginx-json"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, listen := t.TempDir(), port(t)
			user := ""
			if os.Geteuid() == 0 {
				user = "user root;"
			}
			conf := filepath.Join(dir, "nginx.conf")
			if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, user, dir, listen), 0o600); err != nil {
				t.Fatal(err)
			}
			url := "http://127.0.0.1:" + listen
			cmd := exec.Command(nginx, "-p", dir, "-c", conf)
			run(t, url, cmd)
			sink := newCounting()
			log := filepath.Join(dir, tt.file)
			follow(t, ingest.LogsDeps{Sink: sink, Operations: templates{}}, ingest.Config{AccessLogs: []ingest.AccessLog{{API: "orders", Path: log, Backfill: true}}},
				catalog.API{Name: "orders", URL: url})
			const each = 1000
			ask(t, url, 0, each)
			for round := range 3 {
				var group sync.WaitGroup
				group.Go(func() { ask(t, url, each*(round+1), each) })
				time.Sleep(5 * time.Millisecond) // in the middle of them
				if err := os.Rename(log, fmt.Sprintf("%s.%d", log, round+1)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Millisecond)
				if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
					t.Fatal(err)
				}
				group.Wait()
			}
			once(t, sink, 4*each)
			e := sink.list[len(sink.list)-1]
			if e.API != "orders" || e.Operation != "GET /orders/{id}" || e.Query != "token=[redacted]" || e.Status != 200 || e.ResponseBytes != 2 ||
				e.ClientKey != "127.0.0.1" || !strings.HasPrefix(e.UserAgent, "Go-http-client") || e.Source != observe.SourceAccessLog {
				t.Errorf("%+v", e)
			}
			if late := time.Since(e.Time); late < 0 || late > time.Minute {
				t.Errorf("the last request was %s ago", late)
			}
		})
	}
}

// TestNginxSaysWhatItCouldNotRead: the bytes of TLS on a plain port, and quotes in
// a user agent.
func TestNginxSaysWhatItCouldNotRead(t *testing.T) {
	nginx := testneeds.Program(t, "nginx", "nginx", "/usr/sbin/nginx")
	dir, listen := t.TempDir(), port(t)
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, user, dir, listen), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "http://127.0.0.1:"+listen, exec.Command(nginx, "-p", dir, "-c", conf))
	for _, request := range []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"GET /caf\xc3\xa9?a=\"b\" HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: says \"hi\" \\ \xff\r\nConnection: close\r\n\r\n",
		"\x00\x01\x02\r\n",
	} {
		c, err := net.Dial("tcp", "127.0.0.1:"+listen)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, request)
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
	for _, file := range []string{"combined.log", "timed.log", "json.log"} {
		sink := newCounting()
		follow(t, ingest.LogsDeps{Sink: sink}, ingest.Config{AccessLogs: []ingest.AccessLog{{API: "orders", Path: filepath.Join(dir, file), Backfill: true}}},
			catalog.API{Name: "orders", URL: "http://127.0.0.1"})
		var unread, odd int
		for range 1000 {
			unread, odd = 0, 0
			for _, e := range sink.wait(t, 1) {
				switch {
				case e.Status == 400 && e.Method == "" && e.Verdict == observe.Invalid:
					unread++
				case e.Path == "/caf%C3%A9" && strings.HasPrefix(e.UserAgent, `says "hi" \ `) && e.Query == "a=%22b%22" && e.Status == 200:
					odd++
				}
			}
			if unread > 0 && odd == 1 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if unread == 0 || odd != 1 {
			t.Errorf("%s: %d requests that could not be read, %d odd ones: %+v", file, unread, odd, sink.wait(t, 1))
		}
	}
}

// TestALogOfCaddy has durations, hosts and bytes.
func TestALogOfCaddy(t *testing.T) {
	caddy := testneeds.Program(t, "caddy", "caddy")
	dir, listen := t.TempDir(), port(t)
	conf, log := filepath.Join(dir, "Caddyfile"), filepath.Join(dir, "access.log")
	text := "{\n admin off\n auto_https off\n}\nhttp://127.0.0.1:" + listen + " {\n log {\n  output file " + log + " {\n   roll_disabled\n  }\n }\n respond \"ok\" 200\n}\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	url := "http://127.0.0.1:" + listen
	cmd := exec.Command(caddy, "run", "--config", conf, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	run(t, url, cmd)
	sink := newCounting()
	follow(t, ingest.LogsDeps{Sink: sink, Operations: templates{}}, ingest.Config{AccessLogs: []ingest.AccessLog{{Path: log, Backfill: true}}},
		catalog.API{Name: "orders", URL: url})
	ask(t, url, 0, 500)
	once(t, sink, 500)
	e := sink.list[len(sink.list)-1]
	if e.API != "orders" || e.Operation != "GET /orders/{id}" || e.Status != 200 || e.ResponseBytes != 2 || e.Duration <= 0 || e.Host != "127.0.0.1:"+listen || e.Query != "token=[redacted]" {
		t.Errorf("%+v", e)
	}
}

const fastAPI = `from fastapi import FastAPI
app = FastAPI()

@app.get("/orders/{id}")
def order(id: int):
    return {"id": id}
`

// TestALogOfUvicorn has no times: requests count when their lines come.
func TestALogOfUvicorn(t *testing.T) {
	python := testneeds.Python(t, "python3-fastapi", "fastapi", "uvicorn")
	dir, listen := t.TempDir(), port(t)
	if err := os.WriteFile(filepath.Join(dir, "app.py"), []byte(fastAPI), 0o600); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "app.log")
	out, err := os.Create(log) // #nosec G304 -- the test's own
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	url := "http://127.0.0.1:" + listen
	cmd := exec.Command(python, "-m", "uvicorn", "app:app", "--port", listen)
	cmd.Dir, cmd.Stdout = dir, out
	sink := newCounting()
	follow(t, ingest.LogsDeps{Sink: sink, Operations: templates{}}, ingest.Config{AccessLogs: []ingest.AccessLog{{API: "orders", Path: log, Backfill: true}}},
		catalog.API{Name: "orders", URL: url})
	run(t, url+"/orders/x", cmd)
	ask(t, url, 0, 200)
	once(t, sink, 200)
	e := sink.list[len(sink.list)-1]
	if e.Operation != "GET /orders/{id}" || e.Status != 200 || e.ClientKey != "127.0.0.1" || time.Since(e.Time) > time.Minute {
		t.Errorf("%+v", e)
	}
}
