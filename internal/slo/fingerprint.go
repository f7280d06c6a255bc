package slo

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxMessage     = 400 // bytes that are kept of a message
	maxFingerprint = 160 // bytes
	maxLooked      = 4096
)

// fingerprintOf is a message without what differs between requests that fail in
// the same way: numbers, ids, what stands in quotes. Two messages with one
// fingerprint are one kind of failure.
//
//	pq: duplicate key value (id)=(4711)     → pq: duplicate key value (id)=(#)
//	user "anna" not found                   → user "…" not found
//	trace 4bf92f3577b34da6a3ce929d0e0e4736  → trace #
func fingerprintOf(message string) string {
	message = cutText(message, maxLooked)
	var b strings.Builder
	for len(message) > 0 && b.Len() < maxFingerprint {
		r, size := utf8.DecodeRuneInString(message)
		switch {
		case r == '"' || r == '\'' || r == '`':
			end := strings.IndexRune(message[size:], r)
			// An apostrophe inside a word quotes nothing.
			if end < 0 || r == '\'' && endsInLetter(b.String()) {
				b.WriteRune(r)
				message = message[size:]
				continue
			}
			b.WriteRune(r)
			b.WriteString("…")
			b.WriteRune(r)
			message = message[size+end+size:]
		case wordRune(r):
			n := 0
			for n < len(message) {
				r, size := utf8.DecodeRuneInString(message[n:])
				if !wordRune(r) && r != '-' {
					break
				}
				n += size
			}
			writeWord(&b, message[:n])
			message = message[n:]
		case unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError:
			if b.Len() > 0 && !strings.HasSuffix(b.String(), " ") {
				b.WriteByte(' ')
			}
			message = message[size:]
		default:
			b.WriteRune(r)
			message = message[size:]
		}
	}
	return strings.TrimSpace(cutText(b.String(), maxFingerprint))
}

func wordRune(r rune) bool {
	return r == '_' || r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

func endsInLetter(text string) bool {
	r, _ := utf8.DecodeLastRuneInString(text)
	return unicode.IsLetter(r)
}

// writeWord writes a word, or # for one that is an id: a UUID, a hash, a number
// with or without a unit.
func writeWord(b *strings.Builder, word string) {
	if hexadecimal(word) {
		b.WriteByte('#')
		return
	}
	digits := false
	for _, r := range word {
		if !unicode.IsDigit(r) {
			b.WriteRune(r)
			digits = false
			continue
		}
		if !digits {
			b.WriteByte('#')
		}
		digits = true
	}
}

// hexadecimal reports whether a word is an id: eight hexadecimal digits or more,
// with dashes or without, some of which are numbers.
func hexadecimal(word string) bool {
	word = strings.TrimPrefix(strings.TrimPrefix(word, "0x"), "0X")
	digits, numbers := 0, 0
	for _, r := range word {
		switch {
		case r >= '0' && r <= '9':
			digits++
			numbers++
		case r >= 'a' && r <= 'f', r >= 'A' && r <= 'F':
			digits++
		case r != '-':
			return false
		}
	}
	return digits >= 8 && numbers > 0
}

// cutText shortens a text to at most so many bytes and leaves no half of a character.
func cutText(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return strings.Clone(text[:most])
}
