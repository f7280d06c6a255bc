package auth

import (
	"net/http"
	"strings"
	"testing"
)

const (
	mobile  = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	partner = "ffeeddccbbaa99887766554433221100"
)

func twoKeys() []APIKey {
	return []APIKey{
		{Name: "mobile-app", SHA256: sumHex(mobile), Claims: map[string]string{"plan": "pro"}},
		{Name: "partner", SHA256: strings.ToUpper(sumHex(partner))},
	}
}

func TestAKeySaysWhoSendsARequest(t *testing.T) {
	tests := []struct {
		name    string
		header  string // of the configuration
		sent    http.Header
		key     string
		refused string
	}{
		{name: "in X-Api-Key", sent: http.Header{"X-Api-Key": {mobile}}, key: "mobile-app"},
		{name: "as a bearer", sent: http.Header{"Authorization": {"Bearer " + partner}}, key: "partner"},
		{name: "as a bearer in small letters", sent: http.Header{"Authorization": {"bearer  " + partner}}, key: "partner"},
		{name: "in a header of its own", header: "X-Shop-Key", sent: http.Header{"X-Shop-Key": {mobile}}, key: "mobile-app"},
		{name: "a header of its own is the only one", header: "X-Shop-Key", sent: http.Header{"X-Api-Key": {mobile}, "Authorization": {"Bearer of-the-upstream"}}},
		{name: "only as a bearer", header: "authorization", sent: http.Header{"Authorization": {"Bearer " + mobile}, "X-Api-Key": {"anything"}}, key: "mobile-app"},
		{name: "nothing", sent: http.Header{}},
		{name: "another scheme is not ours", sent: http.Header{"Authorization": {"Basic dTpw"}}},
		{name: "an empty bearer", sent: http.Header{"Authorization": {"Bearer "}}},
		{name: "a wrong one", sent: http.Header{"X-Api-Key": {mobile[1:]}}, refused: CodeUnknownKey},
		{name: "a wrong one as a bearer", sent: http.Header{"Authorization": {"Bearer x"}}, refused: CodeUnknownKey},
		{name: "the hash is not the key", sent: http.Header{"X-Api-Key": {sumHex(mobile)}}, refused: CodeUnknownKey},
		{name: "an endless one", sent: http.Header{"X-Api-Key": {strings.Repeat("k", 1<<20)}}, refused: CodeUnknownKey},
		{name: "two of them", sent: http.Header{"X-Api-Key": {mobile, partner}}, refused: CodeMalformed},
		{name: "one in each header", sent: http.Header{"X-Api-Key": {mobile}, "Authorization": {"Bearer " + partner}}, refused: CodeMalformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := prepared(t, Config{APIKeys: twoKeys(), Header: test.header})
			id, refused := asked(t, a, &Credentials{Headers: test.sent})
			if refused != test.refused || id.APIKey != test.key || id.User != test.key {
				t.Fatalf("refused %q, want %q; identity %+v, want key %q", refused, test.refused, id, test.key)
			}
			if test.key == "mobile-app" && id.Claims.Get("plan") != "pro" {
				t.Errorf("the key's claims are missing: %+v", id)
			}
			if test.key == "" != id.Anonymous() {
				t.Errorf("anonymous: %v", id.Anonymous())
			}
		})
	}
}

func TestRequiredCredentials(t *testing.T) {
	yes := true
	a := prepared(t, Config{APIKeys: twoKeys(), Required: &yes})
	for name, c := range map[string]*Credentials{"no headers at all": {}, "none of ours": {Headers: http.Header{"Authorization": {"Basic dTpw"}}}} {
		if _, refused := asked(t, a, c); refused != CodeMissing {
			t.Errorf("%s: refused with %q", name, refused)
		}
	}
	if id, refused := asked(t, a, &Credentials{Headers: http.Header{"X-Api-Key": {mobile}}}); refused != "" || id.Scheme != SchemeAPIKey {
		t.Errorf("a good key: %q, %+v", refused, id)
	}
}

func TestAKeyFromAFile(t *testing.T) {
	a := prepared(t, Config{APIKeys: []APIKey{{Name: "ci", KeyFile: write(t, "key", []byte(mobile+"\n"))}}})
	if id, refused := asked(t, a, &Credentials{Headers: http.Header{"X-Api-Key": {mobile}}}); id.APIKey != "ci" {
		t.Errorf("refused %q, %+v", refused, id)
	}
	for name, text := range map[string]string{"too short": "abc", "empty": "\n", "too long": strings.Repeat("x", maxKey+1)} {
		cfg := Config{APIKeys: []APIKey{{Name: "ci", KeyFile: write(t, "key", []byte(text))}}}
		if _, err := newManager().Prepare(&cfg, ""); err == nil {
			t.Errorf("a key that is %s was accepted", name)
		}
	}
	cfg := Config{APIKeys: []APIKey{{Name: "ci", KeyFile: "nowhere"}}}
	if _, err := newManager().Prepare(&cfg, t.TempDir()); err == nil || !strings.Contains(err.Error(), "api_keys[0].key_file: read ") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestAClientMovesToANewKey(t *testing.T) {
	cfg := Config{APIKeys: []APIKey{{Name: "app", SHA256: sumHex(mobile)}, {Name: "app", SHA256: sumHex(partner)}}}
	a := prepared(t, cfg)
	for _, key := range []string{mobile, partner} {
		if id, _ := asked(t, a, &Credentials{Headers: http.Header{"X-Api-Key": {key}}}); id.APIKey != "app" {
			t.Errorf("with %s: %+v", key[:4], id)
		}
	}
}

func TestChallengesAreOfRFC6750(t *testing.T) {
	yes := true
	for _, test := range []struct {
		name      string
		cfg       Config
		c         *Credentials
		challenge string
	}{
		{"nothing was sent", Config{APIKeys: twoKeys(), Required: &yes}, &Credentials{}, `Bearer realm="api"`},
		{"a wrong bearer", Config{APIKeys: twoKeys()}, bearerOf("x"), `Bearer realm="api", error="invalid_token", error_description="the API key is not known"`},
		{"keys in a header of their own", Config{APIKeys: twoKeys(), Header: "X-Shop-Key", Required: &yes}, &Credentials{}, `ApiKey realm="api"`},
	} {
		var id Identity
		err := prepared(t, test.cfg).Authenticate(t.Context(), test.c, &id)
		if r, ok := err.(*Refusal); !ok || r.Challenge != test.challenge || r.Unavailable { //nolint:errorlint // the very type
			t.Errorf("%s: %+v", test.name, err)
		}
	}
}

func TestWhatIsStripped(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  Config
		want string
	}{
		"nothing unless asked": {Config{APIKeys: twoKeys()}, ""},
		"both places of a key": {Config{APIKeys: twoKeys(), Strip: true}, "X-Api-Key Authorization"},
		"its own header":       {Config{APIKeys: twoKeys(), Header: "x-shop-key", Strip: true}, "X-Shop-Key"},
		"tokens":               {Config{JWT: &JWT{Secret: secretOf(32)}, Strip: true}, "Authorization"},
	} {
		if got := strings.Join(prepared(t, test.cfg).Strip(), " "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
