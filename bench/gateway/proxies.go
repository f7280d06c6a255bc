package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// proxy is one that is measured. The first of the list is what the others are
// compared with.
type proxy struct {
	name, with string
	start      func(ctx context.Context, dir, target string) (*process, error)
}

func proxies(lapwing string) []proxy {
	return []proxy{
		{"lapwing", "limit, JSON log, metrics, trace context", func(ctx context.Context, dir, target string) (*process, error) {
			return startLapwing(ctx, lapwing, dir, target)
		}},
		{"nginx", "limit_req, JSON log", configured("nginx", nginxConfig, "-c")},
		{"haproxy", "stick table, JSON log", configured("haproxy", haproxyConfig, "-f")},
		{"caddy", "JSON log; no limit", configured("caddy", caddyConfig, "run", "--adapter", "caddyfile", "--config")},
	}
}

const lapwingConfig = `listen: 127.0.0.1:0
data: DIR/data
apis:
  - {name: orders, url: "http://TARGET"}
limits:
  - {name: per-client, key: client.address, rate: 100000000/minute, burst: 100000000}
gateway:
  listen: ADDRESS
  routes:
    - {api: orders, path: /, upstreams: {default: ["http://TARGET"]}, limits: [per-client]}
access_log: {path: DIR/access.log}
`

const nginxConfig = `daemon off;
worker_processes 1;
pid DIR/nginx.pid;
error_log DIR/error.log;
events { worker_connections 1024; }
http {
  client_body_temp_path DIR/b; proxy_temp_path DIR/p; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
  log_format json escape=json '{"time":"$time_iso8601","method":"$request_method","path":"$uri","query":"$args","status":$status,"duration":$request_time,"client":"$remote_addr","bytes":$body_bytes_sent,"upstream":"$upstream_addr","upstream_time":"$upstream_response_time","user_agent":"$http_user_agent","request_id":"$request_id"}';
  access_log DIR/access.log json buffer=64k flush=1s;
  limit_req_zone $binary_remote_addr zone=per_client:10m rate=1000000r/s;
  upstream target { server TARGET; keepalive 128; keepalive_requests 1000000; }
  keepalive_requests 100000000;
  server {
    listen ADDRESS;
    location / {
      limit_req zone=per_client burst=1000000 nodelay;
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Request-ID $request_id; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_pass http://target;
    }
  }
}
`

const haproxyConfig = `global
  nbthread 1
  log DIR/log.sock format raw local0
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  log global
  log-format '{"time":"%t","method":"%HM","path":"%HP","status":%ST,"client":"%ci","bytes":%B,"upstream":"%s","ms":%Ta}'
backend limits
  stick-table type ip size 100k expire 60s store http_req_rate(60s)
frontend in
  bind ADDRESS
  http-request track-sc0 src table limits
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000000 }
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Request-ID %[uuid()]
  default_backend target
backend target
  http-reuse always
  server one TARGET
`

const caddyConfig = `{
  admin off
  auto_https off
}
http://ADDRESS {
  log {
    output file DIR/access.log
    format json
  }
  reverse_proxy TARGET
}
`

// configured starts a proxy with its configuration as the last argument.
func configured(name, config string, args ...string) func(context.Context, string, string) (*process, error) {
	return func(ctx context.Context, dir, target string) (*process, error) {
		program, err := exec.LookPath(name)
		if err != nil {
			if program, err = exec.LookPath("/usr/sbin/" + name); err != nil {
				return nil, errNotInstalled
			}
		}
		dir = filepath.Join(dir, name)
		file, address, err := write(ctx, dir, config, target)
		if err != nil {
			return nil, err
		}
		if name == "haproxy" {
			sink, err := newLogSink(filepath.Join(dir, "log.sock"), filepath.Join(dir, "access.log"))
			if err != nil {
				return nil, err
			}
			context.AfterFunc(ctx, sink.close)
		}
		return start(ctx, proxyCore, address, filepath.Join(dir, "output"), program, append(args, file)...)
	}
}

func startLapwing(ctx context.Context, binary, dir, target string) (*process, error) {
	dir = filepath.Join(dir, "lapwing")
	file, address, err := write(ctx, dir, lapwingConfig, target)
	if err != nil {
		return nil, err
	}
	if binary == "" {
		binary = filepath.Join(dir, "bin")
		build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/lapwing") // #nosec G204 -- our own program
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return nil, fmt.Errorf("build lapwing: %w", err)
		}
	}
	return start(ctx, proxyCore, address, filepath.Join(dir, "output"), binary, "serve", "-c", file)
}

// write puts a configuration into dir, filled in.
func write(ctx context.Context, dir, config, target string) (file, address string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", err
	}
	if address, err = freeAddress(ctx); err != nil {
		return "", "", err
	}
	text := strings.NewReplacer("DIR", dir, "TARGET", target, "ADDRESS", address).Replace(config)
	file = filepath.Join(dir, "config")
	return file, address, os.WriteFile(file, []byte(text), 0o600)
}
