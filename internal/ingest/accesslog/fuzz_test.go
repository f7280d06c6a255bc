package accesslog_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"lapwing.dev/lapwing/internal/ingest/accesslog"
)

// fuzz feeds a parser with lines; what it makes of them must be possible.
func fuzz(f *testing.F, o accesslog.Options) {
	name := o.Format
	if strings.Contains(name, "{") {
		name = accesslog.NginxCombined
	}
	for _, line := range lines(f, name) {
		f.Add(line)
		f.Add(line[:len(line)/2])
		f.Add(strings.ReplaceAll(line, "2", "\x00"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		p := parser(t, o)
		var l accesslog.Line
		m := p.Parse(line, &l)
		switch {
		case !m.OK() && (m.At < 0 || m.At > len(line)):
			t.Errorf("a mismatch at %d of %d bytes", m.At, len(line))
		case !m.OK():
			return
		case l.Status < 0 || l.Status > 999 || l.ResponseBytes < 0 || l.RequestBytes < 0 || l.Duration < 0 || l.Duration > 31*24*time.Hour:
			t.Errorf("%+v", l.Exchange)
		case !utf8.ValidString(l.UserAgent) || !utf8.ValidString(l.User) || !utf8.ValidString(l.Path) || !utf8.ValidString(l.Method):
			t.Errorf("not UTF-8: %q %q %q", l.UserAgent, l.User, l.Path)
		case strings.ContainsAny(l.Method+l.Path+l.Query, " \x00\n\x1b"):
			t.Errorf("a path that no request has: %q %q", l.Method, l.Path)
		}
		var again accesslog.Line
		if m := p.Parse(line, &again); !m.OK() || again != l {
			t.Errorf("read again it is another line: %s\n%+v\n%+v", m, l, again)
		}
	})
}

func FuzzNginxCombined(f *testing.F)  { fuzz(f, accesslog.Options{Format: accesslog.NginxCombined}) }
func FuzzNginxJSON(f *testing.F)      { fuzz(f, accesslog.Options{Format: accesslog.NginxJSON}) }
func FuzzApacheCommon(f *testing.F)   { fuzz(f, accesslog.Options{Format: accesslog.ApacheCommon}) }
func FuzzApacheCombined(f *testing.F) { fuzz(f, accesslog.Options{Format: accesslog.ApacheCombined}) }
func FuzzCaddy(f *testing.F)          { fuzz(f, accesslog.Options{Format: accesslog.Caddy}) }
func FuzzJSON(f *testing.F)           { fuzz(f, accesslog.Options{Format: accesslog.JSON}) }
func FuzzUvicorn(f *testing.F)        { fuzz(f, accesslog.Options{Format: accesslog.Uvicorn}) }
func FuzzGunicorn(f *testing.F)       { fuzz(f, accesslog.Options{Format: accesslog.Gunicorn}) }

func FuzzPattern(f *testing.F) {
	fuzz(f, accesslog.Options{Format: `{client} - {user} [{time}] "{request}" {status} {bytes} "{_}" "{user_agent}"`})
}

// FuzzNewPattern makes parsers of whatever somebody writes.
func FuzzNewPattern(f *testing.F) {
	f.Add(`{client} [{time}] "{method} {path} {protocol}" {status}`, "203.0.113.7 [1795468922] \"GET / HTTP/1.1\" 200")
	f.Add(`$remote_addr "$request" ${status}`, `::1 "GET /" 200`)
	f.Fuzz(func(_ *testing.T, format, line string) {
		p, err := accesslog.New(accesslog.Options{Format: format})
		if err == nil {
			var l accesslog.Line
			p.Parse(line, &l)
		}
	})
}
