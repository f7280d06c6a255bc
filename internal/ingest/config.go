package ingest

import "lapwing.dev/lapwing/internal/units"

// Config is the `ingest:` section: what is taken in from outside.
type Config struct {
	// AccessLogs are files that other servers write, a line for each request.
	AccessLogs []AccessLog `yaml:"access_logs"`
	// ErrorLogs are files whose lines are counted by pattern.
	ErrorLogs []ErrorLog `yaml:"error_logs"`
}

// AccessLog is one entry of `access_logs:`.
type AccessLog struct {
	// API that the requests are of. Without one the host and path of a line choose among the APIs.
	API string `yaml:"api"`
	// Path of the file, or a pattern. Example: /var/log/nginx/access.log
	Path string `yaml:"path"`
	// Format of a line: nginx-combined, nginx-json, apache-combined, apache-common, caddy, json, uvicorn, gunicorn, auto, or a pattern with names in it. Default: auto. Example: '{client} - {user} [{time}] "{method} {path} {protocol}" {status} {bytes} {duration_ms}'
	Format string `yaml:"format"`
	// Fields of a JSON line that have other names, by ours. Example: {path: request_uri, duration_ms: took}
	Fields map[string]string `yaml:"fields"`
	// Backfill reads what is in the file already, and the rotated files beside it. Default: false, only what is written from now on (or since the last stop).
	Backfill bool `yaml:"backfill"`
	// Strip this from the front of paths, where a server in front added it. Example: /api
	Strip string `yaml:"strip"`
	// TrustForwarded reads the client from the last hops of X-Forwarded-For that the line has, as gateway.trusted_proxies. Default: false.
	TrustForwarded bool `yaml:"trust_forwarded"`
}

// ErrorLog is one entry of `error_logs:`.
type ErrorLog struct {
	// API that the lines are about.
	API string `yaml:"api"`
	// Path of the file, or a pattern. Example: /var/log/app/error.log
	Path string `yaml:"path"`
	// Match is a regular expression; a line that it matches is counted. Named groups become labels. Example: '(?P<level>ERROR|CRITICAL)'
	Match string `yaml:"match"`
	// Name of what is counted. Default: the path's file name.
	Name string `yaml:"name"`
	// Alert when this many lines came within `over`. Default: never.
	Alert int `yaml:"alert"`
	// Over is the time that `alert` is about. Default: 5m.
	Over units.Duration `yaml:"over"`
}
