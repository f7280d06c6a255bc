package auth

import "lapwing.dev/lapwing/middleware/limit"

// Credentials is where a request may carry them. The caller owns it.
//
// Headers and cookies that also have Values(name) []string, as an http.Header
// does, are checked for what stands there twice: the upstream might read the other.
type Credentials struct {
	Headers limit.Values // nil: none
	Cookies limit.Values // nil: none
}

// Schemes of an Identity.
const (
	SchemeAPIKey = "api_key"
	SchemeJWT    = "jwt"
)

// Identity is who a request comes from. The zero value is nobody known. With a
// key and a token, both good, the token says who it is and the key's claims are
// asked where the token has none.
type Identity struct {
	Scheme string       // "api_key" or "jwt"; "" when anonymous
	APIKey string       // name of the key, never the key; "" without one
	User   string       // the token's subject or the key's name; "" when anonymous
	Claims limit.Values // the token's claims, or those that the configuration gives to the key; nil when anonymous
}

// Anonymous reports whether nobody is known.
func (i *Identity) Anonymous() bool { return i.Scheme == "" }

// Claims are what is said of somebody, as text. Strings are as they are, numbers
// and booleans as JSON writes them, lists of these with spaces in between (as
// OAuth writes a scope); the members of objects have names with points:
// "realm_access.roles".
type Claims map[string]string

// Get returns one claim; "" when there is none.
func (c Claims) Get(name string) string { return c[name] }

// both are the claims of a token and, where it has none, of an API key.
type both struct{ token, key limit.Values }

func (b *both) Get(name string) string {
	if text := b.token.Get(name); text != "" {
		return text
	}
	return b.key.Get(name)
}
