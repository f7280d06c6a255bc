package blocks

import (
	"context"
	"sync"
	"time"
)

// atOnce is how many blocks end in one transaction.
const atOnce = 1000

// Run ends blocks at their time, carries out what rules have noticed, and keeps
// in step with other servers. It returns when ctx has ended and all of that has.
func (m *Manager) Run(ctx context.Context) error {
	var group sync.WaitGroup
	if m.shared != nil {
		group.Go(func() { m.keepInStep(ctx) })
	}
	m.attend(ctx)
	group.Wait()
	return nil
}

func (m *Manager) attend(ctx context.Context) {
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	m.prune(ctx)
	for {
		next := time.NewTimer(m.untilNext())
		select {
		case <-ctx.Done():
			next.Stop()
			return
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

// untilNext is how long it is until the next block ends, or rules may set blocks
// again.
func (m *Manager) untilNext() time.Duration {
	const longest, shortest = time.Hour, 100 * time.Millisecond
	wait, now := longest, time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.next.IsZero() {
		wait = min(wait, m.next.Sub(now))
	}
	if m.overflown && len(m.byRules) > 0 {
		wait = min(wait, m.byRules[0].Add(time.Hour).Sub(now))
	}
	return max(wait, shortest)
}

// expire removes the blocks that have ended. They hit nobody anyway.
func (m *Manager) expire(ctx context.Context) {
	m.writing.Lock()
	defer m.writing.Unlock()
	now := time.Now()
	var ended []Edit
	m.mu.Lock()
	m.relax(now)
	for _, e := range m.entries {
		if e.Expired(now) {
			ended = append(ended, Edit{Change: Change{At: e.Expires, Action: Expired, ID: e.ID, Target: e.Target, Reason: e.Reason, Rule: e.Rule}})
		}
	}
	m.mu.Unlock()
	var failed error
	for part := ended; len(part) > 0 && m.store != nil && failed == nil; {
		n := min(len(part), atOnce)
		failed = m.store.Write(ctx, part[:n])
		part = part[n:]
	}
	if failed != nil {
		m.log.Warn("blocks that have ended could not be removed from the store; that is done at the next start", "blocks", len(ended), "error", failed)
	}
	if len(ended) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range ended {
		m.apply(&ended[i])
	}
	m.rebuild()
	m.log.Info("blocks have ended", "blocks", len(ended))
}

// prune forgets what is old.
func (m *Manager) prune(ctx context.Context) {
	now := time.Now()
	m.detector.Load().sweep(now)
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
	for target, at := range m.removed {
		if now.Sub(at) > keptRemovals {
			delete(m.removed, target)
		}
	}
	m.mu.Unlock()
	if m.store == nil {
		return
	}
	if err := m.store.Prune(ctx, now.Add(-keptChanges), mostChanges); err != nil && ctx.Err() == nil {
		m.log.Warn("old changes of blocks could not be forgotten", "error", err)
	}
}
