package secret

import (
	"html"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
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
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
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
const maxEscape = 20

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
	if i := strings.Index(near, ellipsis); i >= 0 {
		return strings.TrimRight(near[:i], `"'`)
	}
	return rest
}

// appendAfter appends the places after r, in each notation, when text has it at place.
func appendAfter(places []int, text string, place int, r rune) []int {
	add := func(to int) {
		if to > place && !slices.Contains(places, to) {
			places = append(places, to)
		}
	}
	rest := text[place:]
	if rest == "" {
		return places
	}
	if got, size := utf8.DecodeRuneInString(rest); got == r {
		add(place + size)
	}
	switch rest[0] {
	case '\\':
		add(place + afterBackslashes(rest, r))
	case '%':
		for _, n := range percentLengths(rest, r) {
			add(place + n)
		}
	case '&':
		add(place + entityLength(rest, r))
	case '+':
		if r == ' ' {
			add(place + 1)
		}
	}
	return places
}

// appendAfterBackslashes appends the places after a run of backslashes. They
// go together: one by one, a text of nothing else would have too many readings.
func appendAfterBackslashes(places []int, text string, place, run int) []int {
	rest := text[place:]
	there := len(rest) - len(strings.TrimLeft(rest, `\`))
	for times := 1; times <= maxBackslashes && times*run <= there; times *= 2 {
		if to := place + times*run; !slices.Contains(places, to) {
			places = append(places, to)
		}
	}
	to := place
	for ; run > 0; run-- {
		n := max(percentLength(text[to:], '\\'), entityLength(text[to:], '\\'))
		if n == 0 {
			return places
		}
		to += n
	}
	return append(places, to)
}

// maxBackslashes is the longest run that counts: what is in front of a quote
// that was escaped three times.
const maxBackslashes = 8

// afterBackslashes is the length of r written with backslashes, as JSON, Go and
// Python write it, escaped any number of times; 0 when it is not r.
func afterBackslashes(rest string, r rune) int {
	n := 0
	for n < min(len(rest), maxBackslashes) && rest[n] == '\\' {
		n++
	}
	after := rest[n:]
	if after == "" {
		return 0
	}
	switch {
	case rune(after[0]) == r && r < utf8.RuneSelf && !isUnreserved(after[0]), isEscapeLetter(after[0], r):
		return n + 1
	case after[0] == 'u':
		if size := unicodeLength(after, n, r); size > 0 {
			return n + size
		}
	case after[0] == 'x' && hexIs(after, 1, 2, r):
		return n + 3
	case after[0] == 'U' && hexIs(after, 1, 8, r):
		return n + 9
	}
	return 0
}

// isEscapeLetter reports whether c stands for the control character r after a backslash.
func isEscapeLetter(c byte, r rune) bool {
	const letters, meanings = "abtnvfr", "\a\b\t\n\v\f\r"
	i := strings.IndexByte(letters, c)
	return i >= 0 && rune(meanings[i]) == r
}

// unicodeLength is the length of u0026, or of a pair of surrogates with the
// same number of backslashes between them; 0 when it is not r.
func unicodeLength(after string, backslashes int, r rune) int {
	if r <= 0xffff {
		if hexIs(after, 1, 4, r) {
			return 5
		}
		return 0
	}
	high, low := utf16.EncodeRune(r)
	second := 5 + backslashes
	if hexIs(after, 1, 4, high) && len(after) > second && after[second] == 'u' && hexIs(after, second+1, 4, low) {
		return second + 5
	}
	return 0
}

// hexIs reports whether the n hexadecimal digits at text[i] are r.
func hexIs(text string, i, n int, r rune) bool {
	if len(text) < i+n {
		return false
	}
	got, err := strconv.ParseUint(text[i:i+n], 16, 32)
	return err == nil && got == uint64(r) //nolint:gosec // runes are not negative
}

// percentLengths returns the lengths of r in percent encoding (RFC 3986 §2.1),
// of whichever case and encoded any number of times.
func percentLengths(rest string, r rune) []int {
	switch r {
	case '%':
		var lengths []int
		for n := len("%25"); n <= min(len(rest), maxEscape) && rest[n-2:n] == "25"; n += len("25") {
			lengths = append(lengths, n)
		}
		return lengths
	case ' ':
		if n := percentLength(rest, '+'); n > 0 { // of a query in a query
			return []int{n}
		}
	}
	return []int{percentLength(rest, r)}
}

// percentLength is percentLengths for what has one; 0 when it is not r.
func percentLength(rest string, r rune) int {
	var encoded [utf8.UTFMax]byte
	at := 0
	for _, c := range encoded[:utf8.EncodeRune(encoded[:], r)] {
		if at >= len(rest) || rest[at] != '%' {
			return 0
		}
		at++
		for strings.HasPrefix(rest[at:], "25") {
			at += len("25")
		}
		if !hexIs(rest, at, 2, rune(c)) {
			return 0
		}
		at += 2
	}
	return at
}

// entityLength is the length of r as an HTML character reference; 0 when it is not r.
func entityLength(rest string, r rune) int {
	const longest = 10 // &#1114111;
	end := strings.IndexByte(rest[:min(len(rest), longest)], ';')
	if end < 0 || html.UnescapeString(rest[:end+1]) != string(r) {
		return 0
	}
	return end + 1
}
