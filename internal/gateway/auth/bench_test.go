package auth

import (
	"net/http"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

func BenchmarkAuthenticate(b *testing.B) {
	a := prepared(b, Config{APIKeys: twoKeys(), JWT: &JWT{JWKS: write(b, "k", keySetOf(published("r", rsaKey().Public())))}})
	token := sign(b, jwt.SigningMethodRS256, rsaKey(), claims(nil), map[string]any{"kid": "r"})
	for name, h := range map[string]http.Header{
		"key":       {"X-Api-Key": {mobile}},
		"wrong key": {"X-Api-Key": {"none"}},
		"token":     {"Authorization": {"Bearer " + token}},
		"anonymous": {},
	} {
		b.Run(name, func(b *testing.B) {
			c, id := &Credentials{Headers: h}, &Identity{}
			b.ReportAllocs()
			for b.Loop() {
				_ = a.Authenticate(b.Context(), c, id)
			}
		})
	}
	b.Run("token for the first time", func(b *testing.B) {
		for b.Loop() {
			a.tokens.verified = cache{}
			_, _ = a.tokens.verify(b.Context(), token, a.refusals)
		}
	})
}

func TestTheHotPathAllocatesNothing(t *testing.T) {
	a := prepared(t, Config{APIKeys: twoKeys(), JWT: &JWT{Secret: secretOf(32)}})
	token := sign(t, jwt.SigningMethodHS256, []byte(secretOf(32).Reveal()), claims(nil), nil)
	for name, h := range map[string]http.Header{
		"key": {"X-Api-Key": {mobile}}, "wrong key": {"X-Api-Key": {"none"}}, "token": {"Authorization": {"Bearer " + token}}, "anonymous": {},
	} {
		c, id := &Credentials{Headers: h}, &Identity{}
		if n := testing.AllocsPerRun(100, func() { _ = a.Authenticate(t.Context(), c, id) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
