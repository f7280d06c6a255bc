package auth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"lapwing.dev/lapwing/middleware/limit"
)

// maxToken is the longest token that is looked at, in bytes. Larger ones hardly
// fit into the headers of a request.
const maxToken = 16 << 10

// verifier says which tokens are good.
type verifier struct {
	made     string // of what, to be known again after a reload
	cookie   string
	user     string   // the claim that names the user
	accepted []string // algorithms; nil: all that fit the key
	issuer   string
	audience []string
	leeway   time.Duration
	source   *source
	verified cache
}

// identified is whom a good token names.
type identified struct {
	user   string
	claims limit.Values
}

// Why a token is not good, when a key is looked for.
var (
	errAlgorithm = errors.New("the algorithm does not fit")
	errNoKey     = errors.New("there is no such key")
	errHeader    = errors.New("the header cannot be read")
)

// verify returns whom a token names, or which of the refusals it deserves.
func (v *verifier) verify(ctx context.Context, token string, r *refusals) (identified, *Refusal) {
	if len(token) > maxToken {
		return identified{}, r.malformed
	}
	set := v.source.set.Load()
	now := time.Now()
	sum := sumOf(token)
	if set != nil {
		if who, ok := v.verified.get(&sum, set, now); ok {
			return who, nil
		}
	}
	parsed, err := v.parse(token, set)
	if errors.Is(err, errNoKey) {
		newer := v.source.await(ctx, set)
		if newer == nil {
			return identified{}, r.unavailable
		}
		if newer != set {
			set = newer
			parsed, err = v.parse(token, set)
		}
	}
	if err != nil {
		return identified{}, refusalOf(err, r)
	}
	claims := parsed.Claims.(jwt.MapClaims) // parse asks for these
	until, refused := v.holds(claims, time.Now(), r)
	if refused != nil {
		return identified{}, refused
	}
	flat := flatten(claims)
	who := identified{user: flat[v.user], claims: flat}
	v.verified.put(&sum, set, until, now, who)
	return who, nil
}

// sumOf is the hash of a token. Those of usual length are not copied to the heap.
func sumOf(token string) [sha256.Size]byte {
	var buf [2 << 10]byte
	if len(token) > len(buf) {
		return sha256.Sum256([]byte(token))
	}
	return sha256.Sum256(buf[:copy(buf[:], token)])
}

// parse reads a token and verifies its signature, and nothing else.
func (v *verifier) parse(token string, set *keySet) (*jwt.Token, error) {
	parser := jwt.NewParser(jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding(), jwt.WithJSONNumber())
	return parser.ParseWithClaims(token, jwt.MapClaims{}, func(t *jwt.Token) (any, error) {
		if _, critical := t.Header["crit"]; critical {
			return nil, errHeader // it wants something understood that is not (RFC 7515 §4.1.11)
		}
		id := ""
		if value, given := t.Header["kid"]; given {
			var text bool
			if id, text = value.(string); !text {
				return nil, errHeader
			}
		}
		algorithm := t.Method.Alg()
		if v.accepted != nil && !slices.Contains(v.accepted, algorithm) {
			return nil, errAlgorithm
		}
		return set.find(id, algorithm)
	})
}

func refusalOf(err error, r *refusals) *Refusal {
	switch {
	case errors.Is(err, errAlgorithm):
		return r.algo
	case errors.Is(err, errNoKey), errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return r.signature
	case errors.Is(err, errHeader), errors.Is(err, jwt.ErrTokenMalformed):
		return r.malformed
	case errors.Is(err, jwt.ErrTokenUnverifiable): // alg is missing, or none that is known
		return r.algo
	}
	return r.malformed
}

// holds checks what a token with a good signature says of itself, and returns
// until when it is good.
func (v *verifier) holds(claims jwt.MapClaims, now time.Time, r *refusals) (until time.Time, refused *Refusal) {
	exp, ok := claimTime(claims, "exp")
	switch {
	case !ok:
		return until, r.malformed
	case exp.IsZero():
		return until, r.exp
	}
	until = exp.Add(v.leeway)
	if !now.Before(until) {
		return until, r.expired
	}
	nbf, ok := claimTime(claims, "nbf")
	switch {
	case !ok:
		return until, r.malformed
	case now.Add(v.leeway).Before(nbf):
		return until, r.early
	}
	if v.issuer != "" && claims["iss"] != any(v.issuer) {
		return until, r.issuer
	}
	if len(v.audience) > 0 && !v.isFor(claims["aud"]) {
		return until, r.audience
	}
	return until, nil
}

// isFor reports whether an aud claim, a text or a list of texts, has one of ours.
func (v *verifier) isFor(aud any) bool {
	switch aud := aud.(type) {
	case string:
		return slices.Contains(v.audience, aud)
	case []any:
		return slices.ContainsFunc(aud, func(one any) bool {
			text, ok := one.(string)
			return ok && slices.Contains(v.audience, text)
		})
	}
	return false
}

// claimTime reads a NumericDate (RFC 7519 §2), the zero time for none. Nobody
// means a time after the year 9999.
func claimTime(claims jwt.MapClaims, name string) (t time.Time, ok bool) {
	value, given := claims[name]
	if !given {
		return t, true
	}
	number, ok := value.(json.Number)
	if !ok {
		return t, false
	}
	seconds, err := number.Float64()
	if err != nil || seconds < 1 || seconds > 253402300799 {
		return t, false
	}
	whole := int64(seconds)
	return time.Unix(whole, int64((seconds-float64(whole))*1e9)), true
}

// Bounds of what is kept of a token.
const (
	maxClaims     = 256
	maxClaimDepth = 4
)

// flatten makes texts of claims. Where a name with a point could be two claims,
// the one that is called so wins.
func flatten(claims jwt.MapClaims) Claims {
	flat := make(Claims, len(claims))
	for name, value := range claims {
		if len(flat) >= maxClaims {
			break
		}
		if text, ok := claimText(value); ok {
			flat[name] = text
		}
	}
	for name, value := range claims {
		if members, ok := value.(map[string]any); ok {
			flat.addMembers(name, members, 1)
		}
	}
	return flat
}

func (c Claims) addMembers(prefix string, members map[string]any, depth int) {
	if depth >= maxClaimDepth {
		return
	}
	for name, value := range members {
		name = prefix + "." + name
		if _, taken := c[name]; taken {
			continue
		}
		if len(c) >= maxClaims {
			return
		}
		if text, ok := claimText(value); ok {
			c[name] = text
		} else if inner, ok := value.(map[string]any); ok {
			c.addMembers(name, inner, depth+1)
		}
	}
}

// claimText is the text of a claim that has one.
func claimText(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case json.Number:
		return value.String(), true
	case bool:
		if value {
			return "true", true
		}
		return "false", true
	case []any:
		words := make([]string, 0, len(value))
		for _, one := range value {
			if _, list := one.([]any); list {
				continue
			}
			if text, ok := claimText(one); ok {
				words = append(words, text)
			}
		}
		return strings.Join(words, " "), true
	}
	return "", false
}
