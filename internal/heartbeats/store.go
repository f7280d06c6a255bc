package heartbeats

import "context"

// Store keeps the last signs of life. Implementations MUST have on disk what
// they acknowledged.
type Store interface {
	// PutBeats stores beats by name; one that is known is replaced.
	PutBeats(ctx context.Context, beats []Beat) error
	// Beats returns all of them.
	Beats(ctx context.Context) ([]Beat, error)
	// DropBeats forgets those of names.
	DropBeats(ctx context.Context, names []string) error
}
