package state_test

import (
	"log/slog"
	"testing"

	"lapwing.dev/lapwing/internal/heartbeats"
	"lapwing.dev/lapwing/internal/heartbeats/heartbeatstest"
	"lapwing.dev/lapwing/internal/state"
)

func TestHeartbeatStore(t *testing.T) {
	heartbeatstest.Run(t, func(t *testing.T) heartbeats.Store { return openHeartbeats(t) })
}

func openHeartbeats(t *testing.T) heartbeats.Store {
	t.Helper()
	db, err := state.Open(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db.Heartbeats()
}
