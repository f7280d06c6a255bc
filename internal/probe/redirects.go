package probe

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// DefaultRedirects is how many redirects are followed when the request does
// not say.
const DefaultRedirects = 10

// maxRedirects bounds what may be configured: nobody means more.
const maxRedirects = 100

// FromScalar reads the short forms: `none`, `same-host`, or a number.
func (r *Redirects) FromScalar(text string) error {
	switch text {
	case "none":
		*r = Redirects{}
		return nil
	case "same-host":
		*r = Redirects{Max: DefaultRedirects, SameHost: true}
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is no redirect policy; write none, same-host or the number to follow at most", text)
	}
	*r = Redirects{Max: n}
	return nil
}

// redirected returns where an answer points to: nil when it is no redirect.
func redirected(from *url.URL, status int, header http.Header) (*url.URL, error) {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	location := header.Get("Location")
	if location == "" {
		return nil, nil // an answer like any other: there is nowhere to go
	}
	to, err := from.Parse(location)
	if err != nil {
		return nil, failure(ClassRedirect, err, "redirect to %s, which is no URL", excerpt(location))
	}
	if to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return nil, failure(ClassRedirect, nil, "redirect to %s, which is not HTTP", excerpt(location))
	}
	to.User = nil // credentials from the configuration only
	to.Fragment, to.RawFragment = "", ""
	to.RawQuery = cleanQuery(to.RawQuery)
	return to, nil
}

// allow says whether one more redirect may be followed; visited holds the URLs
// so far, the first request's included.
func (r Redirects) allow(from, to *url.URL, visited []string) error {
	if r.SameHost && !sameHost(from, to) {
		return failure(ClassRedirect, nil, "redirect to %s is to another host, which `redirects: same-host` refuses", to.Redacted())
	}
	if len(visited) <= r.Max {
		return nil
	}
	next := to.String()
	for i, u := range slices.Backward(visited) {
		if u == next {
			return failure(ClassRedirect, nil, "redirect loop: %s", strings.Join(append(shorten(visited[i:]), next), " → "))
		}
	}
	return failure(ClassRedirect, nil, "more than %d redirects; the last to %s", r.Max, excerpt(next))
}

// shorten leaves the middle of a long loop out.
func shorten(urls []string) []string {
	const shown = 4
	if len(urls) <= shown {
		return append([]string{}, urls...)
	}
	return append(append([]string{}, urls[:shown]...), "…")
}

// sameHost reports whether both URLs are on one host; a port is part of it,
// except that http and https on their own ports are the same.
func sameHost(a, b *url.URL) bool {
	if !strings.EqualFold(a.Hostname(), b.Hostname()) {
		return false
	}
	return portOf(a) == portOf(b) || ownPort(a) && ownPort(b)
}

// trusts reports whether what was meant for a may be told to b: the same host,
// and not in the clear when it was encrypted.
func trusts(a, b *url.URL) bool {
	return sameHost(a, b) && (a.Scheme == b.Scheme || b.Scheme == "https")
}

func ownPort(u *url.URL) bool { return u.Port() == "" || u.Port() == schemePort(u.Scheme) }

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return schemePort(u.Scheme)
}

func schemePort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

// credentialNames are parts of header names that carry credentials.
var credentialNames = []string{"auth", "cookie", "token", "key", "secret", "session", "password", "credential", "signature"}

// carriesCredentials reports whether a header of that name must not be told to
// another host. It is wider than net/http, which knows the standard ones only:
// an X-Api-Key is as good as an Authorization.
func carriesCredentials(name string) bool {
	lower := strings.ToLower(name)
	for _, word := range credentialNames {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return false
}

// afterRedirect returns the request to send to to, as RFC 9110 §15.4 and every
// browser have it: 307 and 308 repeat it; 303, and 301 or 302 after a POST,
// become a GET without a body.
func (m *message) afterRedirect(status int, to *url.URL) (*message, error) {
	at, err := endpointOf(to)
	if err != nil {
		return nil, err
	}
	next := &message{method: m.method, url: to, at: at, target: requestTarget(to)}
	keepsBody := true
	switch status {
	case http.StatusSeeOther:
		if m.method != http.MethodHead {
			next.method = http.MethodGet
		}
		keepsBody = false
	case http.StatusMovedPermanently, http.StatusFound:
		if m.method == http.MethodPost {
			next.method = http.MethodGet
			keepsBody = false
		}
	}
	if keepsBody {
		next.body, next.hasBody = m.body, m.hasBody
	}
	same := trusts(m.url, to)
	if same {
		next.host = m.host
	}
	for _, f := range m.fields {
		if !keepsBody && strings.HasPrefix(f.name, "Content-") || !same && carriesCredentials(f.name) {
			continue
		}
		next.fields = append(next.fields, f)
	}
	return next, nil
}
