package clientip

import (
	"net/netip"
	"strings"
)

// maxAddress is longer than any address with its port and brackets.
const maxAddress = 64

// lastElement cuts the last element off a comma-separated list. Commas in
// quotes do not count, and quotes are paired from the right end: a quote that a
// client left open at the left cannot swallow what a proxy appended.
func lastElement(list string) (element, rest string, more bool) {
	quoted := false
	for i := len(list) - 1; i >= 0; i-- {
		switch list[i] {
		case '"':
			quoted = quoted == escaped(list, i)
		case ',':
			if !quoted {
				return trim(list[i+1:]), list[:i], true
			}
		}
	}
	return trim(list), "", false
}

// escaped reports whether a backslash takes away the meaning of the byte at i.
func escaped(text string, i int) bool { return i > 0 && text[i-1] == '\\' }

func trim(text string) string { return strings.Trim(text, " \t") }

// forwardedFor reads the node of `for=` in one element of Forwarded
// (RFC 7239 §4). An element that names it twice is garbage.
func forwardedFor(element string) (addr netip.Addr, ok bool) {
	for more := true; more; {
		var pair string
		pair, element, more = firstPair(element)
		name, value, found := strings.Cut(pair, "=")
		if !found || !strings.EqualFold(trim(name), "for") {
			continue
		}
		if ok {
			return netip.Addr{}, false
		}
		if addr, ok = parseNode(trim(value)); !ok {
			return netip.Addr{}, false
		}
	}
	return addr, ok
}

// firstPair cuts the first parameter off an element of Forwarded.
func firstPair(element string) (pair, rest string, more bool) {
	quoted := false
	for i := range len(element) {
		switch element[i] {
		case '"':
			quoted = quoted == escaped(element, i)
		case ';':
			if !quoted {
				return element[:i], element[i+1:], true
			}
		}
	}
	return element, "", false
}

// parseNode reads an address as proxies write it: plain, with a port, in
// brackets, in quotes. Names, obfuscated nodes and zones are none.
func parseNode(text string) (netip.Addr, bool) {
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		text = text[1 : n-1]
	}
	if len(text) == 0 || len(text) > maxAddress {
		return netip.Addr{}, false
	}
	if text[0] == '[' {
		end := strings.IndexByte(text, ']')
		if end < 0 || !isPort(text[end+1:]) {
			return netip.Addr{}, false
		}
		addr, ok := parse(text[1:end])
		return addr, ok && strings.IndexByte(text[1:end], ':') >= 0 // only IPv6 has brackets
	}
	if colon := strings.IndexByte(text, ':'); colon >= 0 && strings.IndexByte(text[colon+1:], ':') < 0 {
		if !isPort(text[colon:]) {
			return netip.Addr{}, false
		}
		text = text[:colon] // one colon: IPv4 and a port
	}
	return parse(text)
}

// isPort accepts nothing, ":4711", and ":_obfuscated" (RFC 7239 §6.2).
func isPort(text string) bool {
	if text == "" {
		return true
	}
	if text[0] != ':' || len(text) < 2 || len(text) > 24 {
		return false
	}
	for _, c := range []byte(text[1:]) {
		if !isAlphanumeric(c) && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// parse reads an address without port and zone. What cannot be one is refused
// before netip makes an error of it: garbage costs no memory.
func parse(text string) (netip.Addr, bool) {
	separator := false
	for _, c := range []byte(text) {
		switch {
		case c == ':' || c == '.':
			separator = true
		case !isHex(c):
			return netip.Addr{}, false
		}
	}
	if !separator {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(text)
	return plain(addr), err == nil
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
