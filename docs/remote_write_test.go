package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/app"
)

// TestDoorsOfMetrics loads every configuration of the page as `config check`
// does: Prometheus' own parser reads the sections that are Prometheus' own.
func TestDoorsOfMetrics(t *testing.T) {
	for _, name := range []string{"GRAFANA_TOKEN", "LAPWING_TOKEN", "COLLECTOR_TOKEN"} {
		t.Setenv(name, "secret-of-"+name)
	}
	page, err := os.ReadFile("guides/remote-write.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```yaml\n")[1:]
	if len(blocks) < 5 {
		t.Fatalf("%d configurations", len(blocks))
	}
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		file := filepath.Join(t.TempDir(), "lapwing.yaml")
		text = "apis: [{name: orders, url: 'http://127.0.0.1:8000'}]\n" + text
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := app.LoadConfig(file); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}
