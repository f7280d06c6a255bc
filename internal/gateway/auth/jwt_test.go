package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
)

func secretOf(length int) secret.String { return secret.New(strings.Repeat("s", length)) }

// issuer is a configuration that knows all kinds of public keys.
func issuer(t testing.TB) Config {
	t.Helper()
	set := keySetOf(published("r", rsaKey().Public()), published("e", ecKey().Public()), published("d", edKey().Public()))
	return Config{JWT: &JWT{JWKS: write(t, "jwks.json", set), Issuer: "https://idp/", Audience: Names{"orders", "shop"}}}
}

func TestATokenSaysWhoSendsARequest(t *testing.T) {
	a := prepared(t, issuer(t))
	for _, test := range []struct {
		name   string
		method jwt.SigningMethod
		key    any
		kid    string
	}{
		{"RS256", jwt.SigningMethodRS256, rsaKey(), "r"},
		{"RS512", jwt.SigningMethodRS512, rsaKey(), "r"},
		{"PS384", jwt.SigningMethodPS384, rsaKey(), "r"},
		{"ES256", jwt.SigningMethodES256, ecKey(), "e"},
		{"EdDSA", jwt.SigningMethodEdDSA, edKey(), "d"},
		{"a token that does not name its key", jwt.SigningMethodEdDSA, edKey(), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			header := map[string]any{}
			if test.kid != "" {
				header["kid"] = test.kid
			}
			token := sign(t, test.method, test.key, claims(nil), header)
			for range 2 { // verified, remembered
				id, refused := asked(t, a, bearerOf(token))
				if refused != "" || id.Scheme != SchemeJWT || id.User != "4711" || id.APIKey != "" || id.Claims.Get("plan") != "pro" {
					t.Fatalf("refused %q: %+v", refused, id)
				}
			}
		})
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	a := prepared(t, issuer(t))
	stranger := must(rsa.GenerateKey(rand.Reader, 2048))
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(rsaKey().Public()))})
	rs := func(changes map[string]any) string {
		return sign(t, jwt.SigningMethodRS256, rsaKey(), claims(changes), map[string]any{"kid": "r"})
	}
	good := rs(nil)
	parts := strings.Split(good, ".")
	b64 := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	now := time.Now()

	tests := []struct{ name, token, refused string }{
		{"expired", rs(map[string]any{"exp": now.Add(-time.Minute).Unix()}), CodeExpired},
		{"expires never", rs(map[string]any{"exp": nil}), CodeMalformed},
		{"expires in words", rs(map[string]any{"exp": "tomorrow"}), CodeMalformed},
		{"expires in a number that is none", rs(map[string]any{"exp": 1e300}), CodeMalformed},
		{"expired in 1969", rs(map[string]any{"exp": -1}), CodeMalformed},
		{"not yet", rs(map[string]any{"nbf": now.Add(time.Minute).Unix()}), CodeNotYetValid},
		{"nbf in words", rs(map[string]any{"nbf": []int{1}}), CodeMalformed},
		{"another issuer", rs(map[string]any{"iss": "https://idp"}), CodeIssuer},
		{"no issuer", rs(map[string]any{"iss": nil}), CodeIssuer},
		{"issuers in a list", rs(map[string]any{"iss": []string{"https://idp/"}}), CodeIssuer},
		{"another audience", rs(map[string]any{"aud": "billing"}), CodeAudience},
		{"no audience", rs(map[string]any{"aud": nil}), CodeAudience},
		{"an audience that is no text", rs(map[string]any{"aud": []any{1, nil, map[string]any{}}}), CodeAudience},
		{"somebody else's key", sign(t, jwt.SigningMethodRS256, stranger, claims(nil), map[string]any{"kid": "r"}), CodeSignature},
		{"a key that is not published", sign(t, jwt.SigningMethodRS256, rsaKey(), claims(nil), map[string]any{"kid": "x"}), CodeSignature},
		{"a key of another kind", sign(t, jwt.SigningMethodRS256, rsaKey(), claims(nil), map[string]any{"kid": "e"}), CodeAlgorithm},
		{"claims exchanged", parts[0] + "." + b64(`{"sub":"1","exp":9999999999,"iss":"https://idp/","aud":"orders"}`) + "." + parts[2], CodeSignature},
		{"no signature", parts[0] + "." + parts[1] + ".", CodeSignature},

		{"the algorithm none", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil), nil), CodeAlgorithm},
		{"the algorithm nOnE", b64(`{"alg":"nOnE","kid":"r"}`) + "." + parts[1] + ".", CodeAlgorithm},
		{"a shared secret that is the public key", sign(t, jwt.SigningMethodHS256, publicPEM, claims(nil), map[string]any{"kid": "r"}), CodeAlgorithm},
		{"a shared secret that is the modulus", sign(t, jwt.SigningMethodHS256, rsaKey().N.Bytes(), claims(nil), nil), CodeAlgorithm},
		{"a key that it brings along", sign(t, jwt.SigningMethodRS256, stranger, claims(nil), map[string]any{"jwk": published("", stranger.Public())}), CodeSignature},
		{"a key that it points to", sign(t, jwt.SigningMethodRS256, stranger, claims(nil), map[string]any{"jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/", "kid": "x"}), CodeSignature},
		{"a header that must be understood", sign(t, jwt.SigningMethodRS256, rsaKey(), claims(nil), map[string]any{"kid": "r", "crit": []string{"b64"}, "b64": false}), CodeMalformed},
		{"a key named by a number", sign(t, jwt.SigningMethodRS256, rsaKey(), claims(nil), map[string]any{"kid": 1}), CodeMalformed},
		{"no algorithm", b64(`{"kid":"r"}`) + "." + parts[1] + "." + parts[2], CodeAlgorithm},
		{"an algorithm in a list", b64(`{"alg":["RS256"],"kid":"r"}`) + "." + parts[1] + "." + parts[2], CodeAlgorithm},

		{"not a token", "x", CodeMalformed},
		{"four parts", good + ".x", CodeMalformed},
		{"nothing in it", "..", CodeMalformed},
		{"null", b64("null") + "." + b64("null") + ".", CodeAlgorithm},
		{"no JSON", b64("x") + "." + b64("y") + ".z", CodeMalformed},
		{"deep JSON", parts[0] + "." + b64(strings.Repeat("[", 9000)) + "." + parts[2], CodeMalformed},
		{"endless", good + strings.Repeat("A", maxToken), CodeMalformed},
		{"bits that nobody looks at", good[:len(good)-1] + nextBits(good[len(good)-1]), CodeMalformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 2 { // nothing bad is remembered
				if _, refused := asked(t, a, bearerOf(test.token)); refused != test.refused {
					t.Errorf("refused with %q, want %q", refused, test.refused)
				}
			}
		})
	}
	if _, refused := asked(t, a, bearerOf(good)); refused != "" {
		t.Errorf("the good one is refused with %q", refused)
	}
}

// nextBits is the letter of base64 that differs in the lowest bit, which the
// last letter of 256 bytes does not use.
func nextBits(c byte) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return letters[strings.IndexByte(letters, c)^1:][:1]
}

func TestSharedSecretsFixTheirAlgorithms(t *testing.T) {
	s := secretOf(48)
	a := prepared(t, Config{JWT: &JWT{Secret: s}})
	for method, want := range map[jwt.SigningMethod]string{
		jwt.SigningMethodHS256: "", jwt.SigningMethodHS384: "", jwt.SigningMethodHS512: CodeAlgorithm,
	} {
		if _, refused := asked(t, a, bearerOf(sign(t, method, []byte(s.Reveal()), claims(nil), nil))); refused != want {
			t.Errorf("%s: %q, want %q", method.Alg(), refused, want)
		}
	}
	if _, refused := asked(t, a, bearerOf(sign(t, jwt.SigningMethodRS256, rsaKey(), claims(nil), nil))); refused != CodeAlgorithm {
		t.Errorf("RS256 against a secret: %q", refused)
	}
}

func TestKeysFromFiles(t *testing.T) {
	pkix := func(public any) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(public))})
	}
	for name, test := range map[string]struct {
		data   []byte
		method jwt.SigningMethod
		key    any
	}{
		"RSA":     {pkix(rsaKey().Public()), jwt.SigningMethodRS256, rsaKey()},
		"PKCS 1":  {pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)}), jwt.SigningMethodPS256, rsaKey()},
		"EC":      {pkix(ecKey().Public()), jwt.SigningMethodES256, ecKey()},
		"Ed25519": {pkix(edKey().Public()), jwt.SigningMethodEdDSA, edKey()},
	} {
		a := prepared(t, Config{JWT: &JWT{KeyFile: write(t, "key.pem", test.data)}})
		token := sign(t, test.method, test.key, claims(nil), map[string]any{"kid": "whatever"})
		if id, refused := asked(t, a, bearerOf(token)); id.User != "4711" {
			t.Errorf("%s: refused with %q", name, refused)
		}
		// The file's text as a shared secret: the oldest trick.
		forged := sign(t, jwt.SigningMethodHS256, test.data, claims(nil), nil)
		if _, refused := asked(t, a, bearerOf(forged)); refused != CodeAlgorithm {
			t.Errorf("%s: forged with its public key: %q", name, refused)
		}
	}
	a := prepared(t, Config{JWT: &JWT{SecretFile: write(t, "secret", []byte(strings.Repeat("s", 32)+"\n"))}})
	if _, refused := asked(t, a, bearerOf(sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("s", 32)), claims(nil), nil))); refused != "" {
		t.Errorf("a secret from a file: %q", refused)
	}
}

func TestOnlyChosenAlgorithms(t *testing.T) {
	cfg := issuer(t)
	cfg.JWT.Algorithms = []string{"PS256", "EdDSA"}
	a := prepared(t, cfg)
	for method, want := range map[jwt.SigningMethod]string{jwt.SigningMethodRS256: CodeAlgorithm, jwt.SigningMethodPS256: ""} {
		if _, refused := asked(t, a, bearerOf(sign(t, method, rsaKey(), claims(nil), map[string]any{"kid": "r"}))); refused != want {
			t.Errorf("%s: %q", method.Alg(), refused)
		}
	}
}

func TestClaimsAsText(t *testing.T) {
	a := prepared(t, Config{JWT: &JWT{Secret: secretOf(32), User: "contact.email"}})
	token := sign(t, jwt.SigningMethodHS256, []byte(secretOf(32).Reveal()), claims(map[string]any{
		"level": 3, "big": uint64(12345678901234567890), "beta": true, "none": nil, "scope": "read write",
		"roles": []any{"admin", 7, []any{"deep"}, map[string]any{"x": 1}}, "https://example.com/plan": "gold",
		"contact":      map[string]any{"email": "a@example.com", "more": map[string]any{"a": map[string]any{"b": map[string]any{"c": "too deep"}}}},
		"realm.access": "by name", "realm": map[string]any{"access": "by member"},
	}), nil)
	id, refused := asked(t, a, bearerOf(token))
	if refused != "" {
		t.Fatal(refused)
	}
	if id.User != "a@example.com" {
		t.Errorf("user %q", id.User)
	}
	for name, want := range map[string]string{
		"level": "3", "big": "12345678901234567890", "beta": "true", "none": "", "scope": "read write", "roles": "admin 7",
		"https://example.com/plan": "gold", "contact.email": "a@example.com", "contact": "", "contact.more.a.b.c": "",
		"realm.access": "by name", "sub": "4711", "missing": "",
	} {
		if got := id.Claims.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestAnEndlessListOfClaimsIsCut(t *testing.T) {
	many := map[string]any{}
	for i := range 1000 {
		many["c"+string(rune('a'+i%26))+strings.Repeat("x", i/26)] = 1
	}
	a := prepared(t, Config{JWT: &JWT{Secret: secretOf(32)}})
	token := sign(t, jwt.SigningMethodHS256, []byte(secretOf(32).Reveal()), claims(map[string]any{"o": many}), nil)
	if len(token) > maxToken {
		t.Skip("the token is too large anyway")
	}
	id, refused := asked(t, a, bearerOf(token))
	if n := len(id.Claims.(Claims)); refused != "" || n > maxClaims {
		t.Errorf("refused %q, %d claims", refused, n)
	}
}

func TestAKeyAndAToken(t *testing.T) {
	cfg := Config{APIKeys: []APIKey{{Name: "app", SHA256: sumHex(mobile), Claims: map[string]string{"plan": "free", "app": "ios"}}}, JWT: &JWT{Secret: secretOf(32)}}
	a := prepared(t, cfg)
	token := sign(t, jwt.SigningMethodHS256, []byte(secretOf(32).Reveal()), claims(nil), nil)
	id, refused := asked(t, a, &Credentials{Headers: http.Header{"X-Api-Key": {mobile}, "Authorization": {"Bearer " + token}}})
	if refused != "" || id.Scheme != SchemeJWT || id.APIKey != "app" || id.User != "4711" || id.Claims.Get("plan") != "pro" || id.Claims.Get("app") != "ios" {
		t.Errorf("both good: %q %+v", refused, id)
	}
	for name, h := range map[string]http.Header{
		"the key is wrong":   {"X-Api-Key": {partner}, "Authorization": {"Bearer " + token}},
		"the token is wrong": {"X-Api-Key": {mobile}, "Authorization": {"Bearer " + token[:len(token)-4] + "AAAA"}},
	} {
		if _, refused := asked(t, a, &Credentials{Headers: h}); refused == "" {
			t.Errorf("%s, and both came in", name)
		}
	}
	if id, _ := asked(t, a, bearerOf(mobile)); id.APIKey != "app" {
		t.Errorf("a key as a bearer beside tokens: %+v", id)
	}
}

type cookieJar map[string]string

func (c cookieJar) Get(name string) string { return c[name] }

func TestATokenInACookie(t *testing.T) {
	a := prepared(t, Config{JWT: &JWT{Secret: secretOf(32), Cookie: "session"}})
	token := sign(t, jwt.SigningMethodHS256, []byte(secretOf(32).Reveal()), claims(nil), nil)
	if id, refused := asked(t, a, &Credentials{Cookies: cookieJar{"session": token}}); id.User != "4711" {
		t.Errorf("refused %q", refused)
	}
	if id, _ := asked(t, a, &Credentials{Headers: http.Header{}, Cookies: cookieJar{"other": token}}); !id.Anonymous() {
		t.Errorf("another cookie: %+v", id)
	}
}

func TestLeewayAllowsForClocks(t *testing.T) {
	key := []byte(secretOf(32).Reveal())
	for _, test := range []struct {
		leeway  time.Duration
		age     time.Duration
		refused string
	}{{0, time.Second, CodeExpired}, {time.Minute, 30 * time.Second, ""}, {time.Minute, 2 * time.Minute, CodeExpired}} {
		leeway := units.Duration(test.leeway)
		a := prepared(t, Config{JWT: &JWT{Secret: secretOf(32), Leeway: &leeway}})
		token := sign(t, jwt.SigningMethodHS256, key, claims(map[string]any{"exp": time.Now().Add(-test.age).Unix()}), nil)
		if _, refused := asked(t, a, bearerOf(token)); refused != test.refused {
			t.Errorf("leeway %s, expired for %s: %q", test.leeway, test.age, refused)
		}
	}
}

// cookieList has one cookie several times.
type cookieList []string

func (c cookieList) Get(string) string      { return c[0] }
func (c cookieList) Values(string) []string { return c }

// Whom we know and whom the upstream believes to know must be the same.
func TestTwoTokensAreNobody(t *testing.T) {
	a := prepared(t, Config{JWT: &JWT{Secret: secretOf(32), Cookie: "session"}})
	mine := sign(t, jwt.SigningMethodHS256, []byte(secretOf(32).Reveal()), claims(nil), nil)
	other := sign(t, jwt.SigningMethodHS256, []byte(secretOf(32).Reveal()), claims(map[string]any{"sub": "another"}), nil)
	for _, test := range []struct {
		name    string
		header  string
		cookies cookieList
		comesIn bool
	}{
		{"two cookies that differ", "", cookieList{mine, other}, false},
		{"two cookies that do not", "", cookieList{mine, mine}, true},
		{"a header and another cookie", mine, cookieList{other}, false},
		{"a header and the same cookie", mine, cookieList{mine}, true},
	} {
		h := http.Header{}
		if test.header != "" {
			h.Set("Authorization", "Bearer "+test.header)
		}
		id, refused := asked(t, a, &Credentials{Headers: h, Cookies: test.cookies})
		if (refused == "") != test.comesIn || (id.User == "4711") != test.comesIn {
			t.Errorf("%s: %q, %+v", test.name, refused, id)
		}
	}
}
