package demo_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/demo"
)

func TestTheInboxTellsWhatCame(t *testing.T) {
	var seen []string
	inbox := &demo.Inbox{Received: func(m demo.Message) { seen = append(seen, m.String()) }}
	post := func(body string) int {
		w := httptest.NewRecorder()
		inbox.ServeHTTP(w, httptest.NewRequest(http.MethodPost, demo.InboxPath, strings.NewReader(body)))
		return w.Code
	}
	body := `{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"ErrorRateHigh"},"annotations":{"summary":"GET /refunds\nfails"}}]}`
	for range 60 {
		if code := post(body); code != http.StatusNoContent {
			t.Fatalf("a message got %d", code)
		}
	}
	if code := post("no JSON"); code != http.StatusBadRequest {
		t.Errorf("nonsense got %d", code)
	}
	w := httptest.NewRecorder()
	inbox.ServeHTTP(w, httptest.NewRequest(http.MethodGet, demo.InboxPath, nil))
	var list []demo.Message
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != 50 {
		t.Fatalf("%d messages are kept, %v", len(list), err)
	}
	if want := "✕ ErrorRateHigh: GET /refunds fails"; len(seen) != 60 || seen[0] != want {
		t.Errorf("told %d, the first %q, want %q", len(seen), seen[0], want)
	}
}
