package problem_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/web/problem"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestProblems holds what clients see to testdata/*.golden: status, headers and body.
func TestProblems(t *testing.T) {
	tests := []struct {
		name string
		err  error
	}{
		{"invalid", fault.Invalid(`limit "x": want a number from 1 to 1000`)},
		{"not-found", fmt.Errorf("read the check: %w", fault.NotFound("there is no check %q", "nowhere"))},
		{"conflict", fault.Conflict("the check is paused by the configuration")},
		{"forbidden", fault.Forbidden("this needs the scope write")},
		{"finer-code", &fault.Error{Kind: fault.KindForbidden, Code: "host_not_allowed", Message: "the host must be localhost"}},
		{"unauthentic", fault.Unauthentic("log in")},
		{"throttled", &fault.Error{Kind: fault.KindUnavailable, Code: "throttled", Message: "too many failed logins; try again in 20 s", RetryAfter: 19500 * time.Millisecond}},
		{"unavailable", fault.Unavailable("the document is not loaded yet")},
		{"storage-full", fmt.Errorf("add a token: %w (on the file system of /var/lib/lapwing): 13", &fault.Error{
			Kind: fault.KindUnavailable, Code: "storage_full", Message: "the disk that keeps the data is full: nothing was stored", Err: errors.New("full"),
		})},
		{"undocumented-code", &fault.Error{Kind: fault.KindConflict, Code: "brand_new", Message: "something new"}},
		{"too-large", fmt.Errorf("read the body: %w", &http.MaxBytesError{Limit: 1 << 20})},
		{"method", &problem.MethodError{Method: "PATCH" + strings.Repeat("x", 100), Allow: "GET, HEAD"}},
		{"timeout", fmt.Errorf("run: %w", context.DeadlineExceeded)},
		{"internal", errors.New("open /var/lib/secret: permission denied")},
		{"configuration", problem.Mistakes{
			{
				File: "lapwing.yaml", Line: 14, Column: 9, Path: "checks[2].assert[0]", Message: `unknown name "stauts"`, Hint: `did you mean "status"?`,
				Excerpt: "14 |     - stauts == 200\n   |       ^",
			},
			{File: "more/orders.yaml", Line: 3, Column: 1, Path: "checks", Message: "want a list, got a text"},
		}},
		{"hostile", fault.NotFound("there is no check %q", "</script><script>alert(1)\x00\xff")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(
				problem.WithRequestID(t.Context(), "7d444840-9dc0-41d1-b245-5ffdce74fad2"), "GET", "/api/v1/checks", nil)
			problem.Writer{Log: slog.New(slog.DiscardHandler)}.Write(w, r, test.err)

			var got bytes.Buffer
			response := w.Result()
			defer response.Body.Close()
			fmt.Fprintln(&got, response.Status)
			if err := response.Header.Write(&got); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			if err := json.Indent(&got, w.Body.Bytes(), "", "  "); err != nil {
				t.Fatalf("the body is not JSON: %v\n%s", err, w.Body)
			}
			golden(t, test.name, bytes.ReplaceAll(got.Bytes(), []byte("\r\n"), []byte("\n")))
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestOnlyOurOwnErrorsAreLogged(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"a defect, once", errors.New("no such table"), 1},
		{"a mistake of the caller", fault.Invalid("no"), 0},
		{"something that is not ready", fault.Unavailable("no document yet"), 0},
		{"a full disk", &fault.Error{Kind: fault.KindUnavailable, Code: "storage_full", Message: "full"}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var log bytes.Buffer
			writer := problem.Writer{Log: slog.New(slog.NewTextHandler(&log, nil))}
			r := httptest.NewRequestWithContext(problem.WithRequestID(t.Context(), "the-id"), "GET", "/x", nil)
			writer.Write(httptest.NewRecorder(), r, test.err)
			if got := strings.Count(log.String(), "request=the-id"); got != test.want {
				t.Errorf("logged %d times, want %d:\n%s", got, test.want, log.String())
			}
		})
	}
}

func TestNobodyIsAnsweredWhoHasGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var log bytes.Buffer
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, "GET", "/x", nil)
	problem.Writer{Log: slog.New(slog.NewTextHandler(&log, nil))}.Write(w, r, fmt.Errorf("read: %w", context.Canceled))
	if w.Body.Len()+log.Len() > 0 {
		t.Errorf("answered %q, logged %q", w.Body, log.String())
	}
}

func TestEveryKindHasACode(t *testing.T) {
	for _, kind := range []fault.Kind{
		fault.KindInvalid, fault.KindNotFound, fault.KindConflict, fault.KindForbidden, fault.KindUnauthentic, fault.KindUnavailable,
	} {
		code, ok := problem.Find(string(kind))
		if !ok || code.Status < 400 {
			t.Errorf("kind %s: code %+v", kind, code)
		}
	}
}

func TestEveryCodeIsDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, code := range problem.Codes() {
		if seen[code.Code] {
			t.Errorf("code %s is listed twice", code.Code)
		}
		seen[code.Code] = true
		if http.StatusText(code.Status) == "" || code.Title == "" || code.Help == "" {
			t.Errorf("code %s lacks its status, title or help: %+v", code.Code, code)
		}
		if text := code.Text(); !strings.Contains(text, code.Code) || !strings.HasSuffix(text, "\n") {
			t.Errorf("text of %s:\n%s", code.Code, text)
		}
	}
}
