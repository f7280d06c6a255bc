package accesslog

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// closing finds the quote that ends a quoted text, s beginning after the one that
// opens it; -1 when there is none. A quote after a backslash is part of the text,
// and so is one that neither a blank nor the line's end follows: not every server
// escapes them.
func closing(s string) int {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '"')
		if i < 0 {
			return -1
		}
		i += from
		if (i == 0 || s[i-1] != '\\') && (i+1 == len(s) || s[i+1] == ' ') {
			return i
		}
		slashes := 0
		for slashes < i && s[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 && (i+1 == len(s) || s[i+1] == ' ') {
			return i
		}
		from = i + 1
	}
}

// clean undoes a server's escapes, \xE4 of nginx and \" of Apache, and makes the text
// valid UTF-8 without control bytes. A text that needs nothing is returned as it is.
func clean(s string) string {
	if plain(s) {
		return s
	}
	if strings.IndexByte(s, '\\') >= 0 {
		s = unescape(s)
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return utf8.RuneError
		}
		return r
	}, s) // and what is invalid is replaced, too
}

// plain reports whether a text is printable ASCII without a backslash.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}

// unescape undoes \xHH, \n, \t, \r, \", \\ and \/.
func unescape(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' || i+1 == len(s) {
			out = append(out, c)
			continue
		}
		i++
		switch s[i] {
		case 'x', 'X':
			if i+2 < len(s) {
				high, ok1 := hex(s[i+1])
				low, ok2 := hex(s[i+2])
				if ok1 && ok2 {
					out = append(out, high<<4|low)
					i += 2
					continue
				}
			}
			out = append(out, '\\', s[i])
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}

// unescapeJSON undoes the escapes of a JSON string. What is no escape stays.
func unescapeJSON(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' || i+1 == len(s) {
			out = append(out, c)
			continue
		}
		i++
		switch s[i] {
		case 'u':
			r, ok := rune4(s[i+1:])
			if !ok {
				out = append(out, '\\', 'u')
				continue
			}
			i += 4
			if utf16.IsSurrogate(r) && strings.HasPrefix(s[i+1:], `\u`) {
				if low, ok := rune4(s[i+3:]); ok {
					if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
						r = both
						i += 6
					}
				}
			}
			out = utf8.AppendRune(out, r)
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b', 'f':
			out = append(out, ' ')
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}

func rune4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		h, ok := hex(s[i])
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(h)
	}
	return r, true
}

func hex(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

const upperHex = "0123456789ABCDEF"

// percent writes what no URL has, blanks and control bytes and what is not ASCII,
// as %XX: a path is kept as it would be on the wire.
func percent(s string) string {
	out := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			out = append(out, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}
