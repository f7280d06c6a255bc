package blocks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/middleware/block"
)

// Bounds of proposals.
const (
	maxProposals  = 200
	keptProposals = 24 * time.Hour
	keptDismissed = 24 * time.Hour
)

// Proposal is a block that a rule proposes.
type Proposal struct {
	ID       string
	Target   block.Target
	Rule     string
	Reason   string // what the client did
	Proposed time.Time
	For      time.Duration // how long it would be blocked; 0: until it is removed
}

// dismissal is what somebody does not want to hear again for a while.
type dismissal struct {
	target block.Target
	rule   string
}

// act does what a rule says about a client that it has noticed.
func (m *Manager) act(ctx context.Context, n notice) {
	reason := fmt.Sprintf("%d answers %s in %s", n.count, statuses(n.rule.Status), n.rule.Within)
	if n.rule.Paths > 1 {
		reason = fmt.Sprintf("%d answers %s on about %d paths in %s", n.count, statuses(n.rule.Status), n.paths, n.rule.Within)
	}
	mode := n.rule.Mode
	switch {
	case m.wasDismissed(n.target, n.rule.Name):
		return
	case mode != modePropose && !m.withinGuard():
		mode = modePropose
	}
	if mode == modePropose {
		m.propose(Proposal{Target: n.target, Rule: n.rule.Name, Reason: reason, For: n.rule.For.Std()})
		return
	}
	e := block.Entry{Target: n.target, Reason: reason, Rule: n.rule.Name, Author: "rule:" + n.rule.Name, Shadow: mode == modeShadow}
	_, done, err := m.set(ctx, e, n.rule.For.Std(), "")
	if err != nil {
		m.log.Warn("a rule could not block a client", "rule", n.rule.Name, "target", n.target.String(), "error", err)
		return
	}
	if done {
		m.mu.Lock()
		m.byRules = append(m.byRules, time.Now())
		m.mu.Unlock()
	}
}

// wasDismissed reports whether somebody does not want to hear this of a rule.
func (m *Manager) wasDismissed(t block.Target, rule string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Before(m.dismissed[dismissal{t, rule}])
}

// withinGuard reports whether rules may set one more block, and has people told
// when they may not any more.
func (m *Manager) withinGuard() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.relax(time.Now())
	if len(m.byRules) < m.perHour {
		return true
	}
	if m.perHour > 0 && !m.overflown {
		m.overflown = true
		m.log.Warn("rules have set as many blocks as they may within an hour; they propose until it has passed", "per_hour", m.perHour)
		if m.health != nil {
			m.health.Raise(health.Notice{
				Code: overflowCode, Severity: health.Warning, Title: "Rules have set as many blocks as they may",
				Text: fmt.Sprintf("They set %d blocks within an hour (blocks.per_hour); until that hour has passed they only propose. Look at the proposals on the traffic page.", m.perHour),
			})
		}
	}
	return false
}

// relax forgets blocks of rules that are older than an hour. The caller holds
// the lock.
func (m *Manager) relax(now time.Time) {
	hourAgo := now.Add(-time.Hour)
	m.byRules = slices.DeleteFunc(m.byRules, func(at time.Time) bool { return !at.After(hourAgo) })
	if m.overflown && len(m.byRules) < m.perHour {
		m.overflown = false
		if m.health != nil {
			m.health.Clear(overflowCode)
		}
	}
}

// propose keeps a proposal, unless the client is blocked already or never may be.
func (m *Manager) propose(p Proposal) {
	p.Proposed = time.Now().UTC()
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, known := m.of(p.Target); known && !e.Expired(p.Proposed) || m.protects(p.Target) {
		return
	}
	var oldest Proposal
	for id, known := range m.proposals {
		if known.Target == p.Target && known.Rule == p.Rule {
			p.ID, p.Proposed = id, known.Proposed
			m.proposals[id] = p
			return
		}
		if oldest.ID == "" || known.Proposed.Before(oldest.Proposed) {
			oldest = known
		}
	}
	if len(m.proposals) >= maxProposals {
		delete(m.proposals, oldest.ID)
	}
	p.ID = newID()
	m.proposals[p.ID] = p
	m.log.Info("a block is proposed", "target", p.Target.String(), "rule", p.Rule, "reason", p.Reason)
}

// Proposals returns what rules propose, newest first.
func (m *Manager) Proposals() []Proposal {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sorted()
}

func (m *Manager) sorted() []Proposal {
	list := make([]Proposal, 0, len(m.proposals))
	for _, p := range m.proposals {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Proposal) int {
		return cmp.Or(b.Proposed.Compare(a.Proposed), strings.Compare(a.ID, b.ID))
	})
	return list
}

// Accept makes a block of a proposal; fault.NotFound without one.
func (m *Manager) Accept(ctx context.Context, id, by string) (block.Entry, error) {
	p, err := m.proposal(id)
	if err != nil {
		return block.Entry{}, err
	}
	e, _, err := m.set(ctx, block.Entry{Target: p.Target, Reason: p.Reason, Rule: p.Rule, Author: by}, p.For, by)
	return e, err
}

// Dismiss drops a proposal. Its rule leaves the client alone for a day.
func (m *Manager) Dismiss(ctx context.Context, id, by string) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	p, err := m.proposal(id)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	edit := Edit{Change: Change{At: now, Action: Dismissed, ID: p.ID, Target: p.Target, Reason: p.Reason, Rule: p.Rule, By: by}}
	if m.store != nil {
		if err := m.store.Write(ctx, []Edit{edit}); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.apply(&edit)
	delete(m.proposals, id)
	return nil
}

func (m *Manager) proposal(id string) (Proposal, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, known := m.proposals[id]
	if !known {
		return Proposal{}, fault.NotFound("there is no proposal %.100q; it may have been decided already", id)
	}
	return p, nil
}

// withdraw drops the proposals about a target that is blocked now. The caller
// holds the lock.
func (m *Manager) withdraw(t block.Target) {
	for id, p := range m.proposals {
		if p.Target == t {
			delete(m.proposals, id)
		}
	}
}

func statuses(list Statuses) string {
	texts := make([]string, len(list))
	for i, status := range list {
		texts[i] = strconv.Itoa(status)
	}
	return strings.Join(texts, " or ")
}
