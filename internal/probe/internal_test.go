package probe

import (
	"encoding/json"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/secret"
)

func TestTokenLife(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		expiresIn string
		want      time.Duration // 0: until a 401
	}{
		{"3600", 3590 * time.Second},
		{`"3600"`, 3590 * time.Second},
		{"20", 15 * time.Second},
		{"0.4", 300 * time.Millisecond},
		{"", 0},
		{"null", 0},
		{"0", 0},
		{"-5", 0},
		{"1e300", 0},
		{`"soon"`, 0},
		{"{}", 0},
	}
	for _, test := range tests {
		a := tokenAnswer{ExpiresIn: json.RawMessage(test.expiresIn)}
		want := time.Time{}
		if test.want != 0 {
			want = now.Add(test.want)
		}
		if got := a.expires(now); !got.Equal(want) {
			t.Errorf("expires_in %s: %s, want %s", test.expiresIn, got, want)
		}
	}
}

func TestTemplates(t *testing.T) {
	vars := map[string]string{"a": "x&y", "b_2": `"`}
	tests := []struct{ text, want string }{
		{"", ""},
		{"plain", "plain"},
		{"${a}", "x%26y"},
		{"<${a}-${b_2}>", "<x%26y-%22>"},
		{"$${a}", "${a}"},
		{"$$${a}", "$${a}"},
		{"${2b}${}${a b}${labels.x}", "${2b}${}${a b}${labels.x}"},
		{"${a", "${a"},
		{"${${a}}", "${x%26y}"},
		{"$", "$"},
	}
	for _, test := range tests {
		if got, err := parseTemplate(test.text, queryEscape).fill(vars); err != nil || got != test.want {
			t.Errorf("%q: %q, %v; want %q", test.text, got, err, test.want)
		}
	}
}

// TestSharing holds one set of TLS settings and one token source for equal
// probes, and none when they are gone.
func TestSharing(t *testing.T) {
	h := NewHTTP(Options{})
	r := HTTPRequest{URL: "https://api.example.com", Auth: &Auth{OAuth2: &OAuth2{
		TokenURL: "https://login.example.com/token", ClientID: "a", ClientSecret: secret.New("b"),
	}}}
	var probes []*Probe
	for range 3 {
		p, err := h.Prepare(r, Target{})
		if err != nil {
			t.Fatal(err)
		}
		probes = append(probes, p)
	}
	r.TLS = &TLSConfig{MinVersion: "1.3"}
	other, err := h.Prepare(r, Target{})
	if err != nil {
		t.Fatal(err)
	}
	if h.tls.len() != 2 || h.tokens.len() != 2 {
		t.Errorf("%d TLS settings and %d token sources, want 2 and 2", h.tls.len(), h.tokens.len())
	}
	h.Release(probes[0])
	h.Release(probes[0])
	h.Release(probes[1])
	if h.tls.len() != 2 || h.tokens.len() != 2 {
		t.Error("released while in use")
	}
	h.Release(probes[2])
	h.Release(other)
	if h.tls.len() != 0 || h.tokens.len() != 0 {
		t.Errorf("%d TLS settings and %d token sources left", h.tls.len(), h.tokens.len())
	}
}
