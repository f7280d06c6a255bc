package auth

import "lapwing.dev/lapwing/middleware/limit"

// Credentials is where a request may carry them. The caller owns it.
type Credentials struct {
	Headers limit.Values // nil: none
	Cookies limit.Values // nil: none
}

// Identity is who a request comes from. The zero value is nobody known.
type Identity struct {
	Scheme string       // "api_key" or "jwt"; "" when anonymous
	APIKey string       // name of the key, never the key; "" with a token
	User   string       // the token's subject or the key's name; "" when anonymous
	Claims limit.Values // the token's claims, or those that the configuration gives to the key; nil when anonymous
}

// Anonymous reports whether nobody is known.
func (i *Identity) Anonymous() bool { return i.Scheme == "" }

// Refusal is why credentials were not accepted. Its text may be shown to the
// client: it holds nothing that was sent and nothing that was expected.
type Refusal struct {
	Code        string // missing | malformed | unknown_key | expired | not_yet_valid | signature | issuer | audience | algorithm | unavailable
	Message     string
	Challenge   string // value for WWW-Authenticate (RFC 6750 §3); "" for none
	Unavailable bool   // keys could not be had: 503 instead of 401
}

func (r *Refusal) Error() string { return r.Message }
