package blocks

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"
	"unicode"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/middleware/block"
)

// Spec is a block that somebody wants.
type Spec struct {
	Target string        // as block.ParseTarget reads it
	Reason string        // for people
	For    time.Duration // 0: until it is removed
	Shadow bool          // count only
}

// Add sets a block and returns it once it is stored; one for the same target is
// replaced. fault.Invalid: the target is none; fault.Conflict: it may not be
// blocked.
func (m *Manager) Add(ctx context.Context, spec Spec, by string) (block.Entry, error) {
	target, err := block.ParseTarget(spec.Target)
	if err != nil {
		return block.Entry{}, fault.Invalid("%w", err)
	}
	if spec.For < 0 {
		return block.Entry{}, fault.Invalid("a block cannot last for %s", spec.For)
	}
	e := block.Entry{Target: target, Reason: OneLine(spec.Reason), Author: by, Shadow: spec.Shadow}
	e, _, err = m.set(ctx, e, spec.For, by)
	return e, err
}

// set stores a block and puts it in force. by is who does it; "" is a rule,
// which does not touch what somebody has set: done is false then.
func (m *Manager) set(ctx context.Context, e block.Entry, last time.Duration, by string) (_ block.Entry, done bool, err error) {
	m.writing.Lock()
	defer m.writing.Unlock()
	now := time.Now().UTC().Truncate(time.Millisecond)
	m.mu.Lock()
	old, replaced := m.of(e.Target)
	full, free := len(m.entries) >= maxBlocks, m.protects(e.Target)
	e.Created = m.stamp(e.Target, now)
	m.mu.Unlock()
	if by == "" && replaced && !old.Expired(now) && (old.Rule == "" || !old.Shadow || e.Shadow) {
		return old, false, nil
	}
	if last > 0 {
		e.Expires = now.Add(last).Truncate(time.Millisecond)
	}
	action := Added
	switch {
	case free:
		return block.Entry{}, false, fault.Conflict("%s is on the list of those whom no block may hit", e.Target)
	case replaced:
		e.ID, action = old.ID, Changed
	case full:
		return block.Entry{}, false, fault.Conflict("there are %d blocks already; remove some, or block a network instead of its addresses", maxBlocks)
	default:
		e.ID = newID()
	}
	edit := Edit{
		Change: Change{At: e.Created, Action: action, ID: e.ID, Target: e.Target, Reason: e.Reason, Rule: e.Rule, By: by},
		Entry:  e,
	}
	if err := m.write(ctx, []Edit{edit}, true); err != nil {
		return block.Entry{}, false, err
	}
	m.log.Info("a client is blocked", "target", e.Target.String(), "reason", e.Reason, "rule", e.Rule, "by", by, "until", e.Expires, "shadow", e.Shadow)
	return e, true, nil
}

// stamp is the time of a change to a target: later than any before it, whoever's
// clock was wrong, as of two that contradict each other the later one holds. The
// caller holds the lock.
func (m *Manager) stamp(t block.Target, now time.Time) time.Time {
	last := m.removed[t]
	if old, known := m.of(t); known {
		last = later(last, old.Created)
	}
	if now.After(last) {
		return now
	}
	return last.Add(time.Millisecond)
}

// protects reports whether all of the target is on the allow list. The caller
// holds the lock.
func (m *Manager) protects(t block.Target) bool {
	return slices.ContainsFunc(m.allow, func(a block.Target) bool {
		if t.Key != "" || a.Key != "" {
			return t == a
		}
		return a.Prefix.Bits() <= t.Prefix.Bits() && a.Prefix.Overlaps(t.Prefix)
	})
}

// Remove ends a block, by its ID or its target; fault.NotFound without one. If
// it was a rule's, the rule leaves the client alone for a day.
func (m *Manager) Remove(ctx context.Context, id, by string) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	now := time.Now().UTC().Truncate(time.Millisecond)
	m.mu.Lock()
	e, known := m.entries[id]
	if !known {
		if target, err := block.ParseTarget(id); err == nil {
			e, known = m.of(target)
		}
	}
	at := m.stamp(e.Target, now)
	m.mu.Unlock()
	if !known || e.Expired(now) {
		return fault.NotFound("there is no block %.100q", id)
	}
	edit := Edit{Change: Change{At: at, Action: Removed, ID: e.ID, Target: e.Target, Reason: e.Reason, Rule: e.Rule, By: by}}
	if err := m.write(ctx, []Edit{edit}, true); err != nil {
		return err
	}
	m.log.Info("a block has ended", "target", e.Target.String(), "why", string(Removed), "by", by)
	return nil
}

// write makes edits durable, then puts them in force, and has other servers told
// if it is asked to. The caller is the one that writes.
func (m *Manager) write(ctx context.Context, edits []Edit, tell bool) error {
	if m.store != nil {
		if err := m.store.Write(ctx, edits); err != nil {
			return err
		}
	}
	m.enforce(edits, tell)
	return nil
}

// enforce puts edits in force.
func (m *Manager) enforce(edits []Edit, tell bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range edits {
		m.apply(&edits[i])
		if tell && m.shared != nil {
			m.untold[edits[i].Change.Target] = recordOf(&edits[i])
			wake(m.telling)
		}
	}
	m.rebuild()
}

// apply does in memory what an edit says. The caller holds the lock, and
// rebuilds the list.
func (m *Manager) apply(e *Edit) {
	c := &e.Change
	switch c.Action {
	case Added, Changed:
		m.keep(e.Entry)
		m.withdraw(c.Target)
	case Removed:
		m.drop(c.ID)
		if len(m.removed) < maxBlocks {
			m.removed[c.Target] = later(m.removed[c.Target], c.At)
		}
	case Expired:
		m.drop(c.ID)
	}
	if c.dismisses() && len(m.dismissed) < maxBlocks {
		m.dismissed[dismissal{c.Target, c.Rule}] = c.At.Add(keptDismissed)
	}
}

// dismisses reports whether somebody told a rule that it was wrong.
func (c *Change) dismisses() bool {
	return c.Rule != "" && c.By != "" && (c.Action == Removed || c.Action == Dismissed)
}

// newID is a short name that nobody can guess and everybody can read out. It
// cannot be taken for a target.
func newID() string { return strings.ToLower(rand.Text()[:10]) }

// OneLine makes a text fit to be shown anywhere: without line breaks, control
// characters and those that turn the direction of a text.
func OneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	}), " ")
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}
