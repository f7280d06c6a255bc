package accesslog

import (
	"strings"
	"time"
)

// maxMore bounds how many values after the user agent are looked at.
const maxMore = 24

// more reads what people append to the combined format. There is no standard for
// it, so what a value is shows in its form:
//
//	0.123                 $request_time; a second one is $upstream_response_time
//	2301                  Apache's %D, if the format says so
//	0/2301                %T/%D
//	23ms                  a duration with its unit (Traefik)
//	"203.0.113.7, …"      $http_x_forwarded_for
//	rt=0.123 urt="0.120"  by name
//	rid=…, 32 hex digits  $request_id
func (p *common) more(s string, l *Line) {
	timed := false
	for range maxMore {
		if s == "" || s[0] != ' ' {
			return
		}
		var key, value string
		var quoted bool
		key, value, quoted, s = field(s[1:])
		switch {
		case value == "" || value == "-":
		case key != "":
			timed = l.named(key, value) || timed
		case quoted && strings.IndexByte(value, '.') < 0 && strings.IndexByte(value, ':') < 0:
		case isDigit(value[0]) && !timed && p.duration(value, l):
			timed = true
		case quoted && isForwarded(value):
			l.Forwarded = value
		case len(value) == 32 && isHex(value):
			l.RequestID = value
		}
	}
}

// duration reads a duration that has no name.
func (p *common) duration(s string, l *Line) bool {
	value, fraction, ok := decimal(s)
	switch {
	case ok && fraction:
		l.Duration, ok = durationIn(value, time.Second)
	case ok && p.whole > 0:
		l.Duration, ok = durationIn(value, p.whole)
	case ok:
		return false
	default:
		if seconds, micros, found := strings.Cut(s, "/"); found {
			_, _, ok1 := decimal(seconds)
			n, fraction, ok2 := decimal(micros)
			if !ok1 || !ok2 || fraction {
				return false
			}
			l.Duration, ok = durationIn(n, time.Microsecond)
			return ok
		}
		var d time.Duration
		if d, ok = durationText(s, 0); ok {
			l.Duration = d
		}
	}
	return ok
}

// named reads a value with a name, and reports whether it was the duration of all.
func (l *Line) named(key, value string) bool {
	unit := time.Second
	switch key {
	case "rt", "request_time", "req_time", "time", "duration", "took", "t":
	case "duration_ms", "ms", "latency_ms", "time_ms":
		unit = time.Millisecond
	case "D", "us", "duration_us", "time_us":
		unit = time.Microsecond
	case "uct", "upstream_connect_time":
		l.Phases.Connect = first(value)
		return false
	case "uht", "upstream_header_time":
		l.Phases.Wait = first(value)
		return false
	case "host", "vhost", "http_host":
		l.Host = hostOf(value)
		return false
	case "xff", "forwarded", "forwarded_for", "x_forwarded_for", "http_x_forwarded_for":
		l.Forwarded = value
		return false
	case "rid", "req_id", "request_id":
		l.RequestID = clean(value)
		return false
	default:
		return false
	}
	d, ok := durationText(value, unit)
	if ok {
		l.Duration = d
	}
	return ok
}

// first reads the first of the times that nginx lists for the servers it tried.
func first(s string) time.Duration {
	if i := strings.IndexAny(s, ", "); i >= 0 {
		s = s[:i]
	}
	d, _ := durationText(s, time.Second)
	return d
}

// field reads one value, key=value or either in quotes, and what comes after it.
func field(s string) (key, value string, quoted bool, rest string) {
	i := 0
	for i < len(s) && s[i] != ' ' && s[i] != '=' && s[i] != '"' {
		i++
	}
	if i < len(s) && i > 0 && s[i] == '=' && isName(s[:i]) {
		key, s = s[:i], s[i+1:]
	}
	if strings.HasPrefix(s, `"`) {
		if end := closing(s[1:]); end >= 0 {
			return key, s[1 : 1+end], true, s[end+2:]
		}
	}
	end := strings.IndexByte(s, ' ')
	if end < 0 {
		end = len(s)
	}
	return key, strings.TrimSuffix(s[:end], ","), false, s[end:]
}

func isName(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && s[i] != '_' {
			return false
		}
	}
	return true
}

// isForwarded reports whether a text can be X-Forwarded-For: it begins with an
// address.
func isForwarded(s string) bool {
	if i := strings.IndexByte(s, ','); i >= 0 {
		s = s[:i]
	}
	if strings.IndexByte(s, '/') >= 0 {
		return false
	}
	_, ok := addressOf(s)
	return ok
}

func isHex(s string) bool {
	for i := range len(s) {
		if _, ok := hex(s[i]); !ok {
			return false
		}
	}
	return true
}
