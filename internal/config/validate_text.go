package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"lapwing.dev/lapwing/internal/fault"
)

// validateTexts wants what is shown everywhere, names and labels, to be one line
// that reads as it is: names reach terminals, CI logs, chats and pages, where an
// escape sequence, a line end or a change of direction could forge what stands
// around them.
func validateTexts(f *File, _ string) fault.Problems {
	var ps fault.Problems
	name := func(path, text string) {
		if i := strings.IndexFunc(text, isHidden); i >= 0 {
			r, _ := utf8.DecodeRuneInString(text[i:])
			ps = append(ps, fault.Problem{Path: path, Offset: i, Message: fmt.Sprintf("control character %U", r), Hint: "write one line of plain text"})
		}
	}
	labels := func(path string, labels map[string]string) {
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			if strings.ContainsFunc(key, isHidden) {
				ps.Add(fault.JoinPath(path, key), "write one line of plain text", "the label's name holds a control character")
			}
			name(fault.JoinPath(path, key), labels[key])
		}
	}
	for i := range f.APIs {
		path := fmt.Sprintf("apis[%d]", i)
		name(path+".name", f.APIs[i].Name)
		labels(path+".labels", f.APIs[i].Labels)
	}
	for i := range f.Checks {
		path := fmt.Sprintf("checks[%d]", i)
		name(path+".name", f.Checks[i].Name)
		labels(path+".labels", f.Checks[i].Labels)
		for j := range f.Checks[i].Steps {
			name(fmt.Sprintf("%s.steps[%d].name", path, j), f.Checks[i].Steps[j].Name)
		}
	}
	name("status_page.title", f.StatusPage.Title)
	return ps
}

// isHidden reports a character that is not text but changes how text is shown:
// control characters, line and paragraph separators, and those that embed,
// override or isolate a direction (Unicode TR 36 §2.7). Marks of direction
// (U+200E, U+200F, U+061C) are allowed: right-to-left names need them.
func isHidden(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' ||
		'\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069'
}

// visible writes hidden characters as escapes, for texts of foreign bytes that
// terminals and logs show as they are.
func visible(text string) string {
	if !strings.ContainsFunc(text, isHidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if isHidden(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
