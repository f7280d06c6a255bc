package state_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/state"
)

func TestDeliveriesThatAreOverAreStoredTogether(t *testing.T) {
	dir := t.TempDir()
	db, err := state.Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	list := []*alerting.Delivery{
		{Receiver: "team", Kind: "slack", Reason: "notify", Alerts: []alerting.Told{{ID: "1", Name: "A", State: "firing"}}, Firing: 1, Created: at, Tries: 1, Last: at, State: "delivered"},
		{Receiver: "team", Kind: "webhook", Reason: "test", Alerts: []alerting.Told{{ID: "2", Name: "B", State: "resolved"}}, Resolved: 1, Created: at, Tries: 1, Last: at, State: "failed", Error: "no"},
	}
	if err := db.Alerts().PutEnded(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	got, err := db.Alerts().Deliveries(t.Context(), "", 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]alerting.Delivery{*list[1], *list[0]}, got); diff != "" {
		t.Error(diff)
	}
	if waiting, err := db.Alerts().Waiting(t.Context()); err != nil || len(waiting) != 0 {
		t.Errorf("waiting: %v, %v", waiting, err)
	}
}
