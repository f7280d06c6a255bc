package probe

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// endpoint is where a connection goes: "api.example.com:443".
type endpoint struct {
	scheme    string // http or https
	host      string // name (ASCII) or address, without brackets
	port      string
	addr      netip.AddrPort // valid when host is an address: nothing to resolve
	authority string         // for the Host header: without the scheme's own port
}

// String is host:port as people write it.
func (e endpoint) String() string { return net.JoinHostPort(e.host, e.port) }

// endpointOf takes the endpoint out of an absolute http or https URL.
func endpointOf(u *url.URL) (endpoint, error) {
	e := endpoint{scheme: u.Scheme, host: u.Hostname(), port: portOf(u)}
	if e.host == "" {
		return endpoint{}, failure(ClassRequest, nil, "the URL %s has no host", u.Redacted())
	}
	if err := e.complete(); err != nil {
		return endpoint{}, err
	}
	return e, nil
}

// complete derives addr and authority from host and port.
func (e *endpoint) complete() error {
	if address, err := netip.ParseAddr(e.host); err == nil {
		port, err := strconv.ParseUint(e.port, 10, 16)
		if err != nil {
			return failure(ClassRequest, err, "%q is not a port; write a number from 1 to 65535", e.port)
		}
		e.addr = netip.AddrPortFrom(address, uint16(port))
	} else if !isASCII(e.host) {
		ascii, err := idna.Lookup.ToASCII(e.host)
		if err != nil {
			return failure(ClassRequest, err, "%q is not a host name", e.host)
		}
		e.host = ascii
	}
	e.authority = e.host
	if strings.Contains(e.host, ":") {
		e.authority = "[" + e.host + "]"
	}
	if e.port != schemePort(e.scheme) {
		e.authority += ":" + e.port
	}
	return nil
}

// parseEndpoint reads "host:port", as in `resolve`.
func parseEndpoint(text string) (endpoint, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || !isPort(port) {
		return endpoint{}, fmt.Errorf("%q is not host:port; write for example 127.0.0.1:8443 or [::1]:8443", text)
	}
	e := endpoint{scheme: "http", host: host, port: port}
	return e, e.complete()
}

func isPort(text string) bool {
	n := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' || n > 65535 {
			return false
		}
		n = 10*n + int(c-'0')
	}
	return n > 0 && n <= 65535
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// resolveURL makes an absolute URL of what a request says: absolute already, or
// a path that is appended to the API's url, its own path included.
func resolveURL(base, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, failure(ClassRequest, err, "%s is not a URL: %s", excerpt(text), rootText(err))
	}
	if u.Scheme == "" && u.Host == "" {
		if base == "" {
			return nil, failure(ClassRequest, nil, "%s is a path, but there is no API to take it on; write the whole URL or name the `api`", excerpt(text))
		}
		if u, err = onBase(base, u); err != nil {
			return nil, err
		}
	}
	return tidyURL(u)
}

// onBase appends a relative reference to the API's url.
func onBase(base string, reference *url.URL) (*url.URL, error) {
	b, err := url.Parse(base)
	if err != nil {
		return nil, failure(ClassRequest, err, "the API's url %s is not a URL: %s", excerpt(base), rootText(err))
	}
	joined := *b
	if path := strings.TrimPrefix(reference.EscapedPath(), "/"); path != "" {
		joined.RawPath = strings.TrimSuffix(b.EscapedPath(), "/") + "/" + path
		if joined.Path, err = url.PathUnescape(joined.RawPath); err != nil {
			return nil, failure(ClassRequest, err, "%s is not a path: %s", excerpt(reference.Path), rootText(err))
		}
	}
	joined.RawQuery = reference.RawQuery
	if b.RawQuery != "" {
		joined.RawQuery = joinQuery(b.RawQuery, reference.RawQuery)
	}
	return &joined, nil
}

// tidyURL checks that u can be requested and brings it into the form that is sent.
func tidyURL(u *url.URL) (*url.URL, error) {
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, failure(ClassRequest, nil, "the URL %s is not HTTP; it must begin with http:// or https://", excerpt(u.Redacted()))
	}
	u.Fragment, u.RawFragment = "", ""
	u.RawQuery = cleanQuery(u.RawQuery)
	return u, nil
}

func joinQuery(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}

// cleanQuery escapes what must not stand in a request line as it is: people
// (and servers, in redirects) write spaces and other scripts.
func cleanQuery(query string) string {
	const hex = "0123456789ABCDEF"
	clean := func(c byte) bool { return c > 0x20 && c < 0x7f && c != '"' && c != '<' && c != '>' }
	i := 0
	for i < len(query) && clean(query[i]) {
		i++
	}
	if i == len(query) {
		return query
	}
	var b strings.Builder
	for i := range len(query) {
		if c := query[i]; clean(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// requestTarget is the path and query of the request line (RFC 9112 §3.2.1).
func requestTarget(u *url.URL) string { return u.RequestURI() }

// shownURL is u for people: without user information.
func shownURL(u *url.URL) string {
	if u.User == nil {
		return u.String()
	}
	shown := *u
	shown.User = nil
	return shown.String()
}
