package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
)

// Token is an API token as it is kept: without its secret, which is shown once,
// when it is made.
type Token struct {
	ID        string // the public half, in the token's text
	Name      string // unique, chosen by a human: what uses the token
	Scopes    []Scope
	Hash      [sha256.Size]byte // of the secret half
	Created   time.Time
	CreatedBy string
	Expires   time.Time // zero: never
	LastUsed  time.Time // zero: never; exact to a minute
}

// Expired reports whether the token is of no use any more at the time.
func (t *Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// matches reports in constant time whether the secret half is this token's.
func (t *Token) matches(half secret.String) bool {
	sum := sha256.Sum256([]byte(half.Reveal()))
	return subtle.ConstantTimeCompare(sum[:], t.Hash[:]) == 1
}

// The text of a token is lw_<id>_<secret>: a prefix that secret scanners can
// look for, 40 bits to find it by, 256 bits that cannot be guessed. With that
// many bits a fast hash is enough at rest.
const (
	tokenPrefix    = "lw_"
	tokenIDBytes   = 5
	tokenHalfBytes = 32
	maxTokens      = 200
	maxTokenName   = 64
)

// tokenText has no letter that is mistaken for another one or needs escaping.
var tokenText = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// newToken makes the kept and the shown form of a token.
func newToken(name string, scopes []Scope, expires time.Time, by string) (Token, secret.String) {
	random := make([]byte, tokenIDBytes+tokenHalfBytes)
	_, _ = rand.Read(random) // never fails: it crashes the program instead
	id := tokenText.EncodeToString(random[:tokenIDBytes])
	half := tokenText.EncodeToString(random[tokenIDBytes:])
	token := Token{
		ID: id, Name: name, Scopes: scopes, Hash: sha256.Sum256([]byte(half)),
		Created: time.Now().UTC().Truncate(time.Millisecond), CreatedBy: by, Expires: expires.UTC(),
	}
	return token, secret.New(tokenPrefix + id + "_" + half)
}

// ParseToken splits the text of a token. The error never repeats the text.
func ParseToken(text string) (id string, half secret.String, err error) {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok {
		return "", half, fault.Unauthentic("not a Lapwing token; tokens look like lw_…_…")
	}
	id, tail, ok := strings.Cut(rest, "_")
	if !ok || !isTokenText(id, tokenIDBytes) || !isTokenText(tail, tokenHalfBytes) {
		return "", half, fault.Unauthentic("the token is incomplete or damaged; copy it again, or make another one")
	}
	return id, secret.New(tail), nil
}

// isTokenText reports whether text is the encoding of so many bytes.
func isTokenText(text string, size int) bool {
	if len(text) != tokenText.EncodedLen(size) {
		return false
	}
	_, err := tokenText.DecodeString(text)
	return err == nil
}

// checkToken reports why a token cannot be made.
func checkToken(name string, expires time.Time) error {
	switch {
	case strings.TrimSpace(name) == "":
		return fault.Invalid("a token needs a name; write what will use it, such as ci or grafana")
	case !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxTokenName || strings.ContainsFunc(name, unicode.IsControl):
		return fault.Invalid("a token's name is one line of at most %d characters", maxTokenName)
	case !expires.IsZero() && !expires.After(time.Now()):
		return fault.Invalid("the token would have expired already; give a time in the future, or none")
	}
	return nil
}
