package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
)

func with(key map[string]any, changes map[string]any) map[string]any {
	key = maps.Clone(key)
	maps.Copy(key, changes)
	return key
}

func TestSetsOfKeys(t *testing.T) {
	r, e, d := published("r", rsaKey().Public()), published("e", ecKey().Public()), published("d", edKey().Public())
	p521 := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	weak := &rsa.PublicKey{N: must(rand.Prime(rand.Reader, 512)), E: 65537}
	tests := []struct {
		name string
		keys []map[string]any
		want string // "kid: algorithms", or the error
	}{
		{"all kinds", []map[string]any{r, e, d}, "r: RS256 RS384 RS512 PS256 PS384 PS512, e: ES256, d: EdDSA"},
		{"P-521", []map[string]any{published("x", p521.Public())}, "x: ES512"},
		{"one algorithm", []map[string]any{with(r, map[string]any{"alg": "PS256"})}, "r: PS256"},
		{"the newer name of EdDSA", []map[string]any{with(d, map[string]any{"alg": "Ed25519"})}, "d: EdDSA"},
		{"a key for encryption beside", []map[string]any{with(r, map[string]any{"use": "enc"}), e}, "e: ES256"},
		{"an unknown kind beside", []map[string]any{{"kty": "PQ"}, e}, "e: ES256"},
		{"for encryption", []map[string]any{with(r, map[string]any{"use": "enc"})}, "error: a key is not for signatures"},
		{"for signing only", []map[string]any{with(r, map[string]any{"key_ops": []string{"sign"}})}, "error: a key is not for signatures"},
		{"an algorithm of another kind", []map[string]any{with(r, map[string]any{"alg": "HS256"})}, `error: a key of kind RSA has the algorithm "HS256"`},
		{"a shared secret", []map[string]any{{"kty": "oct", "k": "c2VjcmV0"}}, "error: a key is a shared secret"},
		{"a weak key", []map[string]any{published("w", weak)}, "error: an RSA key has 512 bits"},
		{"an even exponent", []map[string]any{with(r, map[string]any{"e": "AQAA"})}, "error: the exponent"},
		{"an endless exponent", []map[string]any{with(r, map[string]any{"e": "AQABAQABAQABAQAB"})}, "error: the numbers"},
		{"an endless modulus", []map[string]any{with(r, map[string]any{"n": strings.Repeat("A", 4000)})}, "error: the numbers"},
		{"a point that is not on the curve", []map[string]any{with(e, map[string]any{"x": e["y"]})}, "error: the point of an EC key is not on its curve"},
		{"a short point", []map[string]any{with(e, map[string]any{"x": "AA"})}, "error: the point of an EC key cannot be read"},
		{"an unknown curve", []map[string]any{with(e, map[string]any{"crv": "secp256k1"})}, "error: an EC key is on the curve"},
		{"a short Ed25519 key", []map[string]any{with(d, map[string]any{"x": "AA"})}, "error: an OKP key"},
		{"no keys", nil, "error: the list of keys is empty"},
		{"a key that is a number", []map[string]any{{"kty": 1}}, "error: a key cannot be read"},
		{"too many", make([]map[string]any, maxKeys+1), "error: it has 101 keys"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set, err := parseSet(keySetOf(test.keys...))
			if want, bad := strings.CutPrefix(test.want, "error: "); bad {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, k := range set.keys {
				got = append(got, fmt.Sprintf("%s: %s", k.id, strings.Join(k.algorithms, " ")))
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got %s", strings.Join(got, ", "))
			}
			again := must(parseSet(keySetOf(test.keys...)))
			if !set.equal(again) || set.equal(&keySet{}) {
				t.Error("the same set read twice is not the same")
			}
		})
	}
}

func TestFilesThatAreNoPublicKey(t *testing.T) {
	for text, want := range map[string]string{
		"":      "no PEM block",
		"hello": "no PEM block",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n":                                                           "private key",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n":                                                             "cannot be read",
		"-----BEGIN SSH-----\nAAAA\n-----END SSH-----\n":                                                                           "it has a SSH",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n": "more than one",
	} {
		if _, err := parsePEM([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add(keySetOf(published("r", rsaKey().Public()), published("e", ecKey().Public()), published("d", edKey().Public())))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Add([]byte(`{"keys":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := parseSet(data)
		if err != nil {
			return
		}
		if len(set.keys) == 0 || !json.Valid(data) {
			t.Fatal("a set without keys")
		}
		for _, k := range set.keys {
			if len(k.algorithms) == 0 || k.material == nil {
				t.Fatalf("a key that verifies nothing: %+v", k)
			}
			for _, a := range k.algorithms {
				if strings.HasPrefix(a, "HS") || a == "none" {
					t.Fatalf("a published key verifies %s", a)
				}
			}
		}
	})
}

// FuzzAuthenticate asks who comes in with a token that was not made by the
// issuer: nobody does.
func FuzzAuthenticate(f *testing.F) {
	a := prepared(f, Config{APIKeys: twoKeys(), JWT: &JWT{Secret: secretOf(64)}})
	f.Add("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "")
	f.Add("Bearer eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjk5OTk5OTk5OTl9.AAAA", "x")
	f.Add("bearer  ..", "")
	f.Add("Bearer\t.", "\x00")
	f.Fuzz(func(t *testing.T, authorization, key string) {
		var id Identity
		err := a.Authenticate(t.Context(), &Credentials{Headers: pair{authorization, key}}, &id)
		if !id.Anonymous() || err != nil && err.Error() == "" {
			t.Fatalf("somebody came in: %+v, %v", id, err)
		}
	})
}

// pair is two headers.
type pair struct{ authorization, key string }

func (p pair) Get(name string) string {
	if name == "Authorization" {
		return p.authorization
	}
	return p.key
}
