package secret

import (
	"html"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// appendAfter appends the places after r, in each notation, when text has it at
// place. Backslashes may be percent-encoded themselves, and whatever they stand
// before: a query that holds JSON.
func appendAfter(places []int, text string, place int, r rune) []int {
	add := func(to int) {
		if to > place && !slices.Contains(places, to) {
			places = append(places, to)
		}
	}
	spelled(text, place, func(c rune, to int) {
		switch {
		case c == r, c == '+' && r == ' ':
			add(to)
		case c == '\\':
			add(afterBackslash(text, to, r))
		}
	})
	return places
}

// spelled calls found with each character that may be meant at place, and the
// place after it: what stands there, in percent encoding (RFC 3986 §2.1) any
// number of times, or as an HTML character reference.
func spelled(text string, place int, found func(c rune, to int)) {
	rest := text[place:]
	if rest == "" {
		return
	}
	c, size := utf8.DecodeRuneInString(rest)
	found(c, place+size)
	switch rest[0] {
	case '%':
		for times := 1; times <= maxTimes; times++ {
			if c, size := percentRune(rest, strings.Repeat("25", times-1)); size > 0 {
				found(c, place+size)
			}
		}
	case '&':
		const longest = 10 // &#1114111;
		end := strings.IndexByte(rest[:min(len(rest), longest)], ';')
		if end < 0 {
			return
		}
		meant := html.UnescapeString(rest[:end+1])
		if c, size := utf8.DecodeRuneInString(meant); size == len(meant) {
			found(c, place+end+1)
		}
	}
}

// maxTimes is how often the same notation may have been applied.
const maxTimes = 4

// percentRune reads a character in percent encoding, with the given text
// between each percent sign and its digits; the size is 0 when there is none.
func percentRune(rest, between string) (r rune, size int) {
	var encoded []byte
	for !utf8.FullRune(encoded) {
		digits := size + len("%") + len(between)
		if !strings.HasPrefix(rest[size:], "%"+between) || len(rest) < digits+2 {
			return 0, 0
		}
		c, err := strconv.ParseUint(rest[digits:digits+2], 16, 8)
		if err != nil {
			return 0, 0
		}
		encoded, size = append(encoded, byte(c)), digits+2
	}
	r, _ = utf8.DecodeRune(encoded)
	return r, size
}

// backslashAt returns the place after a backslash; 0 when there is none.
func backslashAt(text string, place int) (after int) {
	spelled(text, place, func(c rune, to int) {
		if c == '\\' && after == 0 {
			after = to
		}
	})
	return after
}

// appendAfterBackslashes appends the places after a run of backslashes. They
// go together: one by one, a text of nothing else would have too many readings.
func appendAfterBackslashes(places []int, text string, place, run int) []int {
	times := 1
	for n := 1; n <= maxBackslashes*run; n++ {
		if place = backslashAt(text, place); place == 0 {
			break
		}
		if n == times*run {
			times *= 2
			if !slices.Contains(places, place) {
				places = append(places, place)
			}
		}
	}
	return places
}

// maxBackslashes is the longest run that counts: what is in front of a quote
// that was escaped three times.
const maxBackslashes = 8

// afterBackslash returns the place after r when the text at place, after a
// backslash, writes it as JSON, Go and Python do, escaped any number of times;
// 0 when it is not r.
func afterBackslash(text string, place int, r rune) int {
	n := 1
	for ; n < maxBackslashes; n++ {
		next := backslashAt(text, place)
		if next == 0 {
			break
		}
		place = next
	}
	after := 0
	spelled(text, place, func(c rune, to int) {
		switch {
		case c == r && c < utf8.RuneSelf && !isUnreserved(c), isEscapeLetter(c, r):
			after = to
		case c == 'u' && r > 0xffff:
			after = max(after, afterSurrogates(text, to, n, r))
		case c == 'u' && hexIs(text, to, 4, r):
			after = to + 4
		case c == 'x' && hexIs(text, to, 2, r):
			after = to + 2
		case c == 'U' && hexIs(text, to, 8, r):
			after = to + 8
		}
	})
	return after
}

// isEscapeLetter reports whether c stands for the control character r after a backslash.
func isEscapeLetter(c, r rune) bool {
	const letters, meanings = "abtnvfr", "\a\b\t\n\v\f\r"
	i := strings.IndexRune(letters, c)
	return i >= 0 && rune(meanings[i]) == r
}

// afterSurrogates returns the place after d83d\ude00, with the same number of
// backslashes as there are before; 0 when it is not r.
func afterSurrogates(text string, place, backslashes int, r rune) int {
	high, low := utf16.EncodeRune(r)
	if !hexIs(text, place, 4, high) {
		return 0
	}
	place += 4
	for range backslashes {
		if place = backslashAt(text, place); place == 0 {
			return 0
		}
	}
	if !strings.HasPrefix(text[place:], "u") || !hexIs(text, place+1, 4, low) {
		return 0
	}
	return place + 5
}

// hexIs reports whether the n hexadecimal digits at text[i] are r.
func hexIs(text string, i, n int, r rune) bool {
	if len(text) < i+n {
		return false
	}
	got, err := strconv.ParseUint(text[i:i+n], 16, 32)
	return err == nil && got == uint64(r) //nolint:gosec // runes are not negative
}
