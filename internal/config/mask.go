package config

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"lapwing.dev/lapwing/internal/secret"
)

// show sets the text of a leaf. What is masked is a text, whatever it was.
func (w *viewer) show(v *view, key, text string) {
	v.text = w.mask(key, text)
	v.isText = v.isText || v.text != text
}

// mask hides what may be a credential: values of headers, parameters and
// members that are known to hold one, and credentials in URLs.
func (w *viewer) mask(key, text string) string {
	masked := secret.Redacted
	if !w.hidden && !secret.SensitiveName(key) {
		masked = escapedUserInfo.ReplaceAllString(w.redactor.Header(key, text), "${1}"+secret.Redacted+"${2}")
	}
	if masked != text && isReference(text) {
		return fallback.ReplaceAllString(text, "${1}"+secret.Redacted+"}")
	}
	return masked
}

// escapedUserInfo are the credentials of a URL that is a parameter of another:
// ?next=https%3A%2F%2Fuser%3Apassword%40host. They end before what ends the
// authority of a URL, written as it is or as an escape.
var escapedUserInfo = regexp.MustCompile(`(?i)((?::|%3A)(?:/|%2F){2})` +
	`(?:[^&#\s%/?@"'<>\\]|%(?:2[0-24-9A-E]|3[0-9A-E]|[014-9A-F][0-9A-F]))+(@|%40)`)

// isReference reports whether a text is nothing but ${…}, maybe after an
// authorization scheme: it names a secret and holds none.
func isReference(text string) bool { return reference.MatchString(text) }

var (
	reference = regexp.MustCompile(`^(?:(?:Bearer|Basic|Token) )?(?:\$\{[A-Za-z0-9_./:-]+\})+$`)
	fallback  = regexp.MustCompile(`(\$\{[A-Za-z0-9_]+:-)[^}]+\}`)
)

// secretValue matches `password: value` as YAML and JSON write it.
var secretValue = regexp.MustCompile(`(?i)["']?[\w-]*(?:pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|bearer|authorization|cookie|credential|private[_-]?key)["']?\s*:\s+("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,}#][^,}#]*)`)

// What a URL holds in a source line.
var (
	userInfo  = regexp.MustCompile(`://([^/?#\s"'<>\\@]+)@`)
	parameter = regexp.MustCompile(`[?&;]([\w-]+)=([^&;\s"'#,}]+)`)
)

// hideSecrets masks literal credentials in a source line, because errors reach
// logs and pages. References (${NAME}) and nested mappings stay. It returns the
// column moved along with the text.
func hideSecrets(text string, column int) (string, int) {
	var b strings.Builder
	from, moved := 0, column
	for _, s := range secretsIn(text) {
		value := text[s.start:s.end]
		if s.start < from || strings.Contains(value, "${") {
			continue
		}
		b.WriteString(text[from:s.start])
		b.WriteString(secret.Redacted)
		from = s.end
		first := utf8.RuneCountInString(text[:s.start]) + 1
		length := utf8.RuneCountInString(value)
		switch {
		case column >= first+length:
			moved += len(secret.Redacted) - length
		case column > first:
			moved -= column - first
		}
	}
	b.WriteString(text[from:])
	return b.String(), moved
}

// span is a part of a text, in bytes.
type span struct{ start, end int }

// secretsIn finds what may be a credential in a source line, in order, the
// longest first where several begin.
func secretsIn(text string) []span {
	var found []span
	for _, m := range secretValue.FindAllStringSubmatchIndex(text, -1) {
		value := text[m[2]:m[3]]
		if !strings.HasPrefix(value, "{") && !strings.HasPrefix(value, "[") && !strings.HasPrefix(value, "json.") {
			found = append(found, span{m[2], m[3]})
		}
	}
	for _, m := range userInfo.FindAllStringSubmatchIndex(text, -1) {
		found = append(found, span{m[2], m[3]})
	}
	for _, m := range escapedUserInfo.FindAllStringSubmatchIndex(text, -1) {
		found = append(found, span{m[3], m[4]})
	}
	for _, m := range parameter.FindAllStringSubmatchIndex(text, -1) {
		if secret.SensitiveName(text[m[2]:m[3]]) {
			found = append(found, span{m[4], m[5]})
		}
	}
	slices.SortFunc(found, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end))
	})
	return found
}
