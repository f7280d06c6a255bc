package gateway

import "strings"

// readableHost reports a host that everybody reads in the same way: a name or
// an address, and perhaps a port; none at all is one, too. Routes go by it, and
// so may the upstream: what is left of "a:1:2", "u@a" or "a..", each might decide
// otherwise.
func readableHost(host string) bool {
	if len(host) > 260 {
		return false
	}
	name, port := host, ""
	if rest, ok := strings.CutPrefix(host, "["); ok {
		var closed bool
		if name, port, closed = strings.Cut(rest, "]"); !closed || name == "" || strings.Trim(name, "0123456789abcdefABCDEF:.") != "" {
			return false
		}
		return port == "" || port[0] == ':' && isPort(port[1:])
	}
	name, port, _ = strings.Cut(host, ":")
	if name == "" {
		return host == ""
	}
	for i := range len(name) {
		switch c := name[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '-', c == '_':
		case c == '.' && i > 0 && name[i-1] != '.':
		default:
			return false
		}
	}
	return isPort(port)
}

// isPort reports digits; an empty port is the scheme's (RFC 3986 §3.2.3).
func isPort(s string) bool { return len(s) <= 5 && strings.Trim(s, "0123456789") == "" }
