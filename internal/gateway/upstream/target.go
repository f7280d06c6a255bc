package upstream

import (
	"net/http"
	"strings"
)

// splitTarget returns the escaped path and the query that go out, without the
// server's own path. Bytes that could end a request line are escaped: HTTP/2
// lets clients send them.
func splitTarget(r *http.Request, out *Outbound) (path, query string, hasQuery bool) {
	target := out.Target
	if target == "" {
		if strings.HasPrefix(r.RequestURI, "/") {
			target = r.RequestURI
		} else { // absolute form, or a request that was made by hand
			target = r.URL.RequestURI()
		}
	}
	path, query, hasQuery = strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") && path != "*" {
		path = "/" + path
	}
	return escape(path), escape(query), hasQuery
}

func escape(s string) string {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || c == '#' {
			return escapeAll(s)
		}
	}
	return s
}

func escapeAll(s string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+8)
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == 0x7f || c == '#' {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}
