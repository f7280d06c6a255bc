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
