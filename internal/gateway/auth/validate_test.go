package auth

import (
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/units"
)

func TestMistakesOfTheSection(t *testing.T) {
	yes, leeway := true, units.Duration(units.Day)
	sum := sumHex(mobile)
	jwt := func(j JWT) Config { return Config{JWT: &j} }
	tests := []struct {
		name string
		cfg  Config
		want string // a part of the problems; "" for none
	}{
		{"nothing", Config{}, ""},
		{"keys", Config{APIKeys: twoKeys()}, ""},
		{"required, and nothing to know anybody by", Config{Required: &yes}, "required: nobody could come in"},
		{"a header without keys", Config{Header: "X-Key"}, "header: there are no API keys"},
		{"a header with a blank", Config{APIKeys: twoKeys(), Header: "X Key"}, "header: \"X Key\" is not the name of a header"},
		{"a key without name", Config{APIKeys: []APIKey{{SHA256: sum}}}, "api_keys[0].name: the name is missing"},
		{"a name with a blank", Config{APIKeys: []APIKey{{Name: "a b", SHA256: sum}}}, "api_keys[0].name: \"a b\" cannot be the name"},
		{"no hash", Config{APIKeys: []APIKey{{Name: "a"}}}, "api_keys[0].sha256: the hash of the key is missing"},
		{"the key itself", Config{APIKeys: []APIKey{{Name: "a", SHA256: mobile}}}, "api_keys[0].sha256: this is not a SHA-256 in hex, which has 64 digits; write what this prints"},
		{"the hash of nothing", Config{APIKeys: []APIKey{{Name: "a", SHA256: sumHex("")}}}, "this is the hash of nothing"},
		{"hash and file", Config{APIKeys: []APIKey{{Name: "a", SHA256: sum, KeyFile: "f"}}}, "sha256 and key_file are both given"},
		{"one key twice", Config{APIKeys: []APIKey{{Name: "a", SHA256: sum}, {Name: "b", SHA256: strings.ToUpper(sum)}}}, "api_keys[1].sha256: it is the same key as api_keys[0]"},
		{"one name, other claims", Config{APIKeys: []APIKey{{Name: "a", SHA256: sum}, {Name: "a", SHA256: sumHex(partner), Claims: map[string]string{"x": "y"}}}}, "api_keys[1].claims"},
		{"no keys for tokens", jwt(JWT{Issuer: "x"}), "jwt.jwks: there are no keys to verify tokens with"},
		{"keys from two places", jwt(JWT{JWKS: "https://idp/x", SecretFile: "s"}), "jwt: keys come from more than one place"},
		{"keys over http", jwt(JWT{JWKS: "http://idp.example.com/x"}), "jwt.jwks: over http, anybody on the way could give other keys; write https"},
		{"keys over http from the own network", jwt(JWT{JWKS: "http://keycloak:8080/x"}), ""},
		{"keys over http from this machine", jwt(JWT{JWKS: "http://127.0.0.1:8080/x"}), ""},
		{"keys over ftp", jwt(JWT{JWKS: "ftp://idp/x"}), `keys cannot be read by "ftp"`},
		{"a password in the URL", jwt(JWT{JWKS: "https://u:p@idp/x"}), "the URL holds a user name or password"},
		{"a short secret", jwt(JWT{Secret: secretOf(31)}), "jwt.secret: 31 bytes can be guessed"},
		{"an authority for a file", jwt(JWT{JWKS: "keys.json", CAFile: "ca.pem"}), "jwt.ca_file: keys are not read over https"},
		{"read too often", jwt(JWT{JWKS: "https://idp/x", Refresh: units.Duration(1e9)}), "jwt.refresh: 1s is too often"},
		{"a day of leeway", jwt(JWT{JWKS: "https://idp/x", Leeway: &leeway}), "jwt.leeway: 1d is more than clocks should differ"},
		{"the algorithm none", jwt(JWT{JWKS: "https://idp/x", Algorithms: []string{"none"}}), `jwt.algorithms[0]: "none" is not an algorithm that is accepted`},
		{"a misspelt algorithm", jwt(JWT{JWKS: "https://idp/x", Algorithms: []string{"RS265"}}), `did you mean "RS`},
		{"an empty audience", jwt(JWT{JWKS: "https://idp/x", Audience: Names{""}}), "jwt.audience: an audience is empty"},
		{"a cookie that stays", Config{Strip: true, JWT: &JWT{JWKS: "https://idp/x", Cookie: "c"}}, "strip: strip removes headers"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := test.cfg.Validate().Error()
			if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if strings.Contains(got, mobile) || strings.Contains(got, secretOf(31).Reveal()) {
				t.Errorf("the problem tells a secret: %s", got)
			}
		})
	}
}

func TestMistakesThatFilesShow(t *testing.T) {
	key := write(t, "jwks.json", keySetOf(published("e", ecKey().Public())))
	for name, test := range map[string]struct {
		jwt  JWT
		want string
	}{
		"an algorithm that no key has": {JWT{JWKS: key, Algorithms: []string{"RS256"}}, "jwt.algorithms: no key fits RS256; with these keys only ES256 are possible"},
		"a secret too short for it":    {JWT{Secret: secretOf(32), Algorithms: []string{"HS512"}}, "jwt.algorithms: no key fits HS512"},
		"a short secret in a file":     {JWT{SecretFile: write(t, "s", []byte("short\n"))}, "jwt.secret_file: the secret has 5 bytes"},
		"a set that is none":           {JWT{JWKS: write(t, "x", []byte("{"))}, "jwt.jwks: it is not a JSON Web Key Set"},
		"a file that is not there":     {JWT{KeyFile: "/nowhere/key.pem"}, "jwt.key_file: read /nowhere/key.pem: no such file or directory"},
		"a folder":                     {JWT{KeyFile: t.TempDir()}, "is not a regular file"},
		"an authority that is none":    {JWT{JWKS: "https://idp/x", CAFile: key}, "jwt.ca_file: it has no certificate"},
	} {
		_, err := newManager().Prepare(&Config{JWT: &test.jwt}, "")
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}
