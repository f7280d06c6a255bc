package probe

import (
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// message is one request ready to send.
type message struct {
	method  string
	url     *url.URL
	shown   string // the URL for people; not set after a redirect
	at      endpoint
	target  string // of the request line: path and query
	host    string // Host header when it is not the URL's
	fields  []field
	body    []byte
	hasBody bool
}

// field is one header line; the name is canonical.
type field struct{ name, value string }

// fieldTemplate is a header line to fill in.
type fieldTemplate struct {
	name  string
	value template
}

// prepareURL takes the URL and the query apart.
func (p *Probe) prepareURL(r *HTTPRequest) {
	text := r.URL
	path, query, hasQuery := strings.Cut(text, "?")
	head := parseTemplate(path, pathEscape)
	if head.startsOpen() {
		head.parts[0].escape = verbatim // a whole URL or path that was captured, such as a Location
	}
	p.url = head
	if hasQuery {
		p.url.write("?")
		p.url.append(parseTemplate(query, queryEscape))
	}
	p.query = queryTemplate(r.Query)
	p.shownURL = p.showURL()
}

// showURL is the URL as far as it is known before a run.
func (p *Probe) showURL() string {
	text := p.url.String()
	if query := p.query.String(); query != "" {
		if strings.Contains(text, "?") {
			text += "&" + query
		} else {
			text += "?" + query
		}
	}
	if strings.HasPrefix(text, "${") {
		return text
	}
	if scheme, rest, found := strings.Cut(text, "://"); found {
		authority, path, slash := strings.Cut(rest, "/")
		_, authority, _ = cutLast(authority, "@")
		if slash {
			authority += "/" + path
		}
		return scheme + "://" + authority
	}
	base, err := url.Parse(p.base)
	if err != nil {
		return text
	}
	base.RawQuery, base.Fragment = "", ""
	if text != "" && !strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "?") {
		text = "/" + text
	}
	return strings.TrimSuffix(shownURL(base), "/") + text
}

// cutLast cuts around the last separator; without one, all is after it.
func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return "", text, false
}

// prepareFields collects the header lines: the request's own, and those that
// we add where it has none.
func (p *Probe) prepareFields(r *HTTPRequest) {
	given := map[string]bool{}
	for name, value := range r.Headers {
		canonical := http.CanonicalHeaderKey(name)
		if canonical == "Host" {
			p.host = parseTemplate(value, verbatim)
			continue
		}
		given[canonical] = true
		p.fields = append(p.fields, fieldTemplate{canonical, parseTemplate(value, verbatim)})
	}
	add := func(name, value string) {
		if !given[name] && value != "" {
			p.fields = append(p.fields, fieldTemplate{name, literal(value)})
		}
	}
	add("Accept", "*/*")
	if p.decompress {
		add("Accept-Encoding", "gzip")
	}
	add("Content-Type", p.body.contentType)
	add("User-Agent", p.http.options.UserAgent)
	sort.Slice(p.fields, func(i, j int) bool { return p.fields[i].name < p.fields[j].name })
}

// makeReady builds the message once when nothing in it changes from run to
// run. This finds a URL that cannot be requested, too.
func (p *Probe) makeReady() error {
	if !p.url.fixed() || !p.query.fixed() {
		return nil
	}
	u, err := p.targetURL(nil)
	if err != nil {
		return err
	}
	at, err := endpointOf(u)
	if err != nil {
		return err
	}
	fixed := p.host.fixed() && p.body.text.fixed()
	for _, f := range p.fields {
		fixed = fixed && f.value.fixed()
	}
	if !fixed {
		return nil
	}
	p.ready, err = p.fill(u, at, nil)
	return err
}

// message returns the request of one run. The result is shared between runs:
// it must not be changed.
func (p *Probe) message(vars map[string]string) (*message, error) {
	if p.ready != nil {
		return p.ready, nil
	}
	u, err := p.targetURL(vars)
	if err != nil {
		return nil, err
	}
	at, err := endpointOf(u)
	if err != nil {
		return nil, err
	}
	return p.fill(u, at, vars)
}

// targetURL fills the URL in.
func (p *Probe) targetURL(vars map[string]string) (*url.URL, error) {
	text, err := p.url.fill(vars)
	if err != nil {
		return nil, err
	}
	var u *url.URL
	if p.url.startsOpen() {
		u, err = capturedURL(p.base, text)
	} else {
		u, err = resolveURL(p.base, text)
	}
	if err != nil {
		return nil, err
	}
	query, err := p.query.fill(vars)
	if err != nil {
		return nil, err
	}
	u.RawQuery = joinQuery(u.RawQuery, query)
	return u, nil
}

// capturedURL resolves a URL that begins with a captured value as RFC 3986
// says, not as a path to append: a Location of /v1/orders/7 already has all of
// its path.
func capturedURL(base, text string) (*url.URL, error) {
	b, err := url.Parse(base)
	if err != nil {
		return nil, failure(ClassRequest, err, "the API's url %s is not a URL: %s", excerpt(base), rootText(err))
	}
	u, err := b.Parse(text)
	if err != nil {
		return nil, failure(ClassRequest, err, "%s is not a URL: %s", excerpt(text), rootText(err))
	}
	u.User = nil // a captured value brings no credentials
	return tidyURL(u)
}

// fill builds the message with the captured values.
func (p *Probe) fill(u *url.URL, at endpoint, vars map[string]string) (*message, error) {
	m := &message{method: p.method, url: u, shown: shownURL(u), at: at, target: requestTarget(u), hasBody: p.body.present}
	var err error
	if m.host, err = p.host.fill(vars); err != nil {
		return nil, err
	}
	if m.host != "" && !httpguts.ValidHostHeader(m.host) {
		return nil, failure(ClassRequest, nil, "the Host header %s is not valid", excerpt(m.host))
	}
	m.fields = make([]field, len(p.fields))
	for i, f := range p.fields {
		value, err := f.value.fill(vars)
		if err != nil {
			return nil, err
		}
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, failure(ClassRequest, nil, "the value for the header %s holds a line break or control character", f.name)
		}
		m.fields[i] = field{f.name, value}
	}
	if m.body, err = p.body.fill(vars); err != nil {
		return nil, err
	}
	return m, nil
}

// with returns a copy of m with further header lines.
func (m *message) with(fields ...field) *message {
	if len(fields) == 0 {
		return m
	}
	n := *m
	n.fields = append(slices.Clip(m.fields), fields...)
	return &n
}

// value returns the header line's value, or "".
func (m *message) value(name string) string {
	for _, f := range m.fields {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// without returns the header lines but those of the name.
func without(fields []field, name string) []field {
	return slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.name == name })
}

// withCookies adds the jar's cookies to those that the request has itself.
func (m *message) withCookies(jar http.CookieJar) *message {
	if jar == nil {
		return m
	}
	cookies := jar.Cookies(m.url)
	if len(cookies) == 0 {
		return m
	}
	var b strings.Builder
	b.WriteString(m.value("Cookie"))
	for _, c := range cookies {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		sent := http.Cookie{Name: c.Name, Value: c.Value, Quoted: c.Quoted} //nolint:gosec // attributes are for servers to set
		b.WriteString(sent.String())
	}
	n := *m
	n.fields = append(without(m.fields, "Cookie"), field{"Cookie", b.String()})
	return &n
}

// header returns the header lines as they are kept as evidence.
func (m *message) header() http.Header {
	h := make(http.Header, len(m.fields)+1)
	values := make([]string, len(m.fields)) // one allocation for all
	for i, f := range m.fields {
		if earlier, ok := h[f.name]; ok {
			h[f.name] = append(earlier, f.value)
			continue
		}
		values[i] = f.value
		h[f.name] = values[i : i+1 : i+1]
	}
	if m.host != "" {
		h["Host"] = []string{m.host}
	}
	return h
}

// sent is m as evidence.
func (m *message) sent(via *Via) Sent {
	return Sent{
		Method: m.method, URL: m.shown, Headers: m.header(),
		Body: m.body[:min(len(m.body), EvidenceSize)], Size: int64(len(m.body)), Via: via,
	}
}
