package probe

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"

	"golang.org/x/net/http/httpguts"
)

// credential makes the Authorization of each run.
type credential interface {
	// authorize returns what to send in this run. It may ask an authorization
	// server, and ends with the attempt's context.
	authorize(a *attempt) (authorization, error)
	// names calls add with the name of each placeholder.
	names(add func(string))
	// renew says that the server did not accept an authorization that was reused.
	renew(authorization)
}

// authorization is an Authorization header line.
type authorization struct {
	value   string
	secrets []string // in it, to be redacted
	reused  bool     // it was good before and may have been withdrawn
}

// prepareAuth makes the request's credential and checks that its files can be read.
func (h *HTTP) prepareAuth(p *Probe, r *HTTPRequest) (drop func(), err error) {
	drop = func() {}
	auth := r.Auth
	switch {
	case auth == nil:
		p.auth = userInfo(r, p.base)
	case auth.Basic != nil && auth.Basic.PasswordFile != "":
		file := auth.Basic.PasswordFile
		if _, err := h.readSecret(file); err != nil {
			return nil, fmt.Errorf("auth.basic.password_file: %w", err)
		}
		p.auth = basicAuth{user: parseTemplate(auth.Basic.Username, verbatim), file: file}
	case auth.Basic != nil:
		p.auth = basicAuth{
			user:     parseTemplate(auth.Basic.Username, verbatim),
			password: parseTemplate(auth.Basic.Password.Reveal(), verbatim),
		}
	case !auth.Bearer.IsZero():
		p.auth = bearerAuth{token: parseTemplate(auth.Bearer.Reveal(), verbatim)}
	case auth.BearerFile != "":
		if _, err := h.readSecret(auth.BearerFile); err != nil {
			return nil, fmt.Errorf("auth.bearer_file: %w", err)
		}
		p.auth = bearerAuth{file: auth.BearerFile}
	case auth.OAuth2 != nil:
		if auth.OAuth2.ClientSecretFile != "" {
			if _, err := h.readSecret(auth.OAuth2.ClientSecretFile); err != nil {
				return nil, fmt.Errorf("auth.oauth2.client_secret_file: %w", err)
			}
		}
		key := newTokenKey(p, r)
		source := h.tokens.acquire(key, func() *tokenSource { return newTokenSource(h, r) })
		p.auth = oauth2{source}
		drop = func() { h.tokens.release(key) }
	}
	return drop, nil
}

// userInfo is the credential in the URL, http://user:password@host/, or in the
// API's url when the request's is a path on it; nil when there is none.
func userInfo(r *HTTPRequest, base string) credential {
	u := r.parsedURL()
	if u != nil && u.Scheme == "" {
		u, _ = url.Parse(base) // makeReady reports the error
	}
	if u == nil || u.User == nil {
		return nil
	}
	password, _ := u.User.Password()
	return basicAuth{user: literal(u.User.Username()), password: literal(password)}
}

// basicAuth is HTTP Basic (RFC 7617).
type basicAuth struct {
	user, password template
	file           string // read for each request, so that it may rotate
}

func (b basicAuth) authorize(a *attempt) (authorization, error) {
	user, err := b.user.fill(a.in.Vars)
	if err != nil {
		return authorization{}, err
	}
	var password string
	if b.file != "" {
		if password, err = a.http.readSecret(b.file); err != nil {
			return authorization{}, failure(ClassAuth, err, "no password: %s", err)
		}
	} else if password, err = b.password.fill(a.in.Vars); err != nil {
		return authorization{}, err
	}
	return basicValue(user, password), nil
}

func (b basicAuth) names(add func(string)) {
	b.user.names(add)
	b.password.names(add)
}

func (basicAuth) renew(authorization) {}

func basicValue(user, password string) authorization {
	encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return authorization{value: "Basic " + encoded, secrets: append(encodedForms(encoded), password)}
}

// bearerAuth is a bearer token (RFC 6750).
type bearerAuth struct {
	token template
	file  string // read for each request, so that it may rotate
}

func (b bearerAuth) authorize(a *attempt) (authorization, error) {
	var token string
	var err error
	if b.file != "" {
		if token, err = a.http.readSecret(b.file); err != nil {
			return authorization{}, failure(ClassAuth, err, "no token: %s", err)
		}
	} else if token, err = b.token.fill(a.in.Vars); err != nil {
		return authorization{}, err
	}
	if !httpguts.ValidHeaderFieldValue(token) {
		return authorization{}, failure(ClassAuth, nil, "the bearer token holds a line break or control character")
	}
	return authorization{value: "Bearer " + token, secrets: []string{token}}, nil
}

func (b bearerAuth) names(add func(string)) { b.token.names(add) }
func (bearerAuth) renew(authorization)      {}

// tokenKey tells token sources apart: by the client, and by how the
// authorization server is reached.
type tokenKey [sha256.Size]byte

func newTokenKey(p *Probe, r *HTTPRequest) tokenKey {
	o := r.Auth.OAuth2
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %q %q %q %p",
		o.TokenURL, o.ClientID, o.ClientSecret.Reveal(), o.ClientSecretFile, o.Scopes, o.Params,
		r.Proxy, r.Resolve, r.IP, p.route.tls))
}
