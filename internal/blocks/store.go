package blocks

import (
	"context"
	"time"

	"lapwing.dev/lapwing/middleware/block"
)

// Store keeps blocks and what was done to them. blockstest.Run holds each
// implementation to this contract:
//
//   - What Write did MUST be durable when it returns nil; a call that failed has
//     changed nothing, not even by its first edits.
//   - There is at most one block of a target.
//   - Times are kept to the millisecond, in UTC.
//   - All methods MAY be called concurrently.
type Store interface {
	// Blocks returns all that were put and not removed, in no order.
	Blocks(ctx context.Context) ([]block.Entry, error)
	// Write makes edits, in their order.
	Write(ctx context.Context, edits []Edit) error
	// Changes returns what was done, newest first, at most most.
	Changes(ctx context.Context, most int) ([]Change, error)
	// Prune forgets changes that happened before a time, and all but the most
	// changes that were written last.
	Prune(ctx context.Context, before time.Time, most int) error
}

// Edit is a change and what it means for the blocks: Added and Changed put the
// entry, in the place of one of its target; Removed and Expired remove the block
// with the change's ID, if there is one; Dismissed means nothing for them. The
// change is kept in every case.
type Edit struct {
	Change Change
	Entry  block.Entry // of Added and Changed
}

// puts reports whether the edit puts its entry.
func (e *Edit) puts() bool { return e.Change.Action == Added || e.Change.Action == Changed }

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
