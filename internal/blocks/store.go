package blocks

import (
	"context"
	"time"

	"lapwing.dev/lapwing/middleware/block"
)

// Store keeps blocks and what was done to them. storetest.Run holds each
// implementation to this contract:
//
//   - What a call did MUST be durable when it returns nil; one that failed has
//     changed nothing.
//   - The block and its change are written together or not at all.
//   - Times are kept to the millisecond.
//   - All methods MAY be called concurrently.
type Store interface {
	// Blocks returns all that were put and not removed, in no order.
	Blocks(ctx context.Context) ([]block.Entry, error)
	// Put adds a block, or replaces the one with the same ID.
	Put(ctx context.Context, e block.Entry, c Change) error
	// Remove removes the block with the change's ID. One that is not there is no
	// error, and the change is kept all the same.
	Remove(ctx context.Context, c Change) error
	// Note keeps a change that concerns no stored block.
	Note(ctx context.Context, c Change) error
	// Changes returns what was done, newest first, at most most.
	Changes(ctx context.Context, most int) ([]Change, error)
	// Prune forgets changes before a time.
	Prune(ctx context.Context, before time.Time) error
}

// Change is one thing that was done to a block or a proposal.
type Change struct {
	At     time.Time
	Action Action
	ID     string // of the block or the proposal
	Target block.Target
	Reason string
	Rule   string // that set or proposed it; ""
	By     string // who did it; "" for a rule or the time
}

// Action is what was done.
type Action string

// The actions. The texts are stable: they are stored.
const (
	Added     Action = "added"
	Changed   Action = "changed"
	Removed   Action = "removed"
	Expired   Action = "expired"
	Dismissed Action = "dismissed"
)
