package rules_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/rules"
)

func newManager(t testing.TB) *rules.Manager {
	t.Helper()
	db := openDB(t, t.TempDir())
	t.Cleanup(func() { db.close(t) })
	return rules.New(rules.Deps{DB: db, Log: slog.New(slog.DiscardHandler)})
}

func TestMistakesAreToldWithTheirLine(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"expression", "groups:\n- name: a\n  rules:\n  - record: x\n    expr: sum(\n", `rules[0]: a.yaml:5:11: group "a", rule 1, "x": could not parse expression: 1:5: parse error: unclosed left parenthesis`},
		{"unknown key", "groups:\n- name: a\n  rules:\n  - record: x\n    exprs: 1\n    expr: 1\n", `rules[0]: a.yaml:5: field exprs not found`},
		{"no YAML", "groups: [\n", `rules[0]: a.yaml:1: did not find expected node content`},
		{"no name", "groups:\n- rules: []\n", `rules[0]: a.yaml:2: Groupname must not be empty`},
		{"twice", "groups:\n- name: a\n  rules: []\n- name: a\n  rules: []\n", `rules[0]: a.yaml:4: groupname: "a" is repeated in the same file`},
		{"template", "groups:\n- name: a\n  rules:\n  - alert: X\n    expr: up\n    annotations: {summary: '{{ nope }}'}\n", `rules[0]: a.yaml:4: group "a", rule 1, "X": annotation "summary": template: __alert_X:1: function "nope" not defined`},
		{"interval", "groups:\n- name: a\n  interval: 10ms\n  rules: []\n", `rules[0]: a.yaml: group "a": the interval 10ms is too short; the smallest is 1s`},
		{"duration", "groups:\n- name: a\n  interval: 1 m\n  rules:\n  - alert: X\n    expr: up\n    for: 10 minutes\n", `rules[0]: a.yaml:3:13: interval: "1 m" is not a duration; write a number and a unit, such as 30s, 10m or 1h30m
rules[0]: a.yaml:7:10: for: "10 minutes" is not a duration`},
		{"number for a duration", "groups:\n- name: a\n  rules:\n  - alert: X\n    expr: up\n    keep_firing_for: 10\n", `rules[0]: a.yaml:6:22: keep_firing_for: "10" is not a duration`},
		{"cost", "groups:\n- name: a\n  rules:\n  - record: x\n    expr: max_over_time(up[9y:1ms])\n", `at most 2000000 are taken: give it a larger step or a shorter range`},
		{"both", "groups:\n- name: a\n  rules:\n  - record: x\n    alert: y\n    expr: up\n", `only one of 'record' and 'alert' must be set`},
		{"not rules", "- 1\n", `rules[0]: a.yaml:1: cannot unmarshal !!seq`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "a.yaml", tt.text)
			_, err := newManager(t).Prepare(config(dir))
			if _, ok := errors.AsType[fault.Problems](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", "groups:\n- name: a\n  rules:\n  - {record: x, expr: 1 +}\n  - {record: y, expr: )}\n")
	write(t, dir, "b.yaml", "groups: 1\n")
	if err := os.Mkdir(filepath.Join(dir, "c.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := newManager(t).Prepare(config(dir, "*.yaml", "missing.yaml", "none/*.yaml", "[.yaml"))
	want := `rules[0]: a.yaml:4:23: group "a", rule 1, "x": could not parse expression: 1:4: parse error: unexpected end of input
rules[0]: a.yaml:5:23: group "a", rule 2, "y": could not parse expression: 1:2: parse error: unexpected right parenthesis ')'
rules[0]: b.yaml:1: cannot unmarshal !!int ` + "`1`" + `
rules[0]: c.yaml is no file; name files, or a pattern such as rules/*.yaml
rules[1]: there is no file "missing.yaml"; paths are relative to the configuration file
rules[3]: "[.yaml" is no pattern; * stands for any part of a name, as in rules/*.yaml`
	if err == nil {
		t.Fatal("no mistake was told")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

func TestFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "large.yaml", "#"+strings.Repeat(" ", 5<<20))
	var many strings.Builder
	many.WriteString("groups:\n- name: many\n  rules:\n")
	for i := range 20_001 {
		fmt.Fprintf(&many, "  - {record: r%d, expr: '1'}\n", i)
	}
	write(t, dir, "many.yaml", many.String())
	m := newManager(t)
	for file, want := range map[string]string{"large.yaml": "has 5242881 bytes; at most 4194304 are read", "many.yaml": "there are 20001 rules; at most 20000 are evaluated"} {
		if _, err := m.Prepare(config(dir, file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", file, err, want)
		}
	}
}

// Whatever a file holds, it is rules or mistakes.
func FuzzRuleFile(f *testing.F) {
	f.Add(errorRate)
	f.Add("groups: [{name: a, interval: 1s, limit: 3, query_offset: 1m, rules: [{alert: A, expr: up, for: 1m, keep_firing_for: 2m}]}]")
	f.Add("groups:\n- name: a\n  rules:\n  - record: x\n    expr: sum(\n")
	f.Add("a: &a [*a, *a]\n")
	m := rules.New(rules.Deps{Log: slog.New(slog.DiscardHandler)}) // without a store, whose work is not the same each time
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		write(t, dir, "a.yaml", text)
		commit, err := m.Prepare(metrics.Config{Rules: []string{"a.yaml"}, Dir: dir})
		if (commit == nil) == (err == nil) {
			t.Errorf("commit %t, error %v", commit != nil, err)
		}
		if err == nil {
			return
		}
		problems, ok := errors.AsType[fault.Problems](err)
		if !ok || len(problems) == 0 {
			t.Errorf("no problems, but %v", err)
		}
	})
}
