package state_test

import (
	"log/slog"
	"testing"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/access/accesstest"
	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/alerting/alertingtest"
	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/blocks/blockstest"
	"lapwing.dev/lapwing/internal/heartbeats"
	"lapwing.dev/lapwing/internal/heartbeats/heartbeatstest"
	"lapwing.dev/lapwing/internal/ingest/tail"
	"lapwing.dev/lapwing/internal/ingest/tailtest"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/limits/limitstest"
	"lapwing.dev/lapwing/internal/slo"
	"lapwing.dev/lapwing/internal/slo/slotest"
	"lapwing.dev/lapwing/internal/state"
)

// openState opens a data folder, and closes it with the test.
func openState(t *testing.T, dir string) *state.DB {
	t.Helper()
	db, err := state.Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// TestStoresKeepTheirContracts plays each domain's own suite, on disk and in memory.
func TestStoresKeepTheirContracts(t *testing.T) {
	for _, place := range []struct {
		name string
		dir  func(*testing.T) string
	}{
		{"on disk", func(t *testing.T) string { return t.TempDir() }},
		{"in memory", func(*testing.T) string { return state.Memory }},
	} {
		open := func(t *testing.T) *state.DB { return openState(t, place.dir(t)) }
		for name, play := range map[string]func(*testing.T){
			"access": func(t *testing.T) { accesstest.Run(t, func(t *testing.T) access.Store { return open(t).Access() }) },
			"alerts": func(t *testing.T) { alertingtest.Run(t, func(t *testing.T) alerting.Store { return open(t).Alerts() }) },
			"blocks": func(t *testing.T) { blockstest.Run(t, func(t *testing.T) blocks.Store { return open(t).Blocks() }) },
			"heartbeats": func(t *testing.T) {
				heartbeatstest.Run(t, func(t *testing.T) heartbeats.Store { return open(t).Heartbeats() })
			},
			"log files": func(t *testing.T) { tailtest.Run(t, func(t *testing.T) tail.Store { return open(t).LogFiles() }) },
			"quotas":    func(t *testing.T) { limitstest.Run(t, func(t *testing.T) limits.Store { return open(t).Quotas() }) },
			"slo":       func(t *testing.T) { slotest.Run(t, func(t *testing.T) slo.Store { return open(t).SLO() }) },
		} {
			t.Run(name+" "+place.name, play)
		}
	}
}
