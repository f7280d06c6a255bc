package probe

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"lapwing.dev/lapwing/internal/fault"
)

// method is the request's method with its default.
func (r *HTTPRequest) method() string {
	switch {
	case r.Method != "":
		return r.Method
	case len(r.bodies()) > 0:
		return http.MethodPost
	default:
		return http.MethodGet
	}
}

// version is the HTTP version that is forced, "" when ALPN chooses. A connection
// that is kept speaks HTTP/1.1.
func (r *HTTPRequest) version() string {
	if r.HTTP == "" && r.KeepAlive {
		return "1.1"
	}
	return r.HTTP
}

// bodies lists the kinds of body that are given.
func (r *HTTPRequest) bodies() []string {
	var kinds []string
	for _, kind := range []struct {
		name  string
		given bool
	}{
		{"json", r.JSON != nil},
		{"form", r.Form != nil},
		{"multipart", r.Multipart != nil},
		{"graphql", r.GraphQL != nil},
		{"body", r.Body != ""},
		{"body_file", r.BodyFile != ""},
	} {
		if kind.given {
			kinds = append(kinds, kind.name)
		}
	}
	return kinds
}

// parsedURL is the URL with its placeholders filled with something harmless;
// nil when it is not a URL, or wholly captured.
func (r *HTTPRequest) parsedURL() *url.URL {
	t := parseTemplate(r.URL, verbatim)
	if t.startsOpen() {
		return nil
	}
	vars := map[string]string{}
	t.names(func(name string) { vars[name] = "1" })
	text, err := t.fill(vars)
	if err != nil {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	return u
}

// Validate reports every mistake in the request that can be seen without
// touching a file or the network. Paths are relative to the request:
// "auth.oauth2.token_url".
func (r *HTTPRequest) Validate() fault.Problems {
	var ps fault.Problems
	r.validateURL(&ps)
	r.validateHeaders(&ps)
	r.validateQuery(&ps)
	r.validateBody(&ps)
	if r.Auth != nil {
		ps.Merge("auth", r.Auth.validate())
		if _, given := r.header("Authorization"); given && r.Auth.kinds() != nil {
			ps.Add("auth", "remove one of them", "the request has both auth and an Authorization header")
		}
	}
	if r.TLS != nil {
		ps.Merge("tls", r.TLS.validate())
	}
	r.validateConnection(&ps)
	if r.Redirects != nil {
		ps.Merge("redirects", r.Redirects.validate())
	}
	if r.MaxBody < 0 {
		ps.Add("max_body", "write a size such as 1MiB", "must not be negative")
	}
	return ps
}

// header returns a configured header by its name in any case.
func (r *HTTPRequest) header(name string) (string, bool) {
	for n, value := range r.Headers {
		if strings.EqualFold(n, name) {
			return value, true
		}
	}
	return "", false
}

func (r *HTTPRequest) validateURL(ps *fault.Problems) {
	if r.Method != "" && !httpguts.ValidHeaderFieldName(r.Method) { // both are tokens
		ps.Add("method", "write a method such as GET or POST", "%s is not a method", excerpt(r.Method))
	} else if upper := strings.ToUpper(r.Method); upper != r.Method && isStandardMethod(upper) {
		ps.Add("method", "write "+upper, "methods are case-sensitive: %q is not %s", r.Method, upper)
	} else if r.Method == http.MethodConnect {
		ps.Add("method", "to go through a proxy, use `proxy`", "CONNECT cannot be probed")
	}
	if parseTemplate(r.URL, verbatim).startsOpen() {
		return
	}
	u := r.parsedURL()
	switch {
	case u == nil:
		ps.Add("url", "write for example https://api.example.com/health or /health", "%s is not a URL", excerpt(r.URL))
	case u.Scheme == "" && u.Host != "":
		ps.Add("url", "write https:"+shownURL(u), "the URL has a host but no scheme")
	case u.Scheme == "" && looksLikeHost(u.Path):
		ps.Add("url", "did you mean https://"+u.Path+"?", "%s has no scheme", excerpt(r.URL))
	case u.Scheme == "":
	case u.Scheme != "http" && u.Scheme != "https":
		ps.Add("url", "it must begin with http:// or https://", "%s is not HTTP", excerpt(u.Scheme+":"))
	case u.Hostname() == "":
		ps.Add("url", "write for example https://api.example.com/health", "the URL has no host")
	case u.Port() != "" && !isPort(u.Port()):
		ps.Add("url", "write a number from 1 to 65535", "%q is not a port", u.Port())
	}
	if u != nil && u.User != nil && r.Auth.kinds() != nil {
		ps.Add("auth", "remove one of them", "the request has both auth and a user in its URL")
	}
}

// looksLikeHost recognises "api.example.com/health" without a scheme.
func looksLikeHost(path string) bool {
	host, _, _ := strings.Cut(path, "/")
	return strings.Contains(host, ".") && !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, ".")
}

func isStandardMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect:
		return true
	}
	return false
}

func (r *HTTPRequest) validateHeaders(ps *fault.Problems) {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		value := r.Headers[name]
		path := "headers." + name
		canonical := http.CanonicalHeaderKey(name)
		if other, twice := seen[canonical]; twice {
			ps.Add(path, "remove one of them", "the header is given twice, as %s too", other)
		}
		seen[canonical] = name
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			ps.Add(path, "a name has letters, digits and hyphens", "%s is not a header name", excerpt(name))
		case !httpguts.ValidHeaderFieldValue(value):
			ps.Add(path, "write it in one line", "the value holds a line break or control character")
		case canonical == "Content-Length", canonical == "Transfer-Encoding", canonical == "Connection":
			ps.Add(path, "remove it", "%s is set by the prober itself", canonical)
		}
	}
}

func (r *HTTPRequest) validateQuery(ps *fault.Problems) {
	for _, name := range slices.Sorted(maps.Keys(r.Query)) {
		list, ok := r.Query[name].([]any)
		if !ok {
			list = []any{r.Query[name]}
		}
		for i, value := range list {
			if _, ok := scalarText(value); ok {
				continue
			}
			path := "query." + name
			if len(list) > 1 {
				path += fmt.Sprintf("[%d]", i)
			}
			ps.Add(path, "write a text, a number, true or false, or a list of them", "a parameter cannot hold %s", kindOf(value))
		}
	}
}

func kindOf(value any) string {
	switch value.(type) {
	case []any:
		return "a list in a list"
	case map[string]any:
		return "a map"
	default:
		return fmt.Sprintf("a %T", value)
	}
}

func (r *HTTPRequest) validateBody(ps *fault.Problems) {
	if kinds := r.bodies(); len(kinds) > 1 {
		ps.Add(kinds[1], "keep one of them", "a request has one body, but this one has %s", strings.Join(kinds, " and "))
	}
	if r.JSON != nil {
		if _, err := marshalJSON(r.JSON); err != nil {
			ps.Add("json", "keys must be texts, numbers finite", "cannot be written as JSON: %s", rootText(err))
		}
	}
	if g := r.GraphQL; g != nil {
		if strings.TrimSpace(g.Query) == "" {
			ps.Add("graphql.query", "write for example { orders { id } }", "is missing")
		}
		if _, err := marshalJSON(g.Variables); err != nil {
			ps.Add("graphql.variables", "keys must be texts, numbers finite", "cannot be written as JSON: %s", rootText(err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Multipart)) {
		part := r.Multipart[name]
		if part.Value != "" && part.File != "" {
			ps.Add("multipart."+name, "keep one of them", "a part has a value or a file, not both")
		}
		if !httpguts.ValidHeaderFieldValue(part.Type) {
			ps.Add("multipart."+name+".type", "write for example image/png", "%s is not a content type", excerpt(part.Type))
		}
	}
}

func (r *HTTPRequest) validateConnection(ps *fault.Problems) {
	if r.Proxy != "" {
		if p, err := parseProxy(r.Proxy); err != nil {
			ps.Add("proxy", "", "%s", err)
		} else {
			if len(r.Resolve) > 0 {
				ps.Add("resolve", "remove one of them", "has no effect with a proxy, which resolves names itself")
			}
			if u := r.parsedURL(); r.HTTP == "2" && p.scheme != "socks5" && u != nil && u.Scheme == "http" {
				ps.Add("http", "use https:// or a socks5 proxy", "HTTP/2 without TLS cannot go through an HTTP proxy")
			}
		}
	}
	for _, from := range slices.Sorted(maps.Keys(r.Resolve)) {
		for _, text := range []string{from, r.Resolve[from]} {
			if _, err := parseEndpoint(text); err != nil {
				ps.Add("resolve", "", "%s", err)
			}
		}
	}
	if !slices.Contains([]string{"", "any", "4", "6"}, r.IP) {
		ps.Add("ip", "write any, 4 or 6", "%q is no address family", r.IP)
	}
	if !slices.Contains([]string{"", "1.1", "2"}, r.HTTP) {
		ps.Add("http", `write "1.1" or "2"`, "HTTP version %q cannot be forced", r.HTTP)
	}
	switch method := r.method(); {
	case !r.KeepAlive:
	case r.HTTP == "2":
		ps.Add("keep_alive", "remove one of them", "only HTTP/1.1 connections are kept open, but `http` forces HTTP/2")
	case !idempotent(method) && httpguts.ValidHeaderFieldName(method):
		ps.Add("keep_alive", "remove it", "%s always has a new connection: on an old one it might have to be sent twice, which is not safe", method)
	}
}

// kinds lists the kinds of authentication that are given; nil when none.
func (a *Auth) kinds() []string {
	if a == nil {
		return nil
	}
	var kinds []string
	for _, kind := range []struct {
		name  string
		given bool
	}{
		{"basic", a.Basic != nil},
		{"bearer", !a.Bearer.IsZero()},
		{"bearer_file", a.BearerFile != ""},
		{"oauth2", a.OAuth2 != nil},
	} {
		if kind.given {
			kinds = append(kinds, kind.name)
		}
	}
	return kinds
}

func (a *Auth) validate() fault.Problems {
	var ps fault.Problems
	switch kinds := a.kinds(); len(kinds) {
	case 0:
		ps.Add("", "write basic, bearer, bearer_file or oauth2", "says nothing")
	case 1:
	default:
		ps.Add(kinds[1], "keep one of them", "a request proves itself in one way, but this one has %s", strings.Join(kinds, " and "))
	}
	if !httpguts.ValidHeaderFieldValue(a.Bearer.Reveal()) {
		ps.Add("bearer", "write it in one line", "the token holds a line break or control character")
	}
	if b := a.Basic; b != nil {
		if strings.Contains(b.Username, ":") {
			ps.Add("basic.username", "", "must not contain a colon (RFC 7617)")
		}
		if !b.Password.IsZero() && b.PasswordFile != "" {
			ps.Add("basic.password_file", "keep one of them", "the password is given twice")
		}
	}
	if a.OAuth2 != nil {
		ps.Merge("oauth2", a.OAuth2.validate())
	}
	return ps
}

func (o *OAuth2) validate() fault.Problems {
	var ps fault.Problems
	u, err := url.Parse(o.TokenURL)
	switch {
	case o.TokenURL == "":
		ps.Add("token_url", "write for example https://login.example.com/oauth2/token", "is missing")
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		ps.Add("token_url", "write for example https://login.example.com/oauth2/token", "%s is not an absolute HTTP URL", excerpt(o.TokenURL))
	}
	if o.ClientID == "" {
		ps.Add("client_id", "", "is missing")
	}
	if !o.ClientSecret.IsZero() && o.ClientSecretFile != "" {
		ps.Add("client_secret_file", "keep one of them", "the client secret is given twice")
	}
	for _, name := range []string{"grant_type", "scope", "client_id", "client_secret"} {
		if _, given := o.Params[name]; given {
			ps.Add("params."+name, "remove it", "is set by the request itself")
		}
	}
	return ps
}

func (t *TLSConfig) validate() fault.Problems {
	var ps fault.Problems
	if t.CertFile != "" && t.KeyFile == "" {
		ps.Add("key_file", "name the certificate's key", "is missing beside cert_file")
	}
	if t.KeyFile != "" && t.CertFile == "" {
		ps.Add("cert_file", "name the key's certificate", "is missing beside key_file")
	}
	if !slices.Contains([]string{"", "1.2", "1.3"}, t.MinVersion) {
		ps.Add("min_version", `write "1.2" or "1.3"`, "%q is no TLS version that can be asked for", t.MinVersion)
	}
	return ps
}

func (r *Redirects) validate() fault.Problems {
	var ps fault.Problems
	if r.Max < 0 || r.Max > maxRedirects {
		ps.Add("max", "", "must be from 0 to %d", maxRedirects)
	}
	if r.SameHost && r.Max == 0 {
		ps.Add("max", "write max: 10, or `redirects: same-host`", "0 follows none, so same_host has no effect")
	}
	return ps
}
