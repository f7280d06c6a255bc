package ingest

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/ingest/accesslog"
	"lapwing.dev/lapwing/internal/units"
)

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

// Bounds of the section.
const (
	maxLogs     = 100 // of each list: each is a goroutine, a watch and a label value
	defaultOver = 5 * time.Minute
	longestOver = 24 * time.Hour
	maxGroups   = 5
)

// Validate reports what is wrong in the section, without looking at the disk.
func (c *Config) Validate() fault.Problems {
	var ps fault.Problems
	if len(c.AccessLogs) > maxLogs {
		ps.Add("access_logs", "take files together with a pattern, such as /var/log/nginx/*.log", "there are %d; at most %d may be", len(c.AccessLogs), maxLogs)
	}
	if len(c.ErrorLogs) > maxLogs {
		ps.Add("error_logs", "take files together with a pattern", "there are %d; at most %d may be", len(c.ErrorLogs), maxLogs)
	}
	seen := map[string]int{}
	for i := range c.AccessLogs {
		a := &c.AccessLogs[i]
		place := fmt.Sprintf("access_logs[%d]", i)
		ps.Merge(place, a.validate())
		if first, twice := seen[a.Path]; twice && a.Path != "" {
			ps.Add(place+".path", "its requests would count twice", "access_logs[%d] reads the same file", first)
		}
		seen[a.Path] = i
	}
	clear(seen)
	for i := range c.ErrorLogs {
		e := &c.ErrorLogs[i]
		place := fmt.Sprintf("error_logs[%d]", i)
		ps.Merge(place, e.validate())
		key := e.Path + "\x00" + e.name()
		if first, twice := seen[key]; twice && e.Path != "" {
			ps.Add(place+".name", "give each a name, such as errors and warnings", "error_logs[%d] reads the same file and has the same name", first)
		}
		seen[key] = i
	}
	return ps
}

func (a *AccessLog) validate() fault.Problems {
	var ps fault.Problems
	checkPath(&ps, a.Path)
	if _, err := a.parser(); err != nil {
		place := "format"
		if len(a.Fields) > 0 && strings.Contains(err.Error(), "field") {
			place = "fields"
		}
		ps.Add(place, "", "%v", err)
	}
	if a.Strip != "" && !strings.HasPrefix(a.Strip, "/") {
		ps.Add("strip", "write it like /api", "%q is not the front of a path", a.Strip)
	}
	return ps
}

func (a *AccessLog) parser() (accesslog.Parser, error) {
	return accesslog.New(accesslog.Options{Format: a.Format, Fields: a.Fields})
}

func checkPath(ps *fault.Problems, path string) {
	switch {
	case path == "":
		ps.Add("path", "write the file's name, such as /var/log/nginx/access.log", "nothing says which file to read")
	case strings.HasSuffix(path, "/"):
		ps.Add("path", "write the file's name, or a pattern such as "+path+"*.log", "%q is a folder", path)
	case path == "-" || path == "/dev/stdin" || path == "/dev/stdout":
		ps.Add("path", "let the server write to a file", "%q is no file that can be read again after a restart", path)
	default:
		if _, err := filepath.Match(path, ""); err != nil {
			ps.Add("path", "write [[] for a bracket", "%q is no pattern: a bracket is not closed", path)
		}
	}
}

func (e *ErrorLog) validate() fault.Problems {
	var ps fault.Problems
	checkPath(&ps, e.Path)
	if e.Match == "" {
		ps.Add("match", "write what a line of an error has in it, such as '(?P<level>ERROR|CRITICAL)'", "nothing says which lines count")
	} else if re, err := regexp.Compile(e.Match); err != nil {
		ps.Add("match", "the syntax is that of RE2, without lookaround and backreferences", "%v", err)
	} else {
		checkGroups(&ps, re)
	}
	switch {
	case e.Alert < 0:
		ps.Add("alert", "write how many lines are too many, such as 10", "%d is less than nothing", e.Alert)
	case e.Alert == 0 && e.Over != 0:
		ps.Add("over", "write alert: 10 beside it, or leave it out", "it is about `alert`, which is not there")
	}
	if e.Over != 0 && (e.Over.Std() < 10*time.Second || e.Over.Std() > longestOver) {
		ps.Add("over", "", "%s is out of range; want 10s to 1d", e.Over)
	}
	return ps
}

func checkGroups(ps *fault.Problems, re *regexp.Regexp) {
	groups := 0
	seen := map[string]bool{}
	for _, name := range re.SubexpNames() {
		switch {
		case name == "":
			continue
		case name == "name" || name == "api" || name == "path" || strings.HasPrefix(name, "__"):
			ps.Add("match", "give the group another name", "the label %q is ours", name)
		case seen[name]:
			ps.Add("match", "give each group a name of its own", "the group %q is there twice", name)
		}
		seen[name] = true
		groups++
	}
	if groups > maxGroups {
		ps.Add("match", "use (?:…) for groups that need not be told apart", "%d named groups; at most %d may be labels", groups, maxGroups)
	}
}

// name is what the lines are counted as.
func (e *ErrorLog) name() string { return cmp.Or(e.Name, filepath.Base(e.Path)) }

func (e *ErrorLog) over() time.Duration { return cmp.Or(e.Over.Std(), defaultOver) }
