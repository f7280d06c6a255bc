package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestASecretCannotBePrinted(t *testing.T) {
	s := New("hunter2")
	text, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("login", "password", s)
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s), string(text), log.String()} {
		if strings.Contains(shown, "hunter2") || !strings.Contains(shown, Redacted) {
			t.Errorf("shown as %s", shown)
		}
	}
	if s.Reveal() != "hunter2" {
		t.Error("the secret is lost")
	}
}

func TestRedactedText(t *testing.T) {
	r := NewRedactor("tok-abcdef", "tok-abcdef-longer", "on", "a b&c")
	for _, tt := range []struct{ name, text, want string }{
		{"a known value anywhere", "bearer tok-abcdef!", "bearer [redacted]!"},
		{"the longer of two values", "tok-abcdef-longer", "[redacted]"},
		{"a value in a query", "/x?q=a+b%26c", "/x?q=[redacted]"},
		{"a short value is left alone", "on and on", "on and on"},
		{"members whose name says it", `{"password":"x\"y","user":"ada","api_key": "k"}`, `{"password":"[redacted]","user":"ada","api_key": "[redacted]"}`},
		{"a member that was cut off", `{"access_token":"abc`, `{"access_token":"[redacted]"`},
		{"parameters whose name says it", "/cb?token=abc&page=2", "/cb?token=[redacted]&page=2"},
		{"a form", "user=ada&password=x", "user=ada&password=[redacted]"},
		{"plain text", "nothing to hide", "nothing to hide"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.Text(tt.text); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRedactedHeaders(t *testing.T) {
	var r Redactor
	for _, tt := range []struct{ name, value, want string }{
		{"Authorization", "Bearer abc", "Bearer [redacted]"},
		{"authorization", "abc", "[redacted]"},
		{"Set-Cookie", "sid=abc; Path=/; HttpOnly", "sid=[redacted]; Path=/; HttpOnly"},
		{"Cookie", "sid=abc", "[redacted]"},
		{"X-Api-Key", "abc", "[redacted]"},
		{"Location", "/next?token=abc", "/next?token=[redacted]"},
		{"Content-Type", "text/html", "text/html"},
	} {
		if got := r.Header(tt.name, tt.value); got != tt.want {
			t.Errorf("%s: %s is shown as %s, want %s", tt.name, tt.value, got, tt.want)
		}
	}
}

func FuzzRedactor(f *testing.F) {
	f.Add("tok-secret-1", `{"password":"tok-secret-1"}`)
	f.Fuzz(func(t *testing.T, value, text string) {
		if len(value) < minSecretLength || strings.Contains(Redacted, value) {
			return
		}
		// Redacting twice must not bring anything back, and the value must not survive
		// in a text that is not made of what replaces it.
		once := NewRedactor(value).Text(text)
		if strings.Contains(strings.ReplaceAll(once, Redacted, "\x00"), value) {
			t.Errorf("%q survives in %q", value, once)
		}
	})
}
