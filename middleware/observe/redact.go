package observe

import (
	"bytes"
	"strings"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

// RedactOptions change what a Redactor hides.
type RedactOptions struct {
	// Names of more query parameters to hide. Case, - and _ do not matter.
	Names []string

	// Keep are names that are not hidden although they look like those that are.
	Keep []string

	// KeepPaths leaves long random texts in paths as they are, for APIs whose
	// ids look like secrets (digests, trace ids).
	KeepPaths bool
}

// Redactor hides secrets that clients put into URLs: values of parameters whose
// name says so (token, password, code, signature …), values that are tokens by
// their form, credentials before an @, and long random texts in paths. Whoever
// makes an Exchange applies it before anybody else sees the record.
//
// The zero value and the nil Redactor hide the usual. It is immutable and safe
// for concurrent use; where there is nothing to hide it allocates nothing.
type Redactor struct {
	names     map[string]bool // normalized; true: hide, false: keep
	keepPaths bool
}

// NewRedactor returns a redactor with options.
func NewRedactor(o RedactOptions) *Redactor {
	r := &Redactor{names: map[string]bool{}, keepPaths: o.KeepPaths}
	for _, name := range o.Names {
		r.names[normalized(name)] = true
	}
	for _, name := range o.Keep {
		r.names[normalized(name)] = false
	}
	return r
}

// Apply hides secrets in the exchange and cuts its texts at their bounds.
func (r *Redactor) Apply(e *Exchange) {
	e.Path = r.Path(whole(e.Path, MaxPath, '/'))
	e.Query = r.Query(whole(e.Query, MaxQuery, '&'))
	e.Host = withoutUser(e.Host)
	e.Upstream = withoutUser(e.Upstream)
	e.Trim()
}

// whole cuts a text that is far too long at a separator, so that looking through
// it stays cheap and no half of a secret is left at its end.
func whole(text string, most int, separator byte) string {
	if len(text) <= 4*most {
		return text
	}
	end := strings.LastIndexByte(text[:4*most], separator)
	if end < 0 {
		return Redacted
	}
	return text[:end+1]
}

// Query hides secret values in a raw query.
func (r *Redactor) Query(raw string) string {
	if strings.IndexByte(raw, '=') < 0 && len(raw) < minToken {
		return raw
	}
	return rewrite(raw, '&', r.pair)
}

// Path hides secrets in an escaped path: long random segments, and parameters
// (;jsessionid=…).
func (r *Redactor) Path(path string) string {
	if len(path) < minToken && strings.IndexByte(path, ';') < 0 {
		return path
	}
	return rewrite(path, '/', r.segment)
}

// rewrite replaces, in each part between separators (the one given, and ;), what
// hide says: the bytes from keep on. It returns text itself when no part has any.
func rewrite(text string, separator byte, hide func(part string) (keep int, found bool)) string {
	var out []byte
	written := 0
	for start := 0; start <= len(text); {
		end := start
		for end < len(text) && text[end] != separator && text[end] != ';' {
			end++
		}
		if keep, found := hide(text[start:end]); found {
			out = append(out, text[written:start+keep]...)
			out = append(out, Redacted...)
			written = end
		}
		start = end + 1
	}
	if written == 0 {
		return text
	}
	return string(append(out, text[written:]...))
}

// pair says what to hide of name=value.
func (r *Redactor) pair(part string) (keep int, found bool) {
	name, value, ok := strings.Cut(part, "=")
	if !ok { // a lone value, as in ?eyJ…
		return 0, isToken(part)
	}
	if value == "" || value == Redacted {
		return 0, false
	}
	return len(name) + 1, isSecret(r, name) || isToken(value) || r.secretWithin(value)
}

// segment says what to hide of one part of a path.
func (r *Redactor) segment(part string) (keep int, found bool) {
	if name, value, ok := strings.Cut(part, "="); ok {
		return len(name) + 1, value != "" && value != Redacted && (isSecret(r, name) || isToken(value) || !r.hidesNoPaths() && isRandom(value))
	}
	return 0, isToken(part) || !r.hidesNoPaths() && isRandom(part)
}

func (r *Redactor) hidesNoPaths() bool { return r != nil && r.keepPaths }

// secretWithin looks into a value that holds a URL or a query of its own, escaped:
// ?next=%2Fcallback%3Fcode%3D… and ?url=https%3A%2F%2Fuser:password@host.
func (r *Redactor) secretWithin(value string) bool {
	if strings.IndexByte(value, '%') < 0 && strings.IndexByte(value, '@') < 0 && strings.IndexByte(value, '=') < 0 {
		return false
	}
	var buffer [maxWithin]byte // of more than this nothing is kept anyway
	inner := buffer[:copy(buffer[:], value)]
	for range maxUnescape {
		if r.secretInText(inner) {
			return true
		}
		if bytes.IndexByte(inner, '%') < 0 {
			return false
		}
		inner = unescape(inner)
	}
	return r.secretInText(inner)
}

// secretInText looks for name=secret and for user:password@ in plain text.
func (r *Redactor) secretInText(text []byte) bool {
	if at := bytes.IndexByte(text, '@'); at >= 0 && bytes.Contains(text[:at], []byte("//")) {
		return true
	}
	for i := range len(text) {
		if text[i] != '=' {
			continue
		}
		start := i
		for start > 0 && isNameByte(text[start-1]) {
			start--
		}
		if i+1 < len(text) && isSecret(r, text[start:i]) {
			return true
		}
	}
	return false
}

// withoutUser cuts credentials out of an authority or a URL.
func withoutUser(text string) string {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text
	}
	if scheme, rest, ok := strings.Cut(text, "://"); ok && strings.IndexByte(rest, '@') >= 0 {
		return scheme + "://" + text[at+1:]
	}
	return text[at+1:]
}
