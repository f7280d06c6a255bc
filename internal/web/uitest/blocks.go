package uitest

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/middleware/block"
)

// Blocks is a views.Blocks in memory.
type Blocks struct {
	At time.Time // now

	mu       sync.Mutex
	Entries  []block.Entry
	Proposed []blocks.Proposal
	Changes  []blocks.Change // newest first
}

// RushBlocks has one block by somebody, one by a rule, one that counts only, and
// a proposal.
func RushBlocks(now time.Time) *Blocks {
	target := func(text string) block.Target {
		t, err := block.ParseTarget(text)
		if err != nil {
			panic(err) // of this file
		}
		return t
	}
	return &Blocks{
		At: now,
		Entries: []block.Entry{
			{ID: "b7", Target: target("192.0.2.66"), Rule: "path-scan", Author: "rule:path-scan", Reason: "612 answers 404 on 598 paths within 1 min", Created: now.Add(-4 * time.Minute), Expires: now.Add(56 * time.Minute)},
			{ID: "b5", Target: target("198.18.0.0/15"), Author: "anna", Reason: "load test that somebody forgot to stop", Created: now.Add(-3 * time.Hour), Expires: now.Add(21 * time.Hour)},
			{ID: "b2", Target: target("key:old-partner"), Author: "local", Reason: "contract ended", Created: now.AddDate(0, -2, 0), Shadow: true},
		},
		Proposed: []blocks.Proposal{{ID: "p3", Target: target("198.51.100.140"), Rule: "many-errors", Reason: "58 answers 401 within 1 min", Proposed: now.Add(-70 * time.Second), For: 10 * time.Minute}},
		Changes: []blocks.Change{
			{At: now.Add(-4 * time.Minute), Action: blocks.Added, ID: "b7", Target: target("192.0.2.66"), Reason: "612 answers 404 on 598 paths within 1 min", Rule: "path-scan"},
			{At: now.Add(-2 * time.Hour), Action: blocks.Removed, ID: "b6", Target: target("203.0.113.200"), Reason: "it was our own monitor", By: "anna"},
			{At: now.Add(-3 * time.Hour), Action: blocks.Added, ID: "b5", Target: target("198.18.0.0/15"), Reason: "load test that somebody forgot to stop", By: "anna"},
		},
	}
}

// List implements views.Blocks.
func (b *Blocks) List() []block.Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.Entries)
}

// Find implements views.Blocks.
func (b *Blocks) Find(addr netip.Addr, key string) (block.Entry, bool) {
	for _, e := range b.List() {
		if !e.Expired(b.At) && (e.Target.Key != "" && e.Target.Key == key || e.Target.Prefix.IsValid() && addr.IsValid() && e.Target.Prefix.Contains(addr)) {
			return e, true
		}
	}
	return block.Entry{}, false
}

// Add implements views.Blocks. Loopback must not be blocked.
func (b *Blocks) Add(_ context.Context, wanted blocks.Spec, by string) (block.Entry, error) {
	target, err := block.ParseTarget(wanted.Target)
	if err != nil {
		return block.Entry{}, fault.Invalid("%w", err)
	}
	if target.Prefix.IsValid() && target.Prefix.Addr().IsLoopback() {
		return block.Entry{}, fault.Conflict("%s is on the allow list: loopback is never blocked", target)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e := block.Entry{ID: "b9", Target: target, Reason: wanted.Reason, Author: by, Created: b.At, Shadow: wanted.Shadow}
	if wanted.For > 0 {
		e.Expires = b.At.Add(wanted.For)
	}
	b.Entries = append([]block.Entry{e}, b.Entries...)
	b.change(blocks.Added, &e, by)
	return e, nil
}

func (b *Blocks) change(action blocks.Action, e *block.Entry, by string) {
	b.Changes = append([]blocks.Change{{At: b.At, Action: action, ID: e.ID, Target: e.Target, Reason: e.Reason, By: by}}, b.Changes...)
}

// Remove implements views.Blocks.
func (b *Blocks) Remove(_ context.Context, id, by string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.Entries {
		if b.Entries[i].ID == id {
			b.change(blocks.Removed, &b.Entries[i], by)
			b.Entries = slices.Delete(b.Entries, i, i+1)
			return nil
		}
	}
	return fault.NotFound("there is no block %q", id)
}

// Proposals implements views.Blocks.
func (b *Blocks) Proposals() []blocks.Proposal {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.Proposed)
}

func (b *Blocks) proposal(id string) (blocks.Proposal, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, p := range b.Proposed {
		if p.ID == id {
			b.Proposed = slices.Delete(b.Proposed, i, i+1)
			return p, nil
		}
	}
	return blocks.Proposal{}, fault.NotFound("there is no proposal %q", id)
}

// Accept implements views.Blocks.
func (b *Blocks) Accept(ctx context.Context, id, by string) (block.Entry, error) {
	p, err := b.proposal(id)
	if err != nil {
		return block.Entry{}, err
	}
	return b.Add(ctx, blocks.Spec{Target: p.Target.String(), Reason: p.Reason, For: p.For}, by)
}

// Dismiss implements views.Blocks.
func (b *Blocks) Dismiss(_ context.Context, id, _ string) error {
	_, err := b.proposal(id)
	return err
}

// History implements views.Blocks.
func (b *Blocks) History(_ context.Context, most int) ([]blocks.Change, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.Changes[:min(most, len(b.Changes))]), nil
}
