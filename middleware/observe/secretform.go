package observe

import "strings"

const (
	minToken  = 20 // shortest text that is taken for a token by its form
	minRandom = 32 // shortest random text in a path that is taken for a secret
)

// isToken knows credentials by their form wherever they stand: JSON Web Tokens
// and the prefixed keys of common providers.
func isToken(text string) bool {
	if len(text) < minToken {
		return false
	}
	switch text[0] {
	case 'e': // {" in base64url, then a second part
		return strings.HasPrefix(text, "eyJ") && strings.IndexByte(text, '.') > 0
	case 'g':
		return strings.HasPrefix(text, "ghp_") || strings.HasPrefix(text, "gho_") || strings.HasPrefix(text, "ghs_") ||
			strings.HasPrefix(text, "github_pat_") || strings.HasPrefix(text, "glpat-")
	case 's':
		return strings.HasPrefix(text, "sk_live_") || strings.HasPrefix(text, "sk_test_") || strings.HasPrefix(text, "sk-")
	case 'x':
		return strings.HasPrefix(text, "xox") && strings.IndexByte(text, '-') > 0
	case 'l':
		return strings.HasPrefix(text, "lw_")
	case 'A':
		return strings.HasPrefix(text, "AKIA") || strings.HasPrefix(text, "AIza")
	}
	return false
}

// isRandom reports whether a path segment looks like a secret: at least 32 signs
// of hex or base64url that are neither a UUID nor words. Letters and digits
// change with every second or third sign of a random text, but seldom in words;
// the change is only counted inside a word, so that slugs with years in them stay.
func isRandom(text string) bool {
	if len(text) < minRandom || isUUID(text) {
		return false
	}
	var digits, changes, letters int
	previous := other
	for i := range len(text) {
		class := classOf(text[i])
		switch class {
		case foreign:
			return false
		case digit:
			digits++
		case upper, lower:
			letters++
		}
		if class != previous && class != other && previous != other {
			changes++
		}
		previous = class
	}
	return digits >= 2 && letters >= 2 && changes*5 >= len(text)
}

type class uint8

const (
	foreign class = iota // no part of hex or base64url
	other                // - _ . ~ : = %
	digit
	lower
	upper
)

func classOf(c byte) class {
	switch {
	case '0' <= c && c <= '9':
		return digit
	case 'a' <= c && c <= 'z':
		return lower
	case 'A' <= c && c <= 'Z':
		return upper
	case c == '-', c == '_', c == '.', c == '~', c == ':', c == '=', c == '%', c == '+':
		return other
	}
	return foreign
}

// isUUID knows the form 8-4-4-4-12. UUIDs name things; what grants access should
// be longer, and hiding every id would make a log useless.
func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (text[i] == '-') {
			return false
		}
		if _, ok := hexDigit(text[i]); !dash && !ok {
			return false
		}
	}
	return true
}
