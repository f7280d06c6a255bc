package ui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/alerting"
)

func TestMatchersAreReadAsAlertmanagerWritesThem(t *testing.T) {
	eq := func(name, value string) alerting.Matcher { return alerting.Matcher{Name: name, Op: "=", Value: value} }
	for _, test := range []struct {
		text string
		want []alerting.Matcher
		err  string
	}{
		{"", nil, ""},
		{`api="orders"`, []alerting.Matcher{eq("api", "orders")}, ""},
		{"api=orders severity=critical", []alerting.Matcher{eq("api", "orders"), eq("severity", "critical")}, ""},
		{`{api="orders", severity="critical"}`, []alerting.Matcher{eq("api", "orders"), eq("severity", "critical")}, ""},
		{"operation=\"GET /orders/{id}\"\n\n team = \"a \\\"b\\\"\"", []alerting.Matcher{eq("operation", "GET /orders/{id}"), eq("team", `a "b"`)}, ""},
		{`"http.route"="/x"`, []alerting.Matcher{eq("http.route", "/x")}, ""},
		{`a=~"b|c" d!~"e.*" f!="" g=`, []alerting.Matcher{{Name: "a", Op: "=~", Value: "b|c"}, {Name: "d", Op: "!~", Value: "e.*"}, {Name: "f", Op: "!=", Value: ""}, eq("g", "")}, ""},
		{"orders", nil, `"orders" is not a matcher; write name="value", with = != =~ or !~`},
		{`api="x`, nil, `"\"x" is not a matcher`},
		{`api=~"("`, nil, `"(" is not a regular expression`},
		{`a=~"` + strings.Repeat("x", 600) + `"`, nil, "is longer than 512 bytes"},
		{strings.Repeat("a=b,", 31), nil, "more than 30 matchers"},
		{strings.Repeat(" ", 9000), nil, "more than 8192 bytes"},
	} {
		got, err := parseMatchers(test.text)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%.40q: error %v, want %q", test.text, err, test.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q: %s", test.text, diff)
		}
	}
}

// What is read is written so that it is read as the same again, and matches
// nothing else than before.
func FuzzMatchers(f *testing.F) {
	for _, seed := range []string{`api="orders"`, `{a=~"b|c", "d.e"!="f"}`, "a=b\nc!~d", `a="\xff"`, `"\""="x"`, "=", `a="b`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseMatchers(text)
		if err != nil {
			return
		}
		if _, err := matching([]alerting.View{{Labels: map[string]string{"a": "b"}}}, list); err != nil {
			t.Fatalf("%q was read, but does not match: %v", text, err)
		}
		written := matcherText(list)
		if len(written) > maxMatcherText {
			return
		}
		again, err := parseMatchers(written)
		if err != nil {
			t.Fatalf("%q was written as %q: %v", text, written, err)
		}
		if diff := cmp.Diff(list, again); diff != "" {
			t.Error(diff)
		}
	})
}
