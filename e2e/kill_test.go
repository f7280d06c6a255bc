package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// acknowledged is what the API says of a run.
type acknowledged struct {
	Run    int64  `json:"run"`
	Status string `json:"status"`
}

func TestKilledServersLoseNothingThatTheyAcknowledged(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	defer target.Close()
	dir := t.TempDir()
	var text strings.Builder
	text.WriteString("checks:\n")
	for i := range 20 {
		fmt.Fprintf(&text, "  - {name: c%d, url: %q, every: 1s}\n", i, target.URL)
	}
	if err := os.WriteFile(filepath.Join(dir, "lapwing.yaml"), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	told := map[string]map[int64]bool{}
	for range 3 {
		s := start(t, dir, "serve", "--listen", "127.0.0.1:0")
		for i := range 20 {
			check := fmt.Sprintf("c%d", i)
			var run acknowledged
			if err := json.Unmarshal([]byte(s.get(t, http.MethodPost, "/api/v1/checks/"+check+"/run")), &run); err != nil || run.Run == 0 {
				t.Fatalf("what is this run? %v", err)
			}
			if told[check] == nil {
				told[check] = map[int64]bool{}
			}
			told[check][run.Run] = true
		}
		s.kill(t)
	}
	s := start(t, dir, "serve", "--listen", "127.0.0.1:0")
	for check, runs := range told {
		var page struct {
			Results []acknowledged `json:"results"`
		}
		body := s.get(t, http.MethodGet, "/api/v1/checks/"+check+"/results?limit=500")
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		seen := map[int64]int{}
		for _, r := range page.Results {
			seen[r.Run]++
		}
		for run := range runs {
			if seen[run] != 1 {
				t.Errorf("run %d of %s was acknowledged before a kill, and is there %d times", run, check, seen[run])
			}
		}
	}
}
