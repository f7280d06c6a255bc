package state_test

import (
	"log/slog"
	"testing"

	"lapwing.dev/lapwing/internal/ingest/tail"
	"lapwing.dev/lapwing/internal/ingest/tailtest"
	"lapwing.dev/lapwing/internal/state"
)

func TestLogFileStoreKeepsTheContract(t *testing.T) {
	for _, place := range []struct {
		name string
		dir  func(*testing.T) string
	}{
		{"on disk", func(t *testing.T) string { return t.TempDir() }},
		{"in memory", func(*testing.T) string { return state.Memory }},
	} {
		t.Run(place.name, func(t *testing.T) {
			tailtest.Run(t, func(t *testing.T) tail.Store {
				db, err := state.Open(t.Context(), place.dir(t), slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				})
				return db.LogFiles()
			})
		})
	}
}
