package assert

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/probe"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// ordersBody is what the API of these stories says.
const ordersBody = `{
  "orders": [{"id": 1, "status": "open", "total": 9.5}, {"id": 2, "status": "paid", "total": -1}],
  "empty": [], "ok": true, "name": "shop", "owner": null, "count": 7, "big": 9007199254740993,
  "ratio": 0.25, "ids": [3, 3, 4], "dotted.key": "x", "payload": "{\"n\":1}"
}`

// ordersVars is what earlier steps captured.
func ordersVars() map[string]any { return map[string]any{"token": "t0ken", "id": 2} }

// ordersAnswer is a slow answer over TLS. Its certificate expires in 13 days.
func ordersAnswer() *Answer {
	return NewAnswer(&probe.Response{
		Status:   503,
		Protocol: "HTTP/2.0",
		Headers: http.Header{
			"Content-Type": {"application/json"}, "Etag": {`W/"1"`}, "Vary": {"Accept", "Origin"}, "X-Remaining": {"9"},
		},
		Cookies: []*http.Cookie{{Name: "session", Value: "abc", Secure: false, HttpOnly: true, SameSite: http.SameSiteLaxMode, Path: "/"}},
		Body:    []byte(ordersBody),
		Size:    int64(len(ordersBody)),
		Phases: probe.Phases{
			DNS: 2 * time.Millisecond, Connect: 10 * time.Millisecond, TLS: 40 * time.Millisecond,
			TTFB: 250 * time.Millisecond, Transfer: 10*time.Millisecond + 300*time.Microsecond,
		},
		RemoteAddr: "[::1]:8443",
		TLS: &probe.TLS{
			Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Expires: time.Now().Add(13*24*time.Hour + 4*time.Hour),
			Subject: "CN=orders.example.com", Issuer: "CN=Test CA", DNSNames: []string{"orders.example.com"},
		},
		Redirects: []string{"http://a/", "http://b/"},
	}, ordersVars(), 1)
}

// plainAnswer is an HTML page over plain HTTP.
func plainAnswer() *Answer {
	return NewAnswer(&probe.Response{Status: 200, Protocol: "HTTP/1.1", Body: []byte("<html>ok</html>"), Size: 15}, nil, 2)
}

// golden compares got with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; rewrite with -update, then read the difference):\n%s", file, diff)
	}
}

// expressions reads a file of testdata: one expression per line, # comments.
func expressions(t testing.TB, file string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "# ") {
			lines = append(lines, line)
		}
	}
	return lines
}

func compileTest(t testing.TB, text string) *Program {
	t.Helper()
	p, err := Compile(text, Options{Vars: []string{"token", "id"}})
	if err != nil {
		t.Fatalf("compile %q: %v", text, err)
	}
	return p
}

func TestWhatHoldsAndWhyNot(t *testing.T) {
	for name, answer := range map[string]func() *Answer{"orders": ordersAnswer, "plain": plainAnswer} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out strings.Builder
				a := answer()
				for _, text := range expressions(t, name+".expr") {
					holds, detail := compileTest(t, text).Check(a)
					if holds {
						fmt.Fprintf(&out, "%s\n  holds\n", text)
						continue
					}
					fmt.Fprintf(&out, "%s\n  %s\n", text, detail)
				}
				golden(t, name+".golden", out.String())
			})
		})
	}
}

func TestMistakesAreShownInTheTextAsWritten(t *testing.T) {
	var out strings.Builder
	for _, text := range expressions(t, "mistakes.expr") {
		text = strings.ReplaceAll(text, `\n`, "\n")
		_, err := Compile(text, Options{Vars: []string{"token", "id"}})
		var mistake *Error
		if !errors.As(err, &mistake) {
			t.Errorf("%q: got error %v, want an *Error", text, err)
			continue
		}
		fmt.Fprintf(&out, "%s\n%d: %v\n\n", mistake.Excerpt, mistake.Offset, mistake)
	}
	golden(t, "mistakes.golden", out.String())
}
