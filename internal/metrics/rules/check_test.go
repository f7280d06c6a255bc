package rules_test

import (
	"log/slog"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/metrics/rules"
)

func TestFilesAreCheckedWithoutAStore(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "api.yaml", errorRate)
	m := rules.New(rules.Deps{Log: slog.New(slog.DiscardHandler)})
	if _, err := m.Prepare(config(dir)); err != nil {
		t.Error(err)
	}
	write(t, dir, "api.yaml", strings.Replace(errorRate, "sum by", "sam by", 1))
	if _, err := m.Prepare(config(dir)); err == nil || !strings.Contains(err.Error(), "api.yaml:8:") {
		t.Errorf("a mistake: %v", err)
	}
}
