package probe

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"

	"lapwing.dev/lapwing/internal/units"
)

// DefaultMaxBody is the largest decoded answer that is read when the request
// does not say.
const DefaultMaxBody = 10 * units.MiB

// maxHeader is the largest header section of an answer.
const maxHeader = 256 * units.KiB

// Options are what all requests have in common. The zero value works.
type Options struct {
	// UserAgent to send. Default: "Lapwing (+check)".
	UserAgent string
	// Dir is the folder that relative file names are relative to. Default: the working directory.
	Dir string
	// DialDNS connects to a name server, for which the system's configuration
	// gives the address. Default: the network.
	DialDNS func(ctx context.Context, network, address string) (net.Conn, error)
	// Roots that are trusted where a request names no `ca_file`. Default: the system's.
	Roots *x509.CertPool
}

// HTTP prepares requests and makes them. Each request has a connection of its
// own, so that every run measures DNS, Connect and TLS anew; no goroutine stays
// behind when Probe.Do has returned, and nothing stays open but the connections
// of requests with `keep_alive`, until Release.
//
// An HTTP is safe for concurrent use.
type HTTP struct {
	options Options
	dialer  net.Dialer
	h2      *http.Transport // speaks HTTP/2 on connections that dial made
	tls     shared[tlsKey, *tlsSettings]
	tokens  shared[tokenKey, *tokenSource]
	wires   sync.Pool // *wire
	bodies  sync.Pool // *bodyReader
}

// NewHTTP returns an HTTP prober.
func NewHTTP(o Options) *HTTP {
	if o.UserAgent == "" {
		o.UserAgent = "Lapwing (+check)"
	}
	h := &HTTP{options: o, h2: newHTTP2()}
	h.dialer = net.Dialer{Resolver: newResolver(o.DialDNS), KeepAlive: -1} // connections are too short-lived for TCP's keep-alives
	h.wires.New = func() any { return newWire() }
	h.bodies.New = func() any { return newBodyReader() }
	return h
}

// Target is what a request is prepared for.
type Target struct {
	// BaseURL is the API's url; a relative URL is a path on it. May be empty.
	BaseURL string
}

// Probe is a request that was checked and made ready: everything that does not
// change between runs is done. It is safe for concurrent use.
type Probe struct {
	http       *HTTP
	method     string
	url        template
	query      template
	base       string
	shownURL   string
	host       template // Host header; empty: the URL's
	fields     []fieldTemplate
	body       body
	auth       credential // nil: none
	route      route
	serverName string
	version    string // "", "1.1" or "2"
	keepAlive  bool
	idle       idle // empty without keepAlive
	redirects  Redirects
	maxBody    int64
	decompress bool
	via        *Via
	ready      *message // the whole message when there is nothing to fill in
	holes      []string
	release    func()

	credentials []string // names of the headers that hold one
	fixed       []string // secrets that are known before a run
}

// Method is the request's method.
func (p *Probe) Method() string { return p.method }

// URL is the request's whole URL for display: placeholders as written, no user
// information.
func (p *Probe) URL() string { return p.shownURL }

// Placeholders are the names of all ${name} in the request, sorted: the values
// that Do needs.
func (p *Probe) Placeholders() []string { return slices.Clone(p.holes) }

// Prepare checks the request and reads its files. The error is a
// fault.Problems when the request itself is wrong, else it names the file.
// Give the Probe back with Release.
func (h *HTTP) Prepare(r HTTPRequest, o Target) (*Probe, error) {
	if err := r.Validate().Err(); err != nil {
		return nil, err
	}
	p := &Probe{
		http: h, method: r.method(), base: o.BaseURL, version: r.version(), keepAlive: r.KeepAlive,
		redirects: Redirects{Max: DefaultRedirects}, maxBody: int64(DefaultMaxBody),
		decompress: r.Decompress == nil || *r.Decompress,
	}
	if r.Redirects != nil {
		p.redirects = *r.Redirects
	}
	if r.MaxBody > 0 {
		p.maxBody = int64(r.MaxBody)
	}
	var err error
	if p.body, err = h.prepareBody(&r); err != nil {
		return nil, err
	}
	p.prepareURL(&r)
	p.prepareFields(&r)
	if p.route, err = prepareRoute(&r); err != nil {
		return nil, err
	}
	dropTLS, err := h.prepareTLS(p, &r)
	if err != nil {
		return nil, err
	}
	dropAuth, err := h.prepareAuth(p, &r)
	if err != nil {
		dropTLS()
		return nil, err
	}
	p.release = sync.OnceFunc(func() { dropTLS(); dropAuth(); p.idle.close() })
	p.collectHoles()
	p.credentials, p.fixed = credentialHeaders(p.fields), fixedSecrets(p, &r)
	p.via = newVia(p, &r)
	if err := p.makeReady(); err != nil {
		p.release()
		return nil, err
	}
	return p, nil
}

// Release gives back what p shares with other probes (TLS settings, tokens) and
// closes the connections that it kept. Runs that are under way finish. Releasing
// twice does no harm.
func (h *HTTP) Release(p *Probe) { p.release() }

// prepareRoute reads the connection settings.
func prepareRoute(r *HTTPRequest) (route, error) {
	to := route{network: "tcp"}
	if r.IP == "4" || r.IP == "6" {
		to.network += r.IP
	}
	for from, text := range r.Resolve {
		key, err := parseEndpoint(from)
		if err != nil {
			return route{}, fmt.Errorf("resolve: %w", err)
		}
		if to.resolve == nil {
			to.resolve = map[string]endpoint{}
		}
		if to.resolve[key.String()], err = parseEndpoint(text); err != nil {
			return route{}, fmt.Errorf("resolve: %w", err)
		}
	}
	if r.Proxy != "" {
		var err error
		if to.proxy, err = parseProxy(r.Proxy); err != nil {
			return route{}, fmt.Errorf("proxy: %w", err)
		}
	}
	return to, nil
}

// prepareTLS reads the TLS files now, so that a wrong one is an error at load.
func (h *HTTP) prepareTLS(p *Probe, r *HTTPRequest) (drop func(), err error) {
	t := r.TLS
	if t == nil {
		t = &TLSConfig{}
	}
	p.serverName = t.ServerName
	files := [3][]byte{}
	for i, f := range []struct{ key, name string }{{"tls.ca_file", t.CAFile}, {"tls.cert_file", t.CertFile}, {"tls.key_file", t.KeyFile}} {
		if f.name == "" {
			continue
		}
		if files[i], err = h.readFile(f.name, maxPEM); err != nil {
			return nil, fmt.Errorf("%s: %w", f.key, err)
		}
	}
	settings, err := newTLSSettings(t, r.version(), files[0], files[1], files[2], h.options.Roots)
	if err != nil {
		return nil, err
	}
	key := tlsKey{
		ca: sha256.Sum256(files[0]), cert: sha256.Sum256(files[1]), key: sha256.Sum256(files[2]),
		min: t.MinVersion, http: r.version(), insecure: t.InsecureSkipVerify, custom: t.CAFile != "",
	}
	p.route.tls = h.tls.acquire(key, func() *tlsSettings { return settings })
	return func() { h.tls.release(key) }, nil
}

// collectHoles gathers the names of all placeholders.
func (p *Probe) collectHoles() {
	add := func(name string) {
		if !slices.Contains(p.holes, name) {
			p.holes = append(p.holes, name)
		}
	}
	p.url.names(add)
	p.query.names(add)
	p.host.names(add)
	for _, f := range p.fields {
		f.value.names(add)
	}
	p.body.text.names(add)
	if p.auth != nil {
		p.auth.names(add)
	}
	slices.Sort(p.holes)
}

// BodyNeed says how much of an answer's body is kept.
type BodyNeed int

// The needs.
const (
	KeepEvidence BodyNeed = iota // the first EvidenceSize bytes; the rest is read and counted
	KeepAll                      // all of it, up to max_body
)

// Input is what changes from run to run. The zero value works.
type Input struct {
	// Vars are captured values by name, for ${name}.
	Vars map[string]string
	// Jar holds the cookies between steps. Nil: cookies that an answer sets are not sent, not even along redirects.
	Jar http.CookieJar
	// Traceparent to send (W3C Trace Context); "" sends none.
	Traceparent string
	// Body says how much of the answer's body is kept.
	Body BodyNeed
}

// Do makes the request and measures it. It returns when the answer was read,
// something failed, or ctx ended.
//
// The Response is never nil; with an error it holds what was known until then.
// The error is an *Error; its text is short, for people, and without
// credentials from the configuration. When ctx was cancelled (not timed out),
// errors.Is(err, context.Canceled) holds and the class means nothing. The time
// that an OAuth2 token took is not part of the phases.
func (p *Probe) Do(ctx context.Context, in Input) (*Response, error) {
	a := &attempt{http: p.http, probe: p, ctx: ctx, in: in}
	resp, err := a.run()
	if err == nil && resp.Status == http.StatusUnauthorized && a.token.reused {
		// The server knows better than expires_in: once more, with a new token.
		p.auth.renew(a.token)
		again := &attempt{http: p.http, probe: p, ctx: ctx, in: in, began: a.began}
		return again.run()
	}
	return resp, err
}

// newHTTP2 returns a transport that speaks HTTP/2 on connections that are
// handed to it in the context (see exchange2).
func newHTTP2() *http.Transport {
	given := func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, ok := ctx.Value(connectionKey{}).(net.Conn)
		if !ok {
			return nil, errors.New("no connection was handed over")
		}
		return c, nil
	}
	t := &http.Transport{
		DialContext: given, DialTLSContext: given,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		MaxResponseHeaderBytes: int64(maxHeader),
		DisableCompression:     true,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP2(true)
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
}
