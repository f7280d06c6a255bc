package upstream

import (
	"net/http"
	"strings"
)

// framing gathers what says where an answer ends.
type framing struct {
	minor     byte // '0' or '1' of HTTP/1.x
	length    int64
	hasLength bool
	encodings int
}

// frame decides where the answer ends (RFC 9112 §6.3). Whatever is
// contradictory, in a way that another reader could decide otherwise, is an error
// or ends the connection.
func (a *answer) frame(f *framing) error {
	for i := range a.fields {
		field := &a.fields[i]
		switch field.Name {
		case "Content-Length":
			n, ok := parseLength(field.Value)
			if !ok || f.hasLength && n != f.length {
				return protocolError("Content-Length is no number, or there are several")
			}
			f.length, f.hasLength = n, true
		case "Transfer-Encoding":
			f.encodings++
			if f.encodings > 1 || !strings.EqualFold(field.Value, "chunked") {
				return protocolError("a Transfer-Encoding other than chunked")
			}
		case "Connection", "Proxy-Connection":
			closes := hasOption(field.Value, "close")
			a.last = a.last || closes
			a.named = a.named || !closes && !strings.EqualFold(field.Value, "keep-alive") || strings.Contains(field.Value, ",")
		case "Content-Type":
			a.stream = a.stream || streamType(field.Value)
		case "Retry-After":
			a.retry = true
		}
	}
	if f.minor == '0' {
		a.last = true // a connection of HTTP/1.0 is used once
		if f.encodings > 0 {
			return protocolError("Transfer-Encoding in HTTP/1.0")
		}
	}
	switch {
	case f.encodings > 0:
		// With both, the length is a lie (RFC 9112 §6.3): it goes no further, and
		// neither does the connection.
		a.chunked, a.last = true, a.last || f.hasLength
		if f.hasLength {
			a.drop("Content-Length")
		}
	case f.hasLength:
		a.length = f.length
		a.dropRepeated("Content-Length")
	}
	return nil
}

// hasBody reports whether a body follows, whatever the header says of it.
func (a *answer) hasBody(method string) bool {
	return method != http.MethodHead && a.status >= 200 && a.status != http.StatusNoContent && a.status != http.StatusNotModified
}

// isNamed reports whether Connection names a field (RFC 9110 §7.6.1).
func (a *answer) isNamed(name string) bool {
	for i := range a.fields {
		if a.fields[i].Name == "Connection" && hasOption(a.fields[i].Value, name) {
			return true
		}
	}
	return false
}

func (a *answer) drop(name string) {
	kept := a.fields[:0]
	for _, f := range a.fields {
		if f.Name != name {
			kept = append(kept, f)
		}
	}
	a.fields = kept
}

// dropRepeated leaves the first one of fields that say the same.
func (a *answer) dropRepeated(name string) {
	kept, seen := a.fields[:0], false
	for _, f := range a.fields {
		if f.Name == name {
			if seen {
				continue
			}
			seen = true
		}
		kept = append(kept, f)
	}
	a.fields = kept
}

// parseLength reads digits, and nothing but digits.
func parseLength(s string) (n int64, ok bool) {
	if s == "" || len(s) > 19 {
		return 0, false
	}
	for i := range len(s) {
		c := s[i]
		if c < '0' || '9' < c {
			return 0, false
		}
		if n = n*10 + int64(c-'0'); n < 0 || n > maxLength {
			return 0, false
		}
	}
	return n, true
}

// hasOption reports whether a comma-separated list has an option.
func hasOption(list, option string) bool {
	if strings.EqualFold(list, option) {
		return true
	}
	for part := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.Trim(part, " \t"), option) {
			return true
		}
	}
	return false
}
