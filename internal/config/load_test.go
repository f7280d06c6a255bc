package config

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// folder writes files, by path, and returns their folder.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		write(t, filepath.Join(dir, name), files[name])
	}
	return dir
}

// loadIn loads lapwing.yaml of a folder from within it, as people do.
func loadIn(t *testing.T, files map[string]string) (*Loaded, error) {
	t.Helper()
	t.Chdir(folder(t, files))
	return Load("lapwing.yaml", environment)
}

func TestIncludedListsAreJoined(t *testing.T) {
	loaded, err := loadIn(t, map[string]string{
		"lapwing.yaml":      "include: [apis.yaml, checks/*.yaml]\nchecks:\n  - {name: front, url: \"http://a/\"}\n",
		"apis.yaml":         "apis:\n  - {name: orders, url: \"http://a/\"}\n",
		"checks/auth.yaml":  "checks:\n  - {name: auth, url: \"http://b/\"}\n",
		"checks/shop.yaml":  "include: [shop/*.yaml]\nhistory: {results: 7d}\n",
		"checks/shop/a.yml": "not: read",
		"checks/shop/b.yaml": "x-base: &base {api: orders}\nchecks:\n  - {name: list, url: /orders, <<: *base}\n" +
			"  - {name: item, url: /orders/1, <<: *base}\n",
		"checks/empty.yaml": "# nothing yet\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, check := range loaded.File.Checks {
		names = append(names, check.Name)
	}
	if diff := cmp.Diff([]string{"front", "auth", "list", "item"}, names); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	if got := loaded.File.History.Results.String(); got != "7d" {
		t.Errorf("history.results of an included file = %s", got)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative := func(paths []string) []string {
		var short []string
		for _, path := range paths {
			rel, err := filepath.Rel(dir, path)
			if err != nil || !filepath.IsAbs(path) {
				t.Errorf("%s is not an absolute path below %s", path, dir)
			}
			short = append(short, rel)
		}
		return short
	}
	want := []string{"apis.yaml", "checks/auth.yaml", "checks/empty.yaml", "checks/shop.yaml", "checks/shop/b.yaml", "lapwing.yaml"}
	if diff := cmp.Diff(want, relative(slices.Sorted(maps.Keys(loaded.Seen.files)))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"checks/*.yaml", "checks/shop/*.yaml"}, relative(slices.Sorted(maps.Keys(loaded.Seen.patterns)))); diff != "" {
		t.Errorf("patterns (-want +got):\n%s", diff)
	}
	file, line, column := loaded.Position("checks[3].url")
	if file != "checks/shop/b.yaml" || line != 4 || column != 23 {
		t.Errorf("checks[3].url is at %s:%d:%d, want checks/shop/b.yaml:4:23", file, line, column)
	}
}

func TestIncludeMistakes(t *testing.T) {
	const check = "checks: [{name: a, url: \"http://a/\"}]\n"
	deep := map[string]string{"lapwing.yaml": "include: [f00.yaml]\n" + check}
	for i := range 12 {
		deep["f"+two(i)+".yaml"] = "include: [f" + two(i+1) + ".yaml]\n"
	}
	deep["f12.yaml"] = ""
	for _, test := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{
			"a file that is not there",
			map[string]string{"lapwing.yaml": "include: [more.yaml]\n" + check},
			[]string{"lapwing.yaml:1:11: include[0]: file more.yaml: no such file"},
		},
		{
			"a folder instead of files",
			map[string]string{"lapwing.yaml": "include: [more]\n" + check, "more/a.yaml": ""},
			[]string{"lapwing.yaml:1:11: include[0]: file more: is a folder; name the file in it"},
		},
		{
			"a pattern in a folder that is not there",
			map[string]string{"lapwing.yaml": "include: [chekcs/*.yaml]\n" + check},
			[]string{"lapwing.yaml:1:11: include[0]: there is no folder chekcs"},
		},
		{
			"a pattern that is none",
			map[string]string{"lapwing.yaml": "include: [\"[a.yaml\"]\n" + check},
			[]string{`lapwing.yaml:1:11: include[0]: "[a.yaml" is not a pattern; patterns may hold *, ? and [a-z]`},
		},
		{
			"a section twice",
			map[string]string{"lapwing.yaml": "include: [more.yaml]\nhistory: {results: 1d}\n" + check, "more.yaml": "history: {hourly: 2d}\n"},
			[]string{"more.yaml:1:1: history: given twice; the first is at lapwing.yaml:2:1; keep one of them"},
		},
		{
			"a circle",
			map[string]string{"lapwing.yaml": "include: [a.yaml]\n" + check, "a.yaml": "include: [b.yaml]\n", "b.yaml": "include: [a.yaml]\n"},
			[]string{"b.yaml:1:11: include[0]: files include each other: a.yaml → b.yaml → a.yaml"},
		},
		{
			"the same file twice",
			map[string]string{"lapwing.yaml": "include: [a.yaml, \"?.yaml\"]\n" + check, "a.yaml": ""},
			[]string{"lapwing.yaml:1:19: include[1]: file a.yaml is included twice; name it once"},
		},
		{
			"too deep",
			deep,
			[]string{"f09.yaml:1:11: include[0]: files include files deeper than 10 levels"},
		},
		{
			"mistakes in two files",
			map[string]string{"lapwing.yaml": "include: [sub/a.yaml]\nchecks: [{name: a, url: \"http://a/\", every: x}]\n", "sub/a.yaml": "checks: [{name: A, url: \"http://a/\", evry: 1s}]\ncolour: red\n"},
			[]string{
				`lapwing.yaml:2:45: checks[0].every: "x" is not a duration; write a number and a unit, such as 300ms, 30s, 5m, 1h30m or 14d`,
				`sub/a.yaml:1:17: checks[1].name: names "A" and "a" (checks[0]) are both "a" in URLs; make them differ in a letter or digit`,
				`sub/a.yaml:1:38: checks[1]: unknown key "evry"; did you mean "every"?`,
				`sub/a.yaml:2:1: unknown key "colour"; keys here are include, listen, data, apis, checks, heartbeats, limits, tiers, limiter, redis, gateway, blocks, traffic, access_log, ingest, metrics, rules, scrape_configs, remote_write, alerting, global, receivers, route, inhibit_rules, time_intervals, mute_time_intervals, templates, history, access, status_page`,
			},
		},
		{
			"no YAML in an included file",
			map[string]string{"lapwing.yaml": "include: [a.yaml]\n", "a.yaml": "checks: [\n"},
			[]string{"a.yaml:1:9: the list that begins with [ is not closed; put ] at its end"},
		},
		{
			"an entry that is no text",
			map[string]string{"lapwing.yaml": "include: [a.yaml]\n" + check, "a.yaml": "include: [[b.yaml]]\n"},
			[]string{"a.yaml:1:11: include[0]: want a text, got a list"},
		},
		{
			"a text instead of a list",
			map[string]string{"lapwing.yaml": "include: a.yaml\n" + check},
			[]string{`lapwing.yaml:1:10: include: want a list, got the text "a.yaml"; write [a.yaml]`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := loadIn(t, test.files)
			if diff := cmp.Diff(test.want, messages(t, err)); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

func two(n int) string { return string([]byte{'0' + byte(n/10), '0' + byte(n%10)}) }

func TestMainFileMistakes(t *testing.T) {
	dir := folder(t, map[string]string{"big.yaml": "# " + strings.Repeat("x", maxFileSize)})
	for name, want := range map[string]string{
		"none.yaml": "no such file",
		".":         "is a folder; name the file in it",
		"big.yaml":  "file is larger than 4MiB; split it with include:",
	} {
		path := filepath.Join(dir, name)
		_, err := Load(path, nil)
		if diff := cmp.Diff([]string{path + ": " + want}, messages(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTextOfFilesIsFilledIn(t *testing.T) {
	loaded, err := loadIn(t, map[string]string{
		"lapwing.yaml":     "include: [sub/a.yaml]\nchecks:\n  - {name: a, request: {url: \"http://a/\", auth: {bearer: \"${file:secrets/token}\"}}}\n",
		"secrets/token":    "tok-1234\n",
		"sub/a.yaml":       "checks:\n  - {name: b, request: {url: \"http://a/\", auth: {bearer: \"${file: own }\"}}}\n",
		"sub/own":          "own-1234\r\n",
		"secrets/not-used": "",
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"tok-1234", "own-1234"} {
		check := loaded.File.Checks[i]
		if got := check.Request.Auth.Bearer.Reveal(); got != want {
			t.Errorf("bearer of %s = %q, want %q", check.Name, got, want)
		}
		if diff := cmp.Diff([]string{want}, check.Sensitive); diff != "" {
			t.Errorf("sensitive of %s (-want +got):\n%s", check.Name, diff)
		}
	}
}

func TestFilesThatCannotBeFilledIn(t *testing.T) {
	files := map[string]string{
		"big":    strings.Repeat("x", maxSecretSize+1),
		"binary": "\xff\xfe\x00",
		"dir/x":  "",
	}
	for name, want := range map[string]string{
		"none":   "file none: no such file",
		"dir":    "dir is not a regular file",
		"big":    "file big is larger than 1MiB",
		"binary": "file binary is not a UTF-8 text of at most 1MiB",
		"":       "${file:} names no file",
	} {
		files["lapwing.yaml"] = "checks:\n  - {name: a, request: {url: \"http://a/\", body: \"${file:" + name + "}\"}}\n"
		_, err := loadIn(t, files)
		if diff := cmp.Diff([]string{"lapwing.yaml:2:49: checks[0].request.body: " + want}, messages(t, err)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
}

func TestSensitiveValuesOfACheck(t *testing.T) {
	text := `
apis:
  - {name: plain, url: "${URL}"}
  - {name: hidden, url: "https://api.example.com/${PATH_KEY}"}
checks:
  - {name: a, api: plain, url: "/x?key=${KEY}", labels: {stage: "${UNSET:-test}"}}
  - {name: b, api: hidden, url: /y}
  - {name: c, url: "http://c/"}
`
	env := map[string]string{"URL": "http://127.0.0.1:8000", "PATH_KEY": "p4th", "KEY": "k3y!"}
	loaded, err := Parse("lapwing.yaml", []byte(text), func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, check := range loaded.File.Checks {
		got[check.Name] = check.Sensitive
	}
	want := map[string][]string{"a": {"k3y!"}, "b": {"p4th"}, "c": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sensitive (-want +got):\n%s", diff)
	}
}

// A value from the environment that looks like a template passes through the
// prober's templates unchanged; elsewhere it is as it is.
func TestFilledInValuesAreNotTemplates(t *testing.T) {
	env := func(string) (string, bool) { return "a${b}c", true }
	loaded, err := Parse("lapwing.yaml", []byte(`
checks:
  - name: a
    labels: {l: "${X}", literal: "$${X}"}
    request: {url: "http://a/", body: "${X} $${X}", tls: {server_name: "${X}"}}
`), env)
	if err != nil {
		t.Fatal(err)
	}
	check := loaded.File.Checks[0]
	got := []string{check.Labels["l"], check.Labels["literal"], check.Request.Body, check.Request.TLS.ServerName}
	if diff := cmp.Diff([]string{"a${b}c", "${X}", "a$${b}c $${X}", "a${b}c"}, got); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
}

func TestErrorsPrintExcerpts(t *testing.T) {
	_, err := Parse("lapwing.yaml", []byte("checks:\n  - name: ä\n    url: http://a/\n    assert: [ 'body == \"ü\" and stauts == 200' ]\n"), nil)
	want := "lapwing.yaml:4:32: checks[0].assert[0]: unknown name \"stauts\"; did you mean \"status\"?\n" +
		"    4 |     assert: [ 'body == \"ü\" and stauts == 200' ]\n" +
		"      |                                ^^^^^^"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	var errs *Errors
	if !errors.As(err, &errs) || len(errs.All) != 1 || errs.All[0].Path != "checks[0].assert[0]" {
		t.Errorf("got %#v", err)
	}
}

func TestManyMistakesAreCounted(t *testing.T) {
	var b strings.Builder
	b.WriteString("checks:\n")
	for range maxErrors + 5 {
		b.WriteString("  - {named: a, url: \"http://a/\"}\n")
	}
	_, err := Parse("lapwing.yaml", []byte(b.String()), nil)
	var errs *Errors
	if !errors.As(err, &errs) || len(errs.All) != maxErrors || errs.More != 5 || !strings.HasSuffix(err.Error(), "\nand 5 more") {
		t.Errorf("got %v", err)
	}
}

func TestColonsInPlainTextsOfLists(t *testing.T) {
	loaded, err := Parse("lapwing.yaml", []byte(`apis:
  - {name: a, url: http://127.0.0.1:8000}
checks:
  - {name: one, url: http://127.0.0.1:8000, depends_on: [b:c:d]}
  - {name: "b:c:d", url: http://127.0.0.1:8000}
gateway:
  trusted_proxies: [fd00::/8, 2001:db8::1]
  routes:
    - {api: a, upstreams: {default: [http://127.0.0.1:8000, url: http://127.0.0.1:8001]}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &loaded.File
	if got := f.Checks[0].DependsOn; len(got) != 1 || got[0] != "b:c:d" {
		t.Errorf("depends on %q", got)
	}
	if got := f.Gateway.TrustedProxies; len(got) != 2 || got[1].Prefix().String() != "2001:db8::1/128" {
		t.Errorf("trusts %v", got)
	}
	servers := f.Gateway.Routes[0].Upstreams["default"]
	if len(servers) != 2 || servers[0].URL != "http://127.0.0.1:8000" || servers[1].URL != "http://127.0.0.1:8001" {
		t.Errorf("servers %+v", servers)
	}
}
