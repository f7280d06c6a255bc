package observe

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// appendEscaped appends text as the inside of a JSON string. Runs of bytes that
// need nothing, which is nearly all of every text, are found eight at a time.
func appendEscaped(dst []byte, text string) []byte {
	start := 0
	for i := 0; i < len(text); {
		if len(text)-i >= 8 && plainWord(word(text[i:])) {
			i += 8
			continue
		}
		c := text[i]
		if plainByte(c) {
			i++
			continue
		}
		dst = append(dst, text[start:i]...)
		if c < utf8.RuneSelf {
			dst = appendASCII(dst, c)
			i++
		} else {
			r, size := utf8.DecodeRuneInString(text[i:])
			dst = appendRune(dst, r, text[i:i+size])
			i += size
		}
		start = i
	}
	return append(dst, text[start:]...)
}

// word reads eight bytes; the compiler makes one load of it.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// plainWord reports whether all eight bytes are plainByte. It may say no where
// they are, which costs time but nothing else.
//
// A byte's top bit shows in the sum for each thing that it must not be: not
// ASCII, below a blank, DEL, a quote, a backslash.
func plainWord(w uint64) bool {
	const (
		ones = 0x0101010101010101
		tops = 0x8080808080808080
	)
	quote, slash, del := w^(ones*'"'), w^(ones*'\\'), w^(ones*0x7f)
	found := w | (w - ones*0x20) | (quote - ones) | (slash - ones) | (del - ones)
	return found&tops == 0
}

func plainByte(c byte) bool { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' }

// appendASCII appends a byte that cannot stand for itself.
func appendASCII(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

// appendRune appends what is not ASCII; text is the rune as it was sent.
func appendRune(dst []byte, r rune, text string) []byte {
	switch {
	case r == utf8.RuneError:
		return append(dst, "\ufffd"...) // also for one that was sent as such
	case unseen(r):
		return append(dst, '\\', 'u', hexDigits[r>>12&0xf], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf], hexDigits[r&0xf])
	}
	return append(dst, text...)
}

// unseen knows what does something to a reader instead of being read: control
// codes of terminals (C1), marks and overrides of the writing direction, line
// and paragraph separators, the byte order mark.
func unseen(r rune) bool {
	switch {
	case r >= 0x80 && r <= 0x9f, r >= 0x200e && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
		return true
	}
	return false
}
