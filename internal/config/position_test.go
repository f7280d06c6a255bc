package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/fault"
)

const positions = `x-base: &base
  timeout: 5s
listen: 127.0.0.1:7480
checks:
  - name: front
    <<: *base
    request:
      url: http://a/
      headers:
        X.Dotted: a
        X.Dotted.More: b
    assert:
      - status == 200
      - 'body == "it''s"'
      - "body == \"x\" and latency < 1s"
      - |
        status == 200
          and latency < 1s
      - >-
        status == 200
        and latency < 1s
      - {expr: 'json.v == "${PASSWORD}" and status == 200'}
history:
  results: 7d
`

func loadPositions(t *testing.T) *Loaded {
	t.Helper()
	loaded, err := Parse("lapwing.yaml", []byte(positions), environment)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func TestPosition(t *testing.T) {
	loaded := loadPositions(t)
	for path, want := range map[string]string{
		"":                                   "1:1",
		"listen":                             "3:9",
		"data":                               "1:1", // not in the file
		"checks":                             "4:1", // the key of a section
		"checks[0]":                          "5:5",
		"checks[0].name":                     "5:11",
		"checks[0].timeout":                  "2:12", // where the anchor is
		"checks[0].retries.max":              "5:5",  // nearest section
		"checks[0].request.headers.X.Dotted": "10:19",
		"checks[0].request.headers.X.Dotted.More": "11:24",
		"checks[0].request.headers.None":          "9:7",
		"checks[0].assert[5].expr":                "22:16",
		"checks[0].assert[0].expr":                "13:9", // the short form
		"checks[9].name":                          "4:1",
		"history.hourly":                          "23:1",
		"nonsense[":                               "1:1",
	} {
		file, line, column := loaded.Position(path)
		if got := fmt.Sprintf("%d:%d", line, column); got != want || file != "lapwing.yaml" {
			t.Errorf("%q is at %s:%s, want %s", path, file, got, want)
		}
	}
}

func TestProblemsPointIntoTheText(t *testing.T) {
	loaded := loadPositions(t)
	for _, test := range []struct {
		name, path, text string // the problem is about text
		decoded          string // the scalar as the domain sees it
		want             string
	}{
		{"plain", "checks[0].assert[0]", "200", "status == 200", "13:19"},
		{"single quotes", "checks[0].assert[1]", `s"`, `body == "it's"`, "14:23"},
		{"double quotes", "checks[0].assert[2]", "latency", `body == "x" and latency < 1s`, "15:28"},
		{"block", "checks[0].assert[3]", "latency", "status == 200\n  and latency < 1s\n", "18:15"},
		{"folded: only the beginning is known", "checks[0].assert[4]", "latency", "status == 200 and latency < 1s", "19:9"},
		{"after a filled-in value", "checks[0].assert[5].expr", "status", `json.v == "s3cret-value" and status == 200`, "22:45"},
		{"inside a filled-in value", "checks[0].assert[5].expr", "cret", `json.v == "s3cret-value" and status == 200`, "22:28"},
	} {
		t.Run(test.name, func(t *testing.T) {
			errs := loaded.Problems(fault.Problems{{Path: test.path, Offset: strings.Index(test.decoded, test.text), Message: "wrong: " + test.decoded, Excerpt: test.decoded + "\n^^^"}})
			e := errs.All[0]
			if got := fmt.Sprintf("%d:%d", e.Line, e.Column); got != test.want {
				t.Errorf("at %s, want %s\n%s", got, test.want, e.Excerpt)
			}
			if strings.Contains(errs.Error(), "s3cret-value") {
				t.Errorf("the message shows a secret:\n%s", errs)
			}
		})
	}
}

func TestNoProblemsIsNil(t *testing.T) {
	if errs := loadPositions(t).Problems(nil); errs != nil {
		t.Errorf("got %v", errs)
	}
}

func TestExcerptsHideLiteralSecrets(t *testing.T) {
	for _, test := range []struct{ name, line, about, want string }{
		{"before the mistake", `auth: {password: hunter2, usr: x}`, "usr", `auth: {password: [redacted], usr: x}`},
		{"after the mistake", `auth: {usr: x, password: "hunter 2"}`, "usr", `auth: {usr: x, password: [redacted]}`},
		{"a reference stays", `auth: {usr: x, password: "${PW}"}`, "usr", `auth: {usr: x, password: "${PW}"}`},
		{"a header", `headers: {X-Api-Key: abc, usr: x}`, "usr", `headers: {X-Api-Key: [redacted], usr: x}`},
		{"a capture stays", `capture: {token: json.access_token, usr: x}`, "usr", `capture: {token: json.access_token, usr: x}`},
		{"a URL's password", `{url: "https://u:hunter2@h/?n=https%3A%2F%2Fu%3Ahunter3%40h&api_key=hunter4&q=1", usr: x}`, "usr", `{url: "https://[redacted]@h/?n=https%3A%2F%2F[redacted]%40h&api_key=[redacted]&q=1", usr: x}`},
		{"a long line is cut", strings.Repeat("a", 300) + " usr " + strings.Repeat("b", 300), "usr", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			src := &source{text: test.line}
			lines := strings.Split(src.excerpt(1, strings.Index(test.line, test.about)+1, len(test.about)), "\n")
			if test.want != "" {
				if diff := cmp.Diff("    1 | "+test.want, lines[0]); diff != "" {
					t.Errorf("line (-want +got):\n%s", diff)
				}
			}
			at := strings.Index(lines[1], "^")
			if under := []rune(lines[0])[at : at+len(test.about)]; string(under) != test.about {
				t.Errorf("the caret is under %q:\n%s", string(under), strings.Join(lines, "\n"))
			}
		})
	}
}
