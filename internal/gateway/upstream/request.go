package upstream

import (
	"net/http"
	"strconv"
)

// writeRequest writes the head of a request as HTTP/1.1 does.
func writeRequest(w *fieldWriter, m *member, r *http.Request, out *Outbound, upstreamHost bool) {
	dst := w.head[:0]
	path, query, hasQuery := splitTarget(r, out)
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = append(dst, m.rawPath...)
	dst = append(dst, path...)
	if hasQuery {
		dst = append(append(dst, '?'), query...)
	}
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, hostOf(r.Host, m, upstreamHost)...)
	w.head = append(dst, "\r\n"...)
	writeFields(w, r, out)
	dst = w.head

	switch {
	case hasBody(r) && r.ContentLength > 0:
		dst = append(dst, "Content-Length: "...)
		dst = append(strconv.AppendInt(dst, r.ContentLength, 10), "\r\n"...)
	case hasBody(r):
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case r.Method == http.MethodPost, r.Method == http.MethodPut, r.Method == http.MethodPatch:
		dst = append(dst, "Content-Length: 0\r\n"...) // RFC 9110 §8.6: these usually have a body
	}
	w.head = append(dst, "\r\n"...)
}

// hostOf is the Host header that the server gets. A host that could not stand
// in a header line is not sent on.
func hostOf(host string, m *member, upstreamHost bool) string {
	if upstreamHost || host == "" {
		return m.host
	}
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c >= 0x7f {
			return m.host
		}
	}
	return host
}
