package probe

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
)

// oauth2 is the client credentials grant (RFC 6749 §4.4).
type oauth2 struct{ source *tokenSource }

func (o oauth2) authorize(a *attempt) (authorization, error) { return o.source.token(a) }
func (oauth2) names(func(string))                            {}
func (o oauth2) renew(used authorization)                    { o.source.drop(used.value) }

// tokenSource keeps the token that all probes with the same client share, and
// gets a new one when it is needed: one request at a time, whoever waits.
type tokenSource struct {
	http    *HTTP
	request HTTPRequest // of the token, without the client's authentication
	client  OAuth2

	mu      sync.Mutex
	value   string // Authorization, "" when there is none
	secrets []string
	expires time.Time // zero: until the server says 401
	inBody  bool      // the server wants the client's secret in the body
	flight  *flight   // a request that is under way
}

// flight is one request for a token; done is closed when it has ended.
type flight struct {
	done  chan struct{}
	token authorization
	err   error
	alone bool // it failed for a reason of its own caller's, such as its timeout
}

// maxTokenAnswer is the largest answer of an authorization server.
const maxTokenAnswer = 256 * units.KiB

// newTokenSource prepares the token request. It is made like the request that
// needs it: same proxy, TLS settings and address family.
func newTokenSource(h *HTTP, r *HTTPRequest) *tokenSource {
	o := *r.Auth.OAuth2
	s := &tokenSource{http: h, client: o}
	s.request = HTTPRequest{
		Method: http.MethodPost, URL: escapeTemplate(o.TokenURL),
		Headers: map[string]string{"Accept": "application/json"},
		Form:    map[string]string{"grant_type": "client_credentials"},
		TLS:     r.TLS, Proxy: r.Proxy, Resolve: r.Resolve, IP: r.IP,
		Redirects: &Redirects{}, MaxBody: maxTokenAnswer,
	}
	if len(o.Scopes) > 0 {
		s.request.Form["scope"] = escapeTemplate(strings.Join(o.Scopes, " "))
	}
	for name, value := range o.Params {
		s.request.Form[name] = escapeTemplate(value)
	}
	return s
}

// escapeTemplate keeps a ${ in text from being a placeholder.
func escapeTemplate(text string) string { return strings.ReplaceAll(text, "${", "$${") }

// token returns the cached token or gets one.
func (s *tokenSource) token(a *attempt) (authorization, error) {
	for {
		s.mu.Lock()
		if s.value != "" && (s.expires.IsZero() || time.Now().Before(s.expires)) {
			token := authorization{value: s.value, secrets: s.secrets, reused: true}
			s.mu.Unlock()
			return token, nil
		}
		f := s.flight
		if f == nil {
			f = &flight{done: make(chan struct{})}
			s.flight = f
			s.mu.Unlock()
			return s.fly(a, f)
		}
		s.mu.Unlock()
		select {
		case <-f.done:
			if !f.alone {
				return f.token, f.err
			}
		case <-a.ctx.Done():
			return authorization{}, a.interrupted()
		}
	}
}

// fly makes the request and tells those who wait.
func (s *tokenSource) fly(a *attempt, f *flight) (authorization, error) {
	// If fetch should panic, those who wait must not hang: they try for themselves.
	f.alone = true
	defer func() {
		s.mu.Lock()
		s.flight = nil
		s.mu.Unlock()
		close(f.done)
	}()
	f.token, f.err = s.fetch(a)
	f.alone = a.ended() != nil
	return f.token, f.err
}

// drop forgets a token that was not accepted, unless it was replaced already.
func (s *tokenSource) drop(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.value == value {
		s.value = ""
	}
}

// fetch asks the authorization server, with the client's secret where the
// server wants it: in a header as RFC 6749 §2.3.1 prefers, else in the body.
func (s *tokenSource) fetch(a *attempt) (authorization, error) {
	password := s.client.ClientSecret.Reveal()
	if s.client.ClientSecretFile != "" {
		var err error
		if password, err = s.http.readSecret(s.client.ClientSecretFile); err != nil {
			return authorization{}, failure(ClassAuth, err, "no token: %s", err)
		}
	}
	s.mu.Lock()
	inBody := s.inBody
	s.mu.Unlock()
	answer, err := s.ask(a.ctx, password, inBody)
	if err == nil && answer.clientRefused() {
		var other tokenAnswer
		if other, err = s.ask(a.ctx, password, !inBody); err == nil && other.ok() {
			answer, inBody = other, !inBody
		} else if err != nil && a.ended() == nil {
			err = nil // the first answer says what is wrong
		}
	}
	known := authorization{secrets: []string{password}} // a server may repeat it in its error
	if err != nil {
		if stop := a.interrupted(); stop != nil {
			return known, stop
		}
		return known, failure(ClassAuth, err, "no token from %s: %s", s.server(), err)
	}
	if !answer.ok() {
		return known, failure(ClassAuth, nil, "no token from %s: %s", s.server(), answer.trouble())
	}
	token := authorization{value: answer.scheme() + " " + answer.AccessToken, secrets: []string{answer.AccessToken, password}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value, s.secrets, s.expires, s.inBody = token.value, token.secrets, answer.expires(time.Now()), inBody
	return token, nil
}

// ask makes one token request.
func (s *tokenSource) ask(ctx context.Context, password string, inBody bool) (tokenAnswer, error) {
	r := s.request
	if inBody {
		form := maps.Clone(r.Form)
		form["client_id"], form["client_secret"] = escapeTemplate(s.client.ClientID), escapeTemplate(password)
		r.Form = form
	} else {
		r.Auth = &Auth{Basic: &Basic{
			Username: escapeTemplate(url.QueryEscape(s.client.ClientID)),
			Password: secret.New(escapeTemplate(url.QueryEscape(password))),
		}}
	}
	p, err := s.http.Prepare(r, Target{})
	if err != nil {
		return tokenAnswer{}, err
	}
	defer s.http.Release(p)
	resp, err := p.Do(ctx, Input{Body: KeepAll})
	if err != nil {
		return tokenAnswer{}, err
	}
	answer := tokenAnswer{status: resp.Status}
	if err := json.Unmarshal(resp.Body, &answer); err != nil {
		answer.notJSON = true
	}
	return answer, nil
}

// server is the authorization server's name, for messages.
func (s *tokenSource) server() string {
	u, err := url.Parse(s.client.TokenURL)
	if err != nil {
		return "the authorization server"
	}
	return u.Host
}

// tokenAnswer is what an authorization server says (RFC 6749 §5).
type tokenAnswer struct {
	AccessToken string          `json:"access_token"`
	TokenType   string          `json:"token_type"`
	ExpiresIn   json.RawMessage `json:"expires_in"` // a number; some servers quote it
	Error       string          `json:"error"`

	status  int
	notJSON bool
}

func (t *tokenAnswer) ok() bool {
	return t.status/100 == 2 && t.AccessToken != "" && httpguts.ValidHeaderFieldValue(t.AccessToken) &&
		(t.TokenType == "" || httpguts.ValidHeaderFieldName(t.TokenType))
}

// clientRefused reports that the server did not accept, or see, who we are.
func (t *tokenAnswer) clientRefused() bool {
	return t.status == http.StatusUnauthorized || t.status == http.StatusBadRequest && t.Error == "invalid_client"
}

// trouble says why there is no token: the status and the error field.
func (t *tokenAnswer) trouble() string {
	text := "status " + strconv.Itoa(t.status)
	switch {
	case t.Error != "":
		return text + ", error " + printable(t.Error, 64)
	case t.notJSON:
		return text + ", and the answer is not JSON"
	case t.status/100 != 2:
		return text
	case t.AccessToken == "":
		return text + ", but without access_token"
	default:
		return text + ", but the token cannot be sent in a header"
	}
}

// scheme is how the token is presented.
func (t *tokenAnswer) scheme() string {
	if t.TokenType == "" || strings.EqualFold(t.TokenType, "bearer") {
		return "Bearer"
	}
	return t.TokenType
}

// expires is when the token is to be replaced: a little before its end, so
// that it does not end on the way.
func (t *tokenAnswer) expires(now time.Time) time.Time {
	seconds, err := strconv.ParseFloat(strings.Trim(string(t.ExpiresIn), `"`), 64)
	if err != nil || seconds <= 0 || seconds > 1e9 {
		return time.Time{}
	}
	life := time.Duration(seconds * float64(time.Second))
	const early = 10 * time.Second
	return now.Add(life - min(early, life/4))
}
