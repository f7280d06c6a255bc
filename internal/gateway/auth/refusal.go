package auth

// Refusal is why credentials were not accepted. Its text may be shown to the
// client: it holds nothing that was sent and nothing that was expected. It is
// shared: callers must not change it.
type Refusal struct {
	Code        string // one of the codes below
	Message     string
	Challenge   string // value for WWW-Authenticate (RFC 6750 §3); "" for none
	Unavailable bool   // keys could not be had: 503 instead of 401
}

func (r *Refusal) Error() string { return r.Message }

// Codes of a Refusal.
const (
	CodeMissing     = "missing"       // nothing was sent, and something is required
	CodeMalformed   = "malformed"     // it cannot be read
	CodeUnknownKey  = "unknown_key"   // an API key that is none
	CodeExpired     = "expired"       // exp is past
	CodeNotYetValid = "not_yet_valid" // nbf is to come
	CodeSignature   = "signature"     // not signed by whom it should be
	CodeIssuer      = "issuer"        // somebody else's token
	CodeAudience    = "audience"      // a token for somebody else
	CodeAlgorithm   = "algorithm"     // signed in a way that the keys do not allow
	CodeUnavailable = "unavailable"   // the issuer's keys could not be had
)

// refusals are those that one authenticator hands out, made once so that a
// flood of bad credentials costs no memory.
type refusals struct {
	missing, malformed, twice, key                         *Refusal
	expired, early, signature, issuer, audience, algo, exp *Refusal
	unavailable                                            *Refusal
}

// realm is what clients are told to authenticate for (RFC 9110 §11.5).
const realm = `realm="api"`

// newRefusals words the refusals for those who may send a key in a header, a
// token, or both. header is "" when no key may come in one.
func newRefusals(header string, bearer bool) *refusals {
	scheme := "Bearer "
	if !bearer {
		scheme = "ApiKey "
	}
	invalid := func(code, message string) *Refusal {
		challenge := scheme + realm
		if bearer {
			challenge += `, error="invalid_token", error_description="` + message + `"`
		}
		return &Refusal{Code: code, Message: message, Challenge: challenge}
	}
	missing := "credentials are missing: send a token or key as Authorization: Bearer"
	switch {
	case header != "" && bearer:
		missing = "credentials are missing: send an API key as " + header + ", or a token or key as Authorization: Bearer"
	case header != "":
		missing = "credentials are missing: send an API key as " + header
	}
	return &refusals{
		missing:     &Refusal{Code: CodeMissing, Message: missing, Challenge: scheme + realm},
		malformed:   invalid(CodeMalformed, "the token cannot be read"),
		twice:       invalid(CodeMalformed, "credentials stand there twice"),
		key:         invalid(CodeUnknownKey, "the API key is not known"),
		expired:     invalid(CodeExpired, "the token has expired"),
		exp:         invalid(CodeMalformed, "the token never expires, which is not accepted"),
		early:       invalid(CodeNotYetValid, "the token is not valid yet"),
		signature:   invalid(CodeSignature, "the signature of the token is not valid"),
		issuer:      invalid(CodeIssuer, "the token is from another issuer"),
		audience:    invalid(CodeAudience, "the token is for another audience"),
		algo:        invalid(CodeAlgorithm, "the algorithm of the token is not accepted"),
		unavailable: &Refusal{Code: CodeUnavailable, Message: "the keys to verify tokens with are not available at the moment", Unavailable: true},
	}
}
