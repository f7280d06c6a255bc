package accesslog

import "strings"

// request reads a request line, "GET /orders/17?x=1 HTTP/1.1". What is none,
// such as the handshake of TLS on a plain port, is noted as unread.
func (l *Line) request(s string, unescaped bool) {
	space := strings.IndexByte(s, ' ')
	if space <= 0 || !isMethod(s[:space]) {
		l.unread()
		return
	}
	last := strings.LastIndexByte(s, ' ')
	protocol := s[last+1:]
	target := ""
	switch {
	case strings.HasPrefix(protocol, "HTTP/"):
		if last <= space { // "GET HTTP/1.1"
			l.unread()
			return
		}
		target = s[space+1 : last]
	case last == space: // HTTP/0.9: "GET /"
		target, protocol = protocol, "HTTP/0.9"
	default:
		l.unread()
		return
	}
	if len(protocol) > len("HTTP/1.1") || target == "" {
		l.unread()
		return
	}
	l.Method, l.Protocol = s[:space], protocol
	l.target(target, unescaped)
}

// isMethod reports whether s can be a method: letters, as every one in use is.
// "PRI" is how HTTP/2 begins where it is not spoken.
func isMethod(s string) bool {
	if len(s) > 32 || s == "PRI" {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && c != '-' && c != '_' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}

// target reads what stands between method and protocol: a path with a query, or
// a whole URL. unescaped says that a server's escapes are gone already.
func (l *Line) target(s string, unescaped bool) {
	if !isURL(s) {
		if !unescaped && strings.IndexByte(s, '\\') >= 0 {
			s = unescape(s)
		}
		s = percent(s)
	}
	if s == "" || s[0] != '/' {
		if scheme, rest, ok := strings.Cut(s, "://"); ok && (scheme == "http" || scheme == "https") {
			l.Scheme = scheme
			end := strings.IndexAny(rest, "/?#")
			if end < 0 {
				end = len(rest)
			}
			l.Host, s = rest[:end], rest[end:]
			if s == "" || s[0] != '/' {
				s = "/" + s
			}
		}
	}
	if i := strings.IndexByte(s, '?'); i >= 0 {
		l.Query = s[i+1:]
		s = s[:i]
	}
	l.Path = s
}

// isURL reports whether a text has only bytes that URLs have.
func isURL(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
