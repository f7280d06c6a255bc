// Package heartbeatstest is the conformance suite of heartbeats.Store.
package heartbeatstest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lapwing.dev/lapwing/internal/heartbeats"
)

// Run plays the suite on stores that open returns, each with what it was given.
func Run(t *testing.T, open func(t *testing.T) heartbeats.Store) {
	at := time.Date(2026, 3, 1, 2, 3, 4, 5e6, time.UTC)
	never := heartbeats.Beat{Name: "never", Known: at}
	backup := heartbeats.Beat{Name: "backup", Known: at, At: at.Add(time.Hour), OK: true, Message: "412 files", By: "ci", Since: at, Count: 7}
	byName := cmpopts.SortSlices(func(a, b heartbeats.Beat) bool { return a.Name < b.Name })
	read := func(t *testing.T, s heartbeats.Store, want ...heartbeats.Beat) {
		t.Helper()
		got, err := s.Beats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, byName, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("beats (-want +got):\n%s", diff)
		}
	}
	t.Run("what was put is there, and a later one takes its place", func(t *testing.T) {
		s := open(t)
		read(t, s)
		if err := s.PutBeats(t.Context(), []heartbeats.Beat{never, backup}); err != nil {
			t.Fatal(err)
		}
		read(t, s, never, backup)
		failed := backup
		failed.OK, failed.Message, failed.Count = false, "disk full", 8
		if err := s.PutBeats(t.Context(), []heartbeats.Beat{failed}); err != nil {
			t.Fatal(err)
		}
		read(t, s, never, failed)
	})
	t.Run("what was dropped is gone", func(t *testing.T) {
		s := open(t)
		if err := s.PutBeats(t.Context(), []heartbeats.Beat{never, backup}); err != nil {
			t.Fatal(err)
		}
		if err := s.DropBeats(t.Context(), []string{"backup", "unknown"}); err != nil {
			t.Fatal(err)
		}
		read(t, s, never)
		if err := s.DropBeats(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	})
}
