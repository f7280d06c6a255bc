package views

import (
	"context"
	"net/netip"
	"time"

	"lapwing.dev/lapwing/middleware/block"
)

// Blocks tells who is blocked, and changes it.
type Blocks interface {
	// List returns the blocks in force, newest first.
	List() []block.Entry
	// Blocked returns the block that hits a client; false when none does.
	Blocked(addr netip.Addr, key string) (block.Entry, bool)
	// Add sets a block and returns it once it is stored. fault.Invalid: the target
	// is none; fault.Conflict: the target must not be blocked (the allow list).
	Add(ctx context.Context, b NewBlock, by string) (block.Entry, error)
	// Remove ends a block; fault.NotFound without one.
	Remove(ctx context.Context, id, by string) error
	// Proposals returns the blocks that rules propose, newest first.
	Proposals() []Proposal
	// Accept makes a block of a proposal; fault.NotFound without one.
	Accept(ctx context.Context, id, by string) (block.Entry, error)
	// Dismiss drops a proposal; its rule proposes the client again only for new
	// reasons.
	Dismiss(ctx context.Context, id, by string) error
	// History returns what was done to blocks, newest first, at most most.
	History(ctx context.Context, most int) ([]BlockChange, error)
}

// NewBlock is a block that somebody wants.
type NewBlock struct {
	Target string // address, network or key: "203.0.113.7", "10.0.0.0/8", "key:mobile-app"
	Reason string
	For    time.Duration // 0: until it is removed
	Shadow bool          // count only
}

// Proposal is a block that a rule proposes.
type Proposal struct {
	ID       string
	Target   string
	Rule     string
	Reason   string // what the client did: "43 answers 404 on 40 paths within 1m"
	Proposed time.Time
	For      time.Duration // how long it would be blocked; 0: for ever
}

// BlockChange is one thing that was done to a block.
type BlockChange struct {
	At     time.Time
	Action string // added, removed, expired, dismissed
	ID     string // of the block or proposal
	Target string
	Reason string
	Rule   string // that set it; ""
	By     string // who did it; "" for a rule or the time
}
