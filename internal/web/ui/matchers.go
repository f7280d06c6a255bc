package ui

import (
	"regexp"
	"strconv"
	"strings"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/fault"
)

// Bounds of what forms say about labels.
const (
	maxMatchers    = 30
	maxMatcherText = 8 << 10
	maxPattern     = 512 // a short one may stand for a large automaton
)

// matcherText writes matchers as people type them, one on each line.
func matcherText(matchers []alerting.Matcher) string {
	lines := make([]string, len(matchers))
	for i, m := range matchers {
		lines[i] = matcherLine(m)
	}
	return strings.Join(lines, "\n")
}

func matcherLine(m alerting.Matcher) string {
	return labelName(m.Name) + m.Op + strconv.Quote(m.Value)
}

// labelName writes a name of a label, in quotes where Alertmanager needs them.
func labelName(name string) string {
	if plainLabel.MatchString(name) {
		return name
	}
	return strconv.Quote(name)
}

var (
	plainLabel  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	matcherForm = regexp.MustCompile(`^\s*("(?:[^"\\]|\\.)*"|[^\s=!~"{},]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^\s,"{}]*)\s*,?`)
)

// parseMatchers reads matchers as amtool and Alertmanager's own page take them:
// `name="value"`, with = != =~ !~, parted by lines, spaces or commas, braces
// around all of them or not.
func parseMatchers(text string) ([]alerting.Matcher, error) {
	if len(text) > maxMatcherText {
		return nil, fault.Invalid("these are more than %d bytes of matchers", maxMatcherText)
	}
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		text = strings.TrimSuffix(inner, "}")
	}
	var list []alerting.Matcher
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		found := matcherForm.FindStringSubmatch(rest)
		if found == nil {
			return nil, fault.Invalid("%q is not a matcher; write name=\"value\", with = != =~ or !~", cut(rest, 60))
		}
		if len(list) == maxMatchers {
			return nil, fault.Invalid("these are more than %d matchers", maxMatchers)
		}
		m := alerting.Matcher{Op: found[2]}
		var err error
		if m.Name, err = unquoted(found[1]); err != nil {
			return nil, err
		}
		if m.Value, err = unquoted(found[3]); err != nil {
			return nil, err
		}
		if _, err := compile(m); err != nil {
			return nil, err
		}
		list = append(list, m)
		rest = rest[len(found[0]):]
	}
	return list, nil
}

func unquoted(text string) (string, error) {
	if !strings.HasPrefix(text, `"`) {
		return text, nil
	}
	plain, err := strconv.Unquote(text)
	if err != nil {
		return "", fault.Invalid("%s is not a text in quotes; \\\" is a quote inside of it", cut(text, 60))
	}
	return plain, nil
}

// compile makes a test of a label's value.
func compile(m alerting.Matcher) (func(value string) bool, error) {
	switch m.Op {
	case "=":
		return func(value string) bool { return value == m.Value }, nil
	case "!=":
		return func(value string) bool { return value != m.Value }, nil
	}
	if len(m.Value) > maxPattern {
		return nil, fault.Invalid("the regular expression of %s is longer than %d bytes", cut(m.Name, 60), maxPattern)
	}
	pattern, err := regexp.Compile("^(?:" + m.Value + ")$")
	if err != nil {
		return nil, fault.Invalid("%q is not a regular expression: %w", cut(m.Value, 60), err)
	}
	return func(value string) bool { return pattern.MatchString(value) == (m.Op == "=~") }, nil
}

// matching returns the alerts that every matcher holds for. A label that an alert
// lacks is an empty one, as Alertmanager has it.
func matching(all []alerting.View, matchers []alerting.Matcher) ([]alerting.View, error) {
	tests := make([]func(string) bool, len(matchers))
	for i, m := range matchers {
		var err error
		if tests[i], err = compile(m); err != nil {
			return nil, err
		}
	}
	var list []alerting.View
	for _, a := range all {
		holds := len(tests) > 0
		for n, test := range tests {
			holds = holds && test(a.Labels[matchers[n].Name])
		}
		if holds {
			list = append(list, a)
		}
	}
	return list, nil
}

// parseLabels reads labels: matchers that are all equal.
func parseLabels(text string) (map[string]string, error) {
	list, err := parseMatchers(text)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{}
	for _, m := range list {
		if m.Op != "=" {
			return nil, fault.Invalid("%s%s… matches labels; an alert has them: write %s=\"value\"", m.Name, m.Op, m.Name)
		}
		labels[m.Name] = m.Value
	}
	return labels, nil
}
