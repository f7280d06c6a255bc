package secret

import (
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strings"
)

// Redactor removes secrets from what is kept or shown: known values (configured
// secrets, captured tokens) wherever they stand, headers that carry
// credentials, and JSON or form members whose name says that they are secret.
//
// The zero value knows no values but redacts headers and names. A Redactor is
// immutable after NewRedactor and safe for concurrent use.
type Redactor struct {
	replacer *strings.Replacer
	values   []string
}

// minSecretLength keeps "1" or "on" from blanking half of a page.
const minSecretLength = 4

// NewRedactor knows the given secret values; shorter ones than four bytes are
// ignored. Each value is also recognised in its URL-escaped form.
func NewRedactor(values ...string) *Redactor {
	seen := map[string]bool{}
	var known []string
	for _, v := range values {
		for _, form := range []string{v, url.QueryEscape(v), url.PathEscape(v)} {
			if len(form) >= minSecretLength && !seen[form] {
				seen[form] = true
				known = append(known, form)
			}
		}
	}
	if len(known) == 0 {
		return &Redactor{}
	}
	// The longest first, so that a secret that contains another is replaced whole.
	sort.Slice(known, func(i, j int) bool { return len(known[i]) > len(known[j]) })
	pairs := make([]string, 0, 2*len(known))
	for _, v := range known {
		pairs = append(pairs, v, Redacted)
	}
	return &Redactor{replacer: strings.NewReplacer(pairs...), values: known}
}

// With returns a Redactor that knows more values as well.
func (r *Redactor) With(values ...string) *Redactor {
	if len(values) == 0 {
		return r
	}
	return NewRedactor(append(append([]string{}, r.values...), values...)...)
}

var (
	// secretName matches member and parameter names that hold credentials.
	secretName = `(?i:pass(?:word|wd|phrase)?|pwd|secret|client_secret|token|access_token|refresh_token|id_token|api[_-]?key|authorization|credential|private[_-]?key|session(?:_?id)?)`

	jsonMember = regexp.MustCompile(`("` + secretName + `"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|$)`)
	formMember = regexp.MustCompile(`((?:^|[?&;])` + secretName + `=)[^&\s;#"]+`)
)

// Text redacts free text: a body, an error message, a URL.
func (r *Redactor) Text(text string) string {
	if r.replacer != nil {
		text = r.replacer.Replace(text)
	}
	text = jsonMember.ReplaceAllString(text, `$1"`+Redacted+`"`)
	return formMember.ReplaceAllString(text, `${1}`+Redacted)
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
	if !sensitiveHeaders[canonical] {
		return r.Text(value)
	}
	switch canonical {
	case "Authorization", "Proxy-Authorization":
		if scheme, _, ok := strings.Cut(value, " "); ok {
			return scheme + " " + Redacted
		}
	case "Set-Cookie":
		pair, attributes, found := strings.Cut(value, ";")
		name, _, _ := strings.Cut(pair, "=")
		if found {
			return name + "=" + Redacted + ";" + attributes
		}
		return name + "=" + Redacted
	}
	return Redacted
}
