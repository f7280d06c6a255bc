package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Files that are small to write and dear to read are refused with a reason.
func TestHostileFilesAreRefused(t *testing.T) {
	const n = 100_000
	var bomb strings.Builder
	bomb.WriteString("x-a0: &a0 {k: v}\n")
	for i := 1; i < 40; i++ {
		fmt.Fprintf(&bomb, "x-a%d: &a%d [*a%d, *a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1, i-1)
	}
	bomb.WriteString("checks: [{name: a, request: {url: \"http://a/\", json: *a39}}]\n")
	var tower strings.Builder
	tower.WriteString("x-a0: &a0 [1]\n")
	for i := 1; i < 200; i++ {
		fmt.Fprintf(&tower, "x-a%d: &a%d [*a%d]\n", i, i, i-1)
	}
	tower.WriteString("checks: [{name: a, request: {url: \"http://a/\", json: *a199}}]\n")
	var merges strings.Builder
	merges.WriteString("x-wide: &wide {")
	for i := range 950 {
		fmt.Fprintf(&merges, "k%d: v, ", i)
	}
	merges.WriteString("z: v}\nx-many:\n" + strings.Repeat("  - <<: *wide\n", 9000))

	for _, test := range []struct{ name, text, want string }{
		{"aliases of aliases", bomb.String(), "configuration has more than 1000000 values; use fewer aliases"},
		{"aliases nested deep", tower.String(), "values are nested deeper than 100 levels"},
		{"merges of a wide mapping", merges.String(), "configuration has more than 1000000 values; use fewer aliases"},
		{"brackets", strings.Repeat("[", n), "values are nested deeper than 100 levels"},
		{"braces", strings.Repeat("{a: ", n), "values are nested deeper than 100 levels"},
		{"dashes", strings.Repeat("- ", n) + "a", "values are nested deeper than 100 levels"},
		{"question marks", strings.Repeat("? ", n) + "a", "values are nested deeper than 100 levels"},
		{"colons", strings.Repeat(": ", n), "values are nested deeper than 100 levels"},
		{"keys", strings.Repeat("a: 1\n", n), "a mapping has more than 1000 keys; write a list instead"},
		{"blocks", strings.Repeat("a: |\n", n), "a mapping has more than 1000 keys; write a list instead"},
		{"anchors", strings.Repeat("&a ", n), "file has more than 10000 anchors, aliases and tags"},
		{"tags", strings.Repeat("!a ", n), "file has more than 10000 anchors, aliases and tags"},
		{"documents", strings.Repeat("---\na: 1\n", n/4), "a second YAML document begins here; keep one document, or use include:"},
		{"commas", "a: [" + strings.Repeat("1,", 2_000_000) + "]", "file holds too many values; split it with include:"},
		{"bytes", strings.Repeat("#", maxFileSize+1), "file is larger than 4MiB; split it with include:"},
		{"UTF-16", "\xff\xfec\x00", "file is written in UTF-16; save the file as UTF-8"},
		{"Latin-1", "a: \xe4\n", "line is not UTF-8 text; save the file as UTF-8"},
		{"a NUL", "a: b\x00\n", "control character U+0000; remove it, or write it as an escape in double quotes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("f", []byte(test.text), nil)
			last := ""
			for _, message := range messages(t, err) {
				if strings.HasSuffix(message, test.want) {
					return
				}
				last = message
			}
			t.Errorf("got %s\nwant %s", last, test.want)
		})
	}
}

func TestLineEndsAndByteOrderMark(t *testing.T) {
	for name, text := range map[string]string{
		"CRLF": "listen: 127.0.0.1:1 # c\r\nchecks:\r\n  - name: a\r\n    url: http://a/\r\n    evry: 1s\r\n",
		"CR":   "listen: 127.0.0.1:1 # c\rchecks:\r  - name: a\r    url: http://a/\r    evry: 1s\r",
		"BOM":  "\ufefflisten: 127.0.0.1:1\nchecks:\n  - name: a\n    url: http://a/\n    evry: 1s\n",
	} {
		_, err := Parse("f", []byte(text), nil)
		if diff := cmp.Diff([]string{`f:5:5: checks[0]: unknown key "evry"; did you mean "every"?`}, messages(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Five thousand checks are an ordinary file.
func TestManyChecksLoad(t *testing.T) {
	loaded, err := Parse("f", []byte(manyChecks(5000)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(loaded.File.Checks); got != 5000 {
		t.Errorf("%d checks", got)
	}
}

func manyChecks(n int) string {
	var b strings.Builder
	b.WriteString("checks:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - name: check-%d\n    url: http://127.0.0.1:8000/c/%d\n    every: 10s\n    timeout: 2s\n    assert: [status == 200, latency < 300ms]\n", i, i)
	}
	return b.String()
}

func BenchmarkParse(b *testing.B) {
	data := []byte(manyChecks(1000))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("f", data, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzLoad: whatever the bytes are, there is a configuration or an *Errors with
// places inside the file, and what is in force can be shown.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/*.good.yaml", "testdata/*.bad.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		loaded, err := Parse("f", data, environment)
		if err == nil {
			if _, err := loaded.YAML(); err != nil {
				t.Errorf("cannot be shown: %v", err)
			}
			loaded.Effective()
			return
		}
		lines := strings.Count(strings.ReplaceAll(string(data), "\r", "\n"), "\n") + 2
		var errs *Errors
		if !errors.As(err, &errs) {
			t.Fatalf("got %T %v, want *Errors", err, err)
		}
		for _, message := range errs.All {
			if message.Line < 0 || message.Line > lines || message.Column < 0 || message.Message == "" {
				t.Errorf("impossible place: %+v", message)
			}
		}
	})
}
