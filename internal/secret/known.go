package secret

import (
	"slices"
	"strings"
)

// known is a secret value that is looked for.
//
// A text seldom holds it as it is: a JSON body escapes its quotes, the detail
// that quotes the body escapes them again, a query has %26 for &, an error page
// &amp;. So it is matched character by character, each in any notation, instead
// of listing what all of them together could make of it.
type known struct {
	text  string
	runes []rune
	plain bool // no notation writes it in another way
}

func newKnown(text string) known {
	v := known{text: text, plain: true}
	for i := range len(text) {
		if !isUnreserved(text[i]) {
			v.plain = false
		}
	}
	if !v.plain {
		v.runes = []rune(text)
	}
	return v
}

// isUnreserved knows the characters that every notation leaves alone (RFC 3986 §2.3).
func isUnreserved[C byte | rune](c C) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// markStarts sets the bytes with which the value may begin in a text.
func (v *known) markStarts(starts *[256]bool) {
	starts[v.text[0]] = true
	if isUnreserved(v.text[0]) {
		return
	}
	for _, c := range []byte(`\%&`) {
		starts[c] = true
	}
	if v.text[0] == ' ' {
		starts['+'] = true
	}
}

// at returns where the value ends that begins at text[i]; i when it does not.
// When the text was cut there, the beginning of the value counts, and whole is
// false.
func (v *known) at(text string, i int, cut bool) (end int, whole bool) {
	n := commonPrefix(text[i:], v.text)
	switch {
	case n == len(v.text):
		return i + n, true
	case n > 0 && isCut(text[i+n:], cut):
		return i + n, false
	case v.plain:
		return i, false
	}
	return v.escapedAt(text, i, cut)
}

// escapedAt is at for a value that is written in another way. Several readings
// may be possible up to the end: places are where each of them has come to.
func (v *known) escapedAt(text string, i int, cut bool) (end int, whole bool) {
	places, next := make([]int, 0, 4), make([]int, 0, 4)
	places = append(places, i)
	for n := 0; n < len(v.runes); {
		next = next[:0]
		run := v.backslashes(n)
		for _, place := range places {
			rest := text[place:]
			if n > 0 && isCutEscape(rest, cut) {
				end = max(end, place+len(beforeEllipsis(rest)))
			}
			if run > 0 {
				next = appendAfterBackslashes(next, text, place, run)
			} else {
				next = appendAfter(next, text, place, v.runes[n])
			}
		}
		if len(next) == 0 {
			return max(end, i), false
		}
		places, next = next, places
		n += max(run, 1)
	}
	return slices.Max(places), true
}

// backslashes is how many backslashes the value has at n.
func (v *known) backslashes(n int) int {
	run := 0
	for n+run < len(v.runes) && v.runes[n+run] == '\\' {
		run++
	}
	return run
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

const ellipsis = "…"

// isCut reports whether a text that goes on with rest was cut here: at its end
// when it is a beginning, else where an ellipsis says so, inside or behind
// quotes.
func isCut(rest string, cut bool) bool {
	if rest == "" {
		return cut
	}
	return strings.HasPrefix(strings.TrimLeft(rest[:min(len(rest), maxBackslashes+len(ellipsis))], `\"'`), ellipsis)
}

// maxEscape is as long as the notations of one character are: \\\ud83d\\\ude00,
// %25F0%259F%2594%2591.
const maxEscape = 24

// isCutEscape reports whether the cut is here, or after what may be the
// beginning of an escaped character.
func isCutEscape(rest string, cut bool) bool {
	if isCut(rest, cut) {
		return true
	}
	if rest == "" || strings.IndexByte(`\%&`, rest[0]) < 0 {
		return false
	}
	piece := beforeEllipsis(rest)
	if len(piece) == len(rest) && !cut || len(piece) > maxEscape {
		return false
	}
	for i := 1; i < len(piece); i++ {
		if !isUnreserved(piece[i]) && strings.IndexByte(`\%&#`, piece[i]) < 0 {
			return false
		}
	}
	return true
}

// beforeEllipsis is rest up to an ellipsis that is near, or all of it.
func beforeEllipsis(rest string) string {
	near := rest[:min(len(rest), maxEscape+8)]
	if before, _, found := strings.Cut(near, ellipsis); found {
		return strings.TrimRight(before, `"'`)
	}
	return rest
}
