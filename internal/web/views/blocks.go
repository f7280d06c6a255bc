package views

import (
	"context"
	"net/netip"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/middleware/block"
)

// Blocks tells who is blocked, and changes it; *blocks.Manager does.
type Blocks interface {
	// List returns the blocks in force, newest first.
	List() []block.Entry
	// Find returns the block that hits a client; false when none does.
	Find(addr netip.Addr, key string) (block.Entry, bool)
	// Add sets a block and returns it once it is stored. fault.Invalid: the target
	// is none; fault.Conflict: it must not be blocked.
	Add(ctx context.Context, spec blocks.Spec, by string) (block.Entry, error)
	// Remove ends a block; fault.NotFound without one.
	Remove(ctx context.Context, id, by string) error
	// Proposals returns the blocks that rules propose, newest first.
	Proposals() []blocks.Proposal
	// Accept makes a block of a proposal; fault.NotFound without one.
	Accept(ctx context.Context, id, by string) (block.Entry, error)
	// Dismiss drops a proposal.
	Dismiss(ctx context.Context, id, by string) error
	// History returns what was done to blocks, newest first, at most most.
	History(ctx context.Context, most int) ([]blocks.Change, error)
}
