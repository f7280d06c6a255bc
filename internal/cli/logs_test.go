package cli

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tryLog is what `lapwing logs test-parser` says of a text.
func tryLog(t *testing.T, text string, args ...string) (string, int) {
	t.Helper()
	var out, err bytes.Buffer
	status := Main(t.Context(), append([]string{"logs", "test-parser", "-"}, args...), strings.NewReader(text), &out, &err)
	return out.String() + err.String(), status
}

func TestAFormatIsTriedOut(t *testing.T) {
	const text = `203.0.113.7 - - [23/Nov/2026:21:22:02 +0000] "GET /orders/17?token=secret HTTP/1.1" 200 612 "-" "curl/8.5.0"
203.0.113.7 - ann [23/Nov/2026:21:22:03 +0000] "POST /orders HTTP/1.1" 201 12 "-" "curl/8.5.0" 0.125
203.0.113.9 - - [23/Nov/2026:21:22:05 +0000] "\x16\x03\x01" 400 157 "-" "-"
203.0.113.9 - - [23/Nov/2026:21:22:05 +0000] "GET / HTTP/1.1" 20 157 "-" "-"
`
	got, status := tryLog(t, text)
	want := `TIME                      CLIENT       REQUEST                            STATUS  BYTES  TOOK   HOST  USER
2026-11-23 21:22:02.000Z  203.0.113.7  GET /orders/17?token=[redacted]    200     612    -      -     -
2026-11-23 21:22:02.875Z  203.0.113.7  POST /orders                       201     12     125ms  -     ann
2026-11-23 21:22:05.000Z  203.0.113.9  (no HTTP)                          400     157    -      -     -

Format: nginx-combined. 3 of 4 lines (75.0%) are of it, from 2026-11-23T21:22:02Z to 2026-11-23T21:22:05Z.

line 4, byte 63: expected a status, three digits
  …3.0.113.9 - - [23/Nov/2026:21:22:05 +0000] "GET / HTTP/1.1" 20 157 "-" "-"
                                                               ^
`
	if diff := cmp.Diff(squeeze(want), squeeze(got)); diff != "" || status != ExitOK {
		t.Errorf("status %d (-want +got):\n%s", status, diff)
	}
}

// squeeze leaves one blank of several in the lines of a table.
func squeeze(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasSuffix(line, "^") {
			lines[i] = strings.Join(strings.Fields(line), " ")
		}
	}
	return strings.Join(lines, "\n")
}

func TestAFormatThatFitsNothing(t *testing.T) {
	got, status := tryLog(t, "one\ntwo\x1b[31m\n\nthree\n", "--format", "uvicorn", "--lines", "2")
	if status != ExitFailed || strings.Contains(got, "\x1b") || strings.Count(got, "expected") != 2 || !strings.Contains(got, "1 line more are not") || !strings.Contains(got, "no line is of the format") {
		t.Errorf("status %d:\n%s", status, got)
	}
}

func TestFormatsThatCannotBeTried(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--format=nginx-combine"}, `did you mean "nginx-combined"?`},
		{[]string{"--format={status}"}, "the pattern has no {path}"},
		{[]string{"--format=json", "--field=pth=x"}, `did you mean "path"?`},
		{[]string{"--format=uvicorn", "--field=path=x", "--all"}, "fields are names in JSON lines"},
		{[]string{"--nonsense"}, "unknown flag"},
	} {
		if got, status := tryLog(t, "x\n", tt.args...); status != ExitUsage || !strings.Contains(got, tt.want) {
			t.Errorf("%s: status %d: %s", tt.args, status, got)
		}
	}
}

func TestACompressedLogAndALongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log.2.gz")
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(strings.Repeat("x", 10<<20) + "\n" + `{"method":"GET","path":"/a","status":200,"duration_ms":3}`))
	if err := errors.Join(err, w.Close(), os.WriteFile(path, packed.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	var out, stderr bytes.Buffer
	status := Main(t.Context(), []string{"logs", "test-parser", path}, strings.NewReader(""), &out, &stderr)
	if status != ExitOK || !strings.Contains(out.String(), "Format: json. 1 of 2 lines") || len(out.String()) > 2000 || !strings.Contains(out.String(), "No line has a time") {
		t.Errorf("status %d: %s%s", status, out.String(), stderr.String())
	}
}
