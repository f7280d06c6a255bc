package assert

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm"

	"lapwing.dev/lapwing/internal/probe"
)

// maxEval is how long one assertion may take. Only a body made to be slow, or an
// assertion that compares every element with every other, comes near it.
const maxEval = time.Second

// Answer is one measured answer as assertions see it. What is costly (JSON,
// headers by name) is made when the first assertion needs it and kept for the
// others. An Answer is for one goroutine at a time.
type Answer struct {
	env environment
	vm  vm.VM // reused by every assertion on this answer

	stack    [8]any // the vm's first stack, enough for most assertions
	response *probe.Response
	headers  map[string]any
	cookies  map[string]*cookie
	body     *string
	tls      *certificate

	decoded bool
	json    any
	jsonErr error

	deadline time.Time // of the evaluation in progress
}

// NewAnswer returns the answer for assertions. It keeps resp and vars, which
// must not change while it is used; vars are the values that earlier steps
// captured. attempt counts from 1.
func NewAnswer(resp *probe.Response, vars map[string]any, attempt int) *Answer {
	if resp == nil {
		resp = &probe.Response{}
	}
	a := &Answer{response: resp}
	a.env = environment{
		Status:    resp.Status,
		Latency:   resp.Phases.Total(),
		DNS:       resp.Phases.DNS,
		Connect:   resp.Phases.Connect,
		Handshake: resp.Phases.TLS,
		TTFB:      resp.Phases.TTFB,
		Transfer:  resp.Phases.Transfer,
		Size:      int(resp.Size),
		Protocol:  resp.Protocol,
		Redirects: resp.Redirects,
		IP:        host(resp.RemoteAddr),
		Attempt:   attempt,
		Vars:      vars,
		answer:    a,
	}
	a.vm.Stack = a.stack[:0]
	return a
}

// run evaluates one program. Its error is a noValue where the cause is known.
func (a *Answer) run(program *vm.Program) (any, error) {
	return a.vm.Run(program, &a.env)
}

func host(addr string) string {
	if h, _, err := net.SplitHostPort(addr); err == nil {
		return h
	}
	return addr
}

// environment is what the parser's names mean. Fields are what an assertion
// names directly; the methods are called by the tree that lower made, never by
// an assertion itself. The methods have no pointer receiver since only a plain
// struct's fields and methods are found at compile time; a pointer's are looked
// up by name in every evaluation.
type environment struct {
	Status    int            `expr:"status"`
	Latency   time.Duration  `expr:"latency"`
	DNS       time.Duration  `expr:"dns"`
	Connect   time.Duration  `expr:"connect"`
	Handshake time.Duration  `expr:"tls handshake"`
	TTFB      time.Duration  `expr:"ttfb"`
	Transfer  time.Duration  `expr:"transfer"`
	Size      int            `expr:"size"`
	Protocol  string         `expr:"protocol"`
	Redirects []string       `expr:"redirects"`
	IP        string         `expr:"ip"`
	Attempt   int            `expr:"attempt"`
	Vars      map[string]any `expr:"vars"`

	answer *Answer
}

// certificate is `tls` as an object.
type certificate struct {
	ExpiresIn time.Duration `expr:"expires_in"`
	Expires   time.Time     `expr:"expires"`
	Version   string        `expr:"version"`
	Cipher    string        `expr:"cipher"`
	Subject   string        `expr:"subject"`
	Issuer    string        `expr:"issuer"`
	DNSNames  []string      `expr:"dns_names"`
}

// cookie is one of `cookies`.
type cookie struct {
	Value    string    `expr:"value"`
	Secure   bool      `expr:"secure"`
	HTTPOnly bool      `expr:"http_only"`
	SameSite string    `expr:"same_site"`
	Path     string    `expr:"path"`
	Domain   string    `expr:"domain"`
	Expires  time.Time `expr:"expires"`
}

// JSON is `json`.
func (e environment) JSON() (any, error) { return e.answer.decodedJSON() }

func (a *Answer) decodedJSON() (any, error) {
	if !a.decoded {
		a.decoded = true
		a.json, a.jsonErr = decodeJSON(a.response.Body)
	}
	return a.json, a.jsonErr
}

// BodyText is `body`.
func (e environment) BodyText() string {
	a := e.answer
	if a.body == nil {
		body := string(a.response.Body)
		a.body = &body
	}
	return *a.body
}

// HeaderTexts is `headers`: by lower-case name.
func (e environment) HeaderTexts() map[string]any {
	a := e.answer
	if a.headers == nil {
		a.headers = make(map[string]any, len(a.response.Headers))
		for name, values := range a.response.Headers {
			a.headers[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	return a.headers
}

// SetCookies is `cookies`: by name.
func (e environment) SetCookies() map[string]*cookie {
	a := e.answer
	if a.cookies == nil {
		a.cookies = make(map[string]*cookie, len(a.response.Cookies))
		for _, c := range a.response.Cookies {
			if c == nil {
				continue
			}
			a.cookies[c.Name] = &cookie{
				Value: c.Value, Secure: c.Secure, HTTPOnly: c.HttpOnly, SameSite: sameSite(c.SameSite),
				Path: c.Path, Domain: c.Domain, Expires: c.Expires,
			}
		}
	}
	return a.cookies
}

func sameSite(s http.SameSite) string {
	switch s {
	case http.SameSiteLaxMode:
		return "lax"
	case http.SameSiteStrictMode:
		return "strict"
	case http.SameSiteNoneMode:
		return "none"
	default:
		return ""
	}
}

// noTLS is why tls.version has no value on plain HTTP.
const noTLS = "no TLS"

// Certificate is `tls` in `tls.version`.
func (e environment) Certificate() (*certificate, error) {
	if c := e.MaybeCertificate(); c != nil {
		return c, nil
	}
	return nil, &noValue{noTLS}
}

// MaybeCertificate is `tls` in `tls?.version`: nil on plain HTTP.
func (e environment) MaybeCertificate() *certificate {
	a := e.answer
	if t := a.response.TLS; t != nil && a.tls == nil {
		a.tls = &certificate{
			ExpiresIn: time.Until(t.Expires), Expires: t.Expires,
			Version: t.Version, Cipher: t.Cipher, Subject: t.Subject, Issuer: t.Issuer, DNSNames: t.DNSNames,
		}
	}
	return a.tls
}

// Tick is called for each element that a condition looks at, so that no body
// can keep an assertion busy for long. It panics because only functions without
// an error are called without reflection; the VM turns that into an error.
func (e environment) Tick() bool {
	if time.Now().After(e.answer.deadline) {
		panic(tooSlow())
	}
	return true
}

func tooSlow() error { return faultf("took longer than %s to evaluate", maxEval) }
