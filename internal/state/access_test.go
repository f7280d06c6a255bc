package state_test

import (
	"log/slog"
	"testing"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/state"
)

func TestWhoMayComeInSurvivesARestart(t *testing.T) {
	dir := t.TempDir()
	db, err := state.Open(t.Context(), dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Access().SetPasswordHash(t.Context(), "$argon2id$…"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	hash, err := openAccess(t, dir).PasswordHash(t.Context())
	if err != nil || hash != "$argon2id$…" {
		t.Errorf("after a restart the hash is %q, %v", hash, err)
	}
}

// TestPasswordSetByAnotherProcess stands for the command line, which opens the
// same folder while the server runs.
func TestPasswordSetByAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	server, command := openAccess(t, dir), openAccess(t, dir)
	if err := command.SetPasswordHash(t.Context(), "$argon2id$…"); err != nil {
		t.Fatal(err)
	}
	hash, err := server.PasswordHash(t.Context())
	if err != nil || hash != "$argon2id$…" {
		t.Errorf("the server sees the hash %q, %v", hash, err)
	}
}

func openAccess(t *testing.T, dir string) access.Store { return openState(t, dir).Access() }
