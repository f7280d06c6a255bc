package upstream

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"lapwing.dev/lapwing/middleware/tracecontext"
)

// writeFields writes all fields of the outgoing request but Host and those of
// its framing. Whatever is told to the server by us is told by us alone: a
// client's own field of that name is left out, and so is one that only looks
// like it to a server that maps names to variables (RFC 3875 §4.1.18:
// X_Request_Id and X-Request-Id are both HTTP_X_REQUEST_ID).
func writeFields(dst *fieldWriter, r *http.Request, out *Outbound) {
	connection := r.Header["Connection"]
	trace := out.Trace.Valid()
	for name, values := range r.Header {
		if !out.passes(name, trace) || len(connection) > 0 && listed(connection, name) {
			continue
		}
		for _, v := range values {
			dst.add(name, v)
		}
	}
	writeForwarded(dst, r, out)
	if out.RequestID != "" {
		dst.add(requestID, clean(out.RequestID))
	}
	if trace {
		writeTrace(dst, out)
	}
	for _, f := range out.Set {
		dst.add(f.Name, clean(f.Value))
	}
}

const requestID = "X-Request-Id"

func writeTrace(dst *fieldWriter, out *Outbound) {
	formats := out.TraceFormat
	if formats == 0 {
		formats = tracecontext.W3C
	}
	if formats&tracecontext.W3C != 0 {
		var text [64]byte
		dst.addBytes(tracecontext.Traceparent, out.Trace.AppendTraceparent(text[:0]))
		if out.Trace.State != "" {
			dst.add(tracecontext.Tracestate, clean(out.Trace.State))
		}
	}
	if rest := formats &^ tracecontext.W3C; rest != 0 {
		tracecontext.Inject(dst, &out.Trace, rest)
	}
}

// passes reports whether a client's field may go on to the server.
func (out *Outbound) passes(name string, trace bool) bool {
	if !plain(name) {
		name = textproto.CanonicalMIMEHeaderKey(strings.Map(toDash, name))
	}
	// Host is ours: over HTTP/2 a client may send it beside :authority, and our
	// server leaves it among the fields.
	return !isHop(name) && !isForwarding(name) && name != "Host" && !out.replaces(name, trace)
}

// replaces reports whether the field is one that we write, or that is to go.
func (out *Outbound) replaces(name string, trace bool) bool {
	switch name {
	case requestID:
		if out.RequestID != "" {
			return true
		}
	case tracecontext.Traceparent, tracecontext.Tracestate, tracecontext.B3, tracecontext.B3TraceID,
		tracecontext.B3SpanID, tracecontext.B3ParentSpanID, tracecontext.B3Sampled, tracecontext.B3Flags:
		if trace {
			return true
		}
	}
	for i := range out.Set {
		if out.Set[i].Name == name {
			return true
		}
	}
	return slices.Contains(out.Remove, name)
}

// isHop reports fields that are about one connection (RFC 9110 §7.6.1) or about
// the framing, which every hop writes for itself.
func isHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
		"Proxy-Authenticate", "Proxy-Authorization", "Http2-Settings", "Content-Length":
		return true
	}
	return false
}

// listed reports whether Connection names a field: it is about the connection,
// too. A client must not make us drop what we add: our own fields are written
// whatever it lists.
func listed(connection []string, name string) bool {
	for _, line := range connection {
		for line != "" {
			var option string
			option, line, _ = strings.Cut(line, ",")
			if strings.EqualFold(strings.Trim(option, " \t"), name) {
				return true
			}
		}
	}
	return false
}

// plain reports a name of letters, digits and dashes, which no server can take
// for another one.
func plain(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || 'z' < c) && (c < 'A' || 'Z' < c) && (c < '0' || '9' < c) && c != '-' {
			return false
		}
	}
	return true
}

func toDash(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return r
	}
	return '-'
}

// clean makes a value fit for a header field: what would end the line, or the
// text, becomes a space.
func clean(value string) string {
	if strings.IndexFunc(value, isControl) < 0 {
		return value
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, value))
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
