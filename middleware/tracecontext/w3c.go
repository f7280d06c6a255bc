package tracecontext

import (
	"encoding/hex"
	"strings"
)

const (
	traceparentLen = 55 // version 00: 2 + 1 + 32 + 1 + 16 + 1 + 2
	maxTraceparent = 512

	flagSampled = 0x01
	flagRandom  = 0x02
)

// AppendTraceparent appends the value of the header traceparent, version 00.
func (c *Context) AppendTraceparent(dst []byte) []byte {
	const digits = "0123456789abcdef"
	var flags byte
	if c.Sampled {
		flags |= flagSampled
	}
	if c.Random {
		flags |= flagRandom
	}
	dst = append(dst, "00-"...)
	dst = hex.AppendEncode(dst, c.TraceID[:])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, c.SpanID[:])
	return append(dst, '-', '0', digits[flags])
}

// Traceparent is AppendTraceparent as a string.
func (c *Context) Traceparent() string {
	var text [traceparentLen]byte
	return string(c.AppendTraceparent(text[:0]))
}

// ParseTraceparent reads a traceparent. A version after 00 is read as far as 00
// goes, as the standard asks for (§3.2.4).
func ParseTraceparent(text string) (c Context, ok bool) {
	if len(text) < traceparentLen || len(text) > maxTraceparent || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return Context{}, false
	}
	var version, flags [1]byte
	if !lowerHex(version[:], text[:2]) || !lowerHex(c.TraceID[:], text[3:35]) ||
		!lowerHex(c.SpanID[:], text[36:52]) || !lowerHex(flags[:], text[53:55]) {
		return Context{}, false
	}
	switch {
	case version[0] == 0xff, !c.Valid():
		return Context{}, false
	case version[0] == 0 && len(text) != traceparentLen:
		return Context{}, false
	case len(text) > traceparentLen && text[traceparentLen] != '-':
		return Context{}, false
	}
	c.Sampled = flags[0]&flagSampled != 0
	c.Random = flags[0]&flagRandom != 0
	return c, true
}

// lowerHex decodes src, which has twice the length of dst. Capitals are not
// allowed: two spellings would be two traces somewhere.
func lowerHex(dst []byte, src string) bool {
	for i := range dst {
		high, ok1 := lowerDigit(src[2*i])
		low, ok2 := lowerDigit(src[2*i+1])
		if !ok1 || !ok2 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

func lowerDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// Bounds of tracestate (§3.3). A list over them is dropped as a whole: half of
// it could mean something else.
const (
	MaxState   = 512 // bytes
	maxMembers = 32
)

// parseState joins and checks the lines of tracestate; "" when they are not a
// valid list. One line, as nearly everybody sends it, is not copied.
func parseState(lines []string) string {
	total := 0
	for _, line := range lines {
		total += len(line) + 1
	}
	if total == 0 || total > MaxState+1 {
		return ""
	}
	state := lines[0]
	if len(lines) > 1 {
		state = strings.Join(lines, ",")
	}
	members := 0
	for rest, more := state, true; more; {
		var member string
		member, rest, more = strings.Cut(rest, ",")
		if member = strings.Trim(member, " \t"); member == "" {
			continue // empty members are allowed (§3.3.1.1)
		}
		key, value, ok := strings.Cut(member, "=")
		if members++; members > maxMembers || !ok || !isStateKey(key) || !isStateValue(value) {
			return ""
		}
	}
	if members == 0 {
		return ""
	}
	return state
}

// isStateKey accepts "vendor" and "tenant@vendor".
func isStateKey(key string) bool {
	if len(key) == 0 || len(key) > 256 || !isLowerOrDigit(key[0]) {
		return false
	}
	for i := range len(key) {
		switch c := key[i]; {
		case isLowerOrDigit(c), c == '_', c == '-', c == '*', c == '/', c == '@':
		default:
			return false
		}
	}
	return strings.Count(key, "@") <= 1 && key[len(key)-1] != '@'
}

func isStateValue(value string) bool {
	if len(value) == 0 || len(value) > 256 {
		return false
	}
	for i := range len(value) {
		if c := value[i]; c < 0x20 || c > 0x7e || c == '=' { // no comma is left in it
			return false
		}
	}
	return true
}

func isLowerOrDigit(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
