package auth

import (
	"context"
	"strings"
)

// Authenticator says whose credentials are good. It is made by a Manager, does
// not change, and is safe for concurrent use.
type Authenticator struct {
	required bool
	header   string // that carries API keys; "" for none
	bearer   bool   // keys may come as Authorization: Bearer
	keys     keys
	tokens   *verifier // nil: tokens are not accepted
	strip    []string
	refusals *refusals
}

// Authenticate finds out who sends a request. Without credentials, and when
// none are required, it is the zero Identity. Otherwise the error is a *Refusal.
//
// It does not block but for a token whose key is not known yet: then the
// issuer's keys are read, within ctx and some seconds.
func (a *Authenticator) Authenticate(ctx context.Context, c *Credentials, id *Identity) error {
	*id = Identity{}
	key, token, refused := a.present(c)
	if refused != nil {
		return refused
	}
	if key == "" && token == "" {
		if a.required {
			return a.refusals.missing
		}
		return nil
	}
	if token != "" {
		t, refused := a.tokens.verify(ctx, token, a.refusals)
		if refused != nil {
			return refused
		}
		id.Scheme, id.User, id.Claims = SchemeJWT, t.user, t.claims
	}
	if key == "" {
		return nil
	}
	h := a.keys.find(key)
	if h == nil {
		*id = Identity{}
		return a.refusals.key
	}
	id.APIKey = h.name
	if token != "" {
		if h.claims != nil {
			id.Claims = &both{id.Claims, h.claims}
		}
		return nil
	}
	id.Scheme, id.User, id.Claims = SchemeAPIKey, h.name, h.claims
	return nil
}

// Strip are the headers to take off a request before it goes on, so that the
// upstream sees no credentials; nil when it shall see them. Callers must not
// change it.
func (a *Authenticator) Strip() []string { return a.strip }

// Required reports whether requests without credentials are refused.
func (a *Authenticator) Required() bool { return a.required }

// present are the key and the token that a request carries; "" for none. What
// stands there twice, and differs, is refused: the upstream might read the other.
func (a *Authenticator) present(c *Credentials) (key, token string, refused *Refusal) {
	cookie, same := a.cookie(c)
	switch {
	case !same:
		return "", "", a.refusals.twice
	case c.Headers == nil:
		return "", cookie, nil
	}
	if a.header != "" {
		key = c.Headers.Get(a.header)
		if key != "" && twice(c, a.header) {
			return "", "", a.refusals.twice
		}
	}
	if !a.bearer && a.tokens == nil {
		return key, "", nil
	}
	text, ok := bearer(c.Headers.Get("Authorization"))
	switch {
	case !ok:
		return key, cookie, nil
	case twice(c, "Authorization"):
		return "", "", a.refusals.twice
	case a.tokens != nil && (!a.bearer || strings.Count(text, ".") == 2):
		if cookie != "" && cookie != text {
			return "", "", a.refusals.twice
		}
		return key, text, nil
	case key != "": // one in each header
		return "", "", a.refusals.twice
	}
	return text, cookie, nil
}

// cookie is the token in a cookie; "" for none. same is false when there are
// several and they differ.
func (a *Authenticator) cookie(c *Credentials) (token string, same bool) {
	if a.tokens == nil || a.tokens.cookie == "" || c.Cookies == nil {
		return "", true
	}
	token = c.Cookies.Get(a.tokens.cookie)
	if list, ok := c.Cookies.(interface{ Values(name string) []string }); ok && token != "" {
		for _, one := range list.Values(a.tokens.cookie) {
			if one != token {
				return "", false
			}
		}
	}
	return token, true
}

// twice reports whether a header stands there more than once.
func twice(c *Credentials, name string) bool {
	list, ok := c.Headers.(interface{ Values(name string) []string })
	return ok && len(list.Values(name)) > 1
}

// bearer returns the token of an Authorization header (RFC 6750 §2.1). Other
// schemes are not ours: the upstream may know them.
func bearer(header string) (string, bool) {
	const scheme = "Bearer "
	if len(header) < len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	return strings.Trim(header[len(scheme):], " "), true
}
