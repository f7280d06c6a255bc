package blocks

import (
	"context"
	"time"

	"lapwing.dev/lapwing/middleware/block"
)

// Run ends blocks at their time and carries out what rules have noticed, until
// ctx ends.
func (m *Manager) Run(ctx context.Context) error {
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	m.prune(ctx)
	for {
		next := time.NewTimer(m.untilNext())
		select {
		case <-ctx.Done():
			next.Stop()
			return nil
		case <-next.C:
			m.expire(ctx)
		case <-m.changed:
		case n := <-m.noticed:
			m.act(ctx, n)
		case <-prune.C:
			m.prune(ctx)
		}
		next.Stop()
	}
}

// untilNext is how long it is until the next block ends.
func (m *Manager) untilNext() time.Duration {
	const longest, shortest = time.Hour, 100 * time.Millisecond
	wait, now := longest, time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		if !e.Expires.IsZero() {
			wait = min(wait, e.Expires.Sub(now))
		}
	}
	return max(wait, shortest)
}

// expire removes the blocks that have ended. They hit nobody anyway.
func (m *Manager) expire(ctx context.Context) {
	m.writing.Lock()
	defer m.writing.Unlock()
	now := time.Now()
	var ended []block.Entry
	m.mu.Lock()
	for _, e := range m.entries {
		if e.Expired(now) {
			ended = append(ended, e)
		}
	}
	m.mu.Unlock()
	for _, e := range ended {
		if err := m.remove(ctx, e, Change{At: e.Expires, Action: Expired}); err != nil {
			m.log.Warn("a block that has ended could not be removed from the store; it is tried again", "target", e.Target.String(), "error", err)
			m.mu.Lock()
			m.drop(e.ID) // it hits nobody; at the next start it is found again
			m.rebuild()
			m.mu.Unlock()
		}
	}
}

// prune forgets what is old.
func (m *Manager) prune(ctx context.Context) {
	now := time.Now()
	m.mu.Lock()
	for key, until := range m.dismissed {
		if now.After(until) {
			delete(m.dismissed, key)
		}
	}
	for id, p := range m.proposals {
		if now.Sub(p.Proposed) > keptProposals {
			delete(m.proposals, id)
		}
	}
	m.mu.Unlock()
	if m.store == nil {
		return
	}
	if err := m.store.Prune(ctx, now.Add(-keptChanges)); err != nil && ctx.Err() == nil {
		m.log.Warn("old changes of blocks could not be forgotten", "error", err)
	}
}
