package secret

import (
	"net/http"
	"slices"
	"strings"
)

// Redactor removes secrets from what is kept or shown: known values (configured
// secrets, captured tokens) wherever they stand and however they are escaped,
// headers that carry credentials, and JSON or form members whose name says
// that they are secret.
//
// The zero value knows no values but redacts headers and names. A Redactor is
// immutable after NewRedactor and safe for concurrent use.
type Redactor struct {
	values []known
	starts [256]bool // bytes with which a value may begin
}

// MinLength is the shortest secret that is looked for, in bytes. It keeps "1"
// or "on" from blanking half of a page.
const MinLength = 4

// NewRedactor knows the given secret values; shorter ones than four bytes are
// ignored. Each value is recognised as it is, and as JSON, Go and Python
// literals, URLs and HTML write it, once or several times over.
func NewRedactor(values ...string) *Redactor { return new(Redactor).With(values...) }

// With returns a Redactor that knows more values as well.
func (r *Redactor) With(values ...string) *Redactor {
	if len(values) == 0 {
		return r
	}
	seen := make(map[string]bool, len(r.values)+len(values))
	for i := range r.values {
		seen[r.values[i].text] = true
	}
	more := &Redactor{values: slices.Clone(r.values), starts: r.starts}
	for _, text := range values {
		if len(text) < MinLength || seen[text] {
			continue
		}
		seen[text] = true
		v := newKnown(text)
		v.markStarts(&more.starts)
		more.values = append(more.values, v)
	}
	return more
}

// Text redacts free text: a body, an error message, a URL. Where the text says
// by an ellipsis that something was cut off, the beginning of a known value
// before it is a secret too.
func (r *Redactor) Text(text string) string { return r.redact(text, false) }

// Cut redacts the beginning of a longer text. The cut may have gone through a
// known value; what is left of it is dropped.
func (r *Redactor) Cut(text string) string { return r.redact(text, true) }

func (r *Redactor) redact(text string, cut bool) string {
	return hideMembers(hideUserInfo(r.hideValues(text, cut)))
}

// hideValues replaces the known values. Values that overlap are hidden
// together: what sticks out of one may be the rest of another.
func (r *Redactor) hideValues(text string, cut bool) string {
	if len(r.values) == 0 {
		return text
	}
	var (
		b          strings.Builder
		written    int
		start, end = -1, 0
		whole      bool // a whole value is in [start, end)
	)
	flush := func() {
		b.WriteString(text[written:start])
		if whole || end < len(text) {
			b.WriteString(Redacted)
		}
		written, start, whole = end, -1, false
	}
	for i := range len(text) {
		if start >= 0 && i >= end {
			flush()
		}
		if !r.starts[text[i]] {
			continue
		}
		to, all := r.longestAt(text, i, cut)
		if to <= i {
			continue
		}
		if start < 0 {
			start, end = i, to
		}
		end, whole = max(end, to), whole || all
	}
	if start >= 0 {
		flush()
	}
	if written == 0 {
		return text
	}
	b.WriteString(text[written:])
	return b.String()
}

// longestAt returns where the value ends that begins at i, or the part of one
// that a cut has left there; i when there is none.
func (r *Redactor) longestAt(text string, i int, cut bool) (end int, whole bool) {
	end = i
	for k := range r.values {
		to, all := r.values[k].at(text, i, cut)
		end, whole = max(end, to), whole || all && to > i
	}
	return end, whole
}

// sensitiveHeaders carry credentials by definition (RFC 9110 §11, RFC 6265) or by custom.
var sensitiveHeaders = map[string]bool{
	"Authorization": true, "Proxy-Authorization": true, "Cookie": true, "Set-Cookie": true,
	"X-Api-Key": true, "X-Auth-Token": true, "X-Csrf-Token": true, "X-Amz-Security-Token": true,
	"Www-Authenticate": false, "Api-Key": true, "Apikey": true, "X-Access-Token": true,
}

// Header redacts one header value by the header's name and the known values.
// An authorization scheme and a cookie's name stay readable.
func (r *Redactor) Header(name, value string) string {
	canonical := http.CanonicalHeaderKey(name)
	switch canonical {
	case "Authorization", "Proxy-Authorization":
		if scheme, _, ok := strings.Cut(value, " "); ok {
			return r.Text(scheme) + " " + Redacted
		}
		return Redacted
	case "Set-Cookie":
		pair, attributes, found := strings.Cut(value, ";")
		name, _, _ := strings.Cut(pair, "=")
		name = r.Text(name)
		if found {
			return name + "=" + Redacted + ";" + r.Text(attributes)
		}
		return name + "=" + Redacted
	}
	if SensitiveName(name) {
		return Redacted
	}
	return r.Text(value)
}
