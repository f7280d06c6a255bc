package accesslog_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/ingest/accesslog"
	"lapwing.dev/lapwing/middleware/observe"
)

var update = flag.Bool("update", false, "write the golden files")

func parser(t testing.TB, o accesslog.Options) accesslog.Parser {
	t.Helper()
	o.Zone = time.UTC
	p, err := accesslog.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// told is what a line says, as text.
func told(line string, l *accesslog.Line, m accesslog.Mismatch) string {
	if !m.OK() {
		return fmt.Sprintf("! %s: %.20q\n", m, line[min(m.At, len(line)):])
	}
	out := string(observe.AppendJSON(nil, &l.Exchange))
	if l.Forwarded != "" {
		out += " forwarded " + l.Forwarded
	}
	if l.Ended {
		out += " ended"
	}
	return out + "\n"
}

// TestGolden reads a file for each format; what it makes of them stands beside.
func TestGolden(t *testing.T) {
	for _, format := range accesslog.Formats() {
		if format == accesslog.Auto {
			continue
		}
		t.Run(format, func(t *testing.T) {
			golden(t, filepath.Join("testdata", format+".log"), parser(t, accesslog.Options{Format: format}))
		})
	}
}

func golden(t *testing.T, file string, p accesslog.Parser) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	var l accesslog.Line
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		m := p.Parse(line, &l)
		got.WriteString(told(line, &l, m))
	}
	name := strings.TrimSuffix(file, ".log") + ".golden"
	if *update {
		if err := os.WriteFile(name, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAutoFindsTheFormat of each of the files.
func TestAutoFindsTheFormat(t *testing.T) {
	same := map[string]string{accesslog.Gunicorn: accesslog.NginxCombined} // its default is the combined format
	for _, format := range accesslog.Formats() {
		if format == accesslog.Auto {
			continue
		}
		t.Run(format, func(t *testing.T) {
			file, err := os.Open(filepath.Join("testdata", format+".log"))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			p := parser(t, accesslog.Options{})
			var l accesslog.Line
			lines := bufio.NewScanner(file)
			lines.Scan()
			if format == accesslog.ApacheCombined { // the first one could be nginx', too
				lines.Scan()
			}
			if m := p.Parse(lines.Text(), &l); !m.OK() {
				t.Fatal(m)
			}
			want := format
			if s := same[format]; s != "" {
				want = s
			}
			if p.Format() != want {
				t.Errorf("found %s", p.Format())
			}
		})
	}
}

func TestAutoLooksAgainWhenTheFormatChanges(t *testing.T) {
	p := parser(t, accesslog.Options{})
	var l accesslog.Line
	if p.Parse("nonsense", &l).OK() || p.Format() != accesslog.Auto {
		t.Error("nonsense has a format")
	}
	if m := p.Parse(`INFO:     127.0.0.1:50312 - "GET / HTTP/1.1" 200 OK`, &l); !m.OK() || p.Format() != accesslog.Uvicorn {
		t.Fatal(m, p.Format())
	}
	ok := 0
	for range 30 {
		if p.Parse(`{"method":"GET","path":"/a","status":200}`, &l).OK() {
			ok++
		}
	}
	if ok < 10 || p.Format() != accesslog.JSON {
		t.Errorf("%d of 30 lines of another format, %s", ok, p.Format())
	}
}

func TestPatterns(t *testing.T) {
	for name, tt := range map[string]struct{ pattern, line string }{
		"documented": {
			`{client} - {user} [{time}] "{method} {path} {protocol}" {status} {bytes} {duration_ms}`,
			`203.0.113.7 - ann [23/Nov/2026:21:22:02 +0000] "GET /a?b=1 HTTP/1.1" 200 12 3.5`,
		},
		"python": {
			`{time} {_} {client} "{request}" {status} {duration}`,
			`2026-11-23 21:22:02,250 INFO 203.0.113.7 "GET /a HTTP/1.1" 500 0.25`,
		},
		"escaped quotes": {`"{user_agent}" {method} {path} {status}`, `"a \"b\" c" GET /x 200`},
		"braces":         {`{{{status}}} {path}`, `{204} /x`},
		"log_format":     {`$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent $request_time ${http_unknown} "$http_user_agent"`, `203.0.113.7 - - [23/Nov/2026:21:22:02 +0000] "GET /a HTTP/1.1" 200 12 1.000 x "curl"`},
		"another line":   {`{client} {status} {path}`, `203.0.113.7 ok`},
		"another begin":  {`> {client} {status} {path}`, `203.0.113.7 200 /`},
		"no status":      {`{client} {status} {path}`, `203.0.113.7 ok /`},
	} {
		t.Run(name, func(t *testing.T) {
			var l accesslog.Line
			m := parser(t, accesslog.Options{Format: tt.pattern}).Parse(tt.line, &l)
			got := told(tt.line, &l, m)
			want := map[string]string{
				"documented":     `{"time":"2026-11-23T21:22:02.000000Z","method":"GET","path":"/a","query":"b=1","protocol":"HTTP/1.1","status":200,"duration_ms":3.500,"bytes_in":0,"bytes_out":12,"client":"203.0.113.7","client_key":"203.0.113.7","user":"ann","verdict":"allow","source":""}`,
				"python":         `{"time":"2026-11-23T21:22:02.250000Z","method":"GET","path":"/a","protocol":"HTTP/1.1","status":500,"duration_ms":250,"bytes_in":0,"bytes_out":0,"client":"203.0.113.7","client_key":"203.0.113.7","verdict":"allow","source":""}`,
				"escaped quotes": `{"time":"0001-01-01T00:00:00.000000Z","method":"GET","path":"/x","status":200,"duration_ms":0,"bytes_in":0,"bytes_out":0,"user_agent":"a \"b\" c","verdict":"allow","source":""}`,
				"braces":         `{"time":"0001-01-01T00:00:00.000000Z","method":"","path":"/x","status":204,"duration_ms":0,"bytes_in":0,"bytes_out":0,"verdict":"allow","source":""}`,
				"log_format":     `{"time":"2026-11-23T21:22:01.000000Z","method":"GET","path":"/a","protocol":"HTTP/1.1","status":200,"duration_ms":1000,"bytes_in":0,"bytes_out":12,"client":"203.0.113.7","client_key":"203.0.113.7","user_agent":"curl","verdict":"allow","source":""}`,
				"another line":   `! at byte 13: {status} and then “ ” is expected: "ok"`,
				"another begin":  `! at byte 1: “> ” is expected: "203.0.113.7 200 /"`,
				"no status":      `! at byte 13: a status, three digits is expected: "ok /"`,
			}[name] + "\n"
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for name, o := range map[string]accesslog.Options{
		`unknown format "nginx-combine"; did you mean "nginx-combined"?`:                                                          {Format: "nginx-combine"},
		`unknown name {stauts}; did you mean "status"?`:                                                                           {Format: "{stauts} {path}"},
		"nothing stands between {status} and {path}, so nobody can tell where the one ends; write a blank or a sign between them": {Format: "{status}{path}"},
		"the pattern has no {status}; without one nobody can tell what failed":                                                    {Format: "{path}"},
		"{status} is there twice; write {_} for what does not matter":                                                             {Format: "{status} {status} {path}"},
		"the { at byte 10 is not closed; write {{ for a brace":                                                                    {Format: "{status} {path"},
		`unknown field "pth"; did you mean "path"?`:                                                                               {Format: "json", Fields: map[string]string{"pth": "x"}},
		"fields are names in JSON lines; the format uvicorn has none":                                                             {Format: "uvicorn", Fields: map[string]string{"path": "x"}},
		"field path: write the name that it has in the lines, with dots for objects in objects, such as request.uri":              {Format: "json", Fields: map[string]string{"path": ""}},
	} {
		if _, err := accesslog.New(o); err == nil || err.Error() != name {
			t.Errorf("got  %v\nwant %s", err, name)
		}
	}
}

func TestFieldsOfJSON(t *testing.T) {
	p := parser(t, accesslog.Options{Format: "json", Fields: map[string]string{
		"path": "web.req.uri", "duration_us": "took", "status": "result.code", "method": "how",
	}})
	var l accesslog.Line
	m := p.Parse(`{"how":"GET","path":"/not/this","web":{"req":{"uri":"/orders/17?x"}},"took":1500,"result":{"code":"503"}}`, &l)
	if !m.OK() || l.Method != "GET" || l.Path != "/orders/17" || l.Query != "x" || l.Duration != 1500*time.Microsecond || l.Status != 503 {
		t.Errorf("%v %+v", m, l)
	}
}

// TestLinesThatWereCut: what follows the bytes is not worth a line.
func TestLinesThatWereCut(t *testing.T) {
	line := `203.0.113.7 - - [23/Nov/2026:21:22:02 +0000] "GET /a HTTP/1.1" 200 12 "-" "` + strings.Repeat("x", 10<<20)
	var l accesslog.Line
	m := parser(t, accesslog.Options{Format: accesslog.NginxCombined}).Parse(line[:accesslog.MaxLine], &l)
	if !m.OK() || l.Status != 200 || l.Path != "/a" {
		t.Errorf("%v %+v", m, l.Status)
	}
}

func lines(tb testing.TB, format string) []string {
	text, err := os.ReadFile(filepath.Join("testdata", format+".log"))
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// TestALineCostsNoMemory: of each format's ordinary line.
func TestALineCostsNoMemory(t *testing.T) {
	for _, format := range accesslog.Formats()[1:] {
		p := parser(t, accesslog.Options{Format: format})
		line := lines(t, format)[0]
		if format == accesslog.NginxJSON || format == accesslog.Caddy {
			line = strings.NewReplacer(`\"`, "", `\u00e4`, "").Replace(line)
		}
		var l accesslog.Line
		if allocs := testing.AllocsPerRun(100, func() { p.Parse(line, &l) }); allocs != 0 {
			t.Errorf("%s: %v allocations", format, allocs)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, format := range accesslog.Formats()[1:] {
		b.Run(format, func(b *testing.B) {
			p := parser(b, accesslog.Options{Format: format})
			line := lines(b, format)[0]
			var l accesslog.Line
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				p.Parse(line, &l)
			}
		})
	}
}
