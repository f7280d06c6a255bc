package blocks

import (
	"context"
	"time"

	"lapwing.dev/lapwing/middleware/block"
)

// How servers keep in step.
const (
	hearEvery = 500 * time.Millisecond
	tellMost  = 500 // records in a call
)

// step is how far this server has come.
type step struct {
	place Place
	heard map[block.Target]time.Time // in this pass through a log from its beginning; nil: none
	apart bool                       // the other servers cannot be reached
}

// keepInStep tells other servers what changes here, and does what they say,
// until ctx ends. While they cannot be reached this server goes on with what it
// knows, and tells later.
func (m *Manager) keepInStep(ctx context.Context) {
	var s step
	tick := time.NewTicker(hearEvery)
	defer tick.Stop()
	for {
		err := m.hear(ctx, &s)
		if err == nil {
			err = m.tell(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !s.apart:
			m.log.Warn("blocks are not shared with other servers for now; those that are known hold", "error", err)
		case err == nil && s.apart:
			m.log.Info("blocks are shared with other servers again")
		}
		s.apart = err != nil
		var telling <-chan struct{}
		if !s.apart { // else it is tried again in its time
			telling = m.telling
		}
		select {
		case <-ctx.Done():
			return
		case <-telling:
		case <-tick.C:
		}
	}
}

// hear does what other servers have said since the last time. At the beginning
// of a log it notes what this server knows and the log does not.
func (m *Manager) hear(ctx context.Context, s *step) error {
	for {
		records, next, more, err := m.shared.Hear(ctx, s.place)
		if err != nil {
			return err
		}
		if next.Epoch != s.place.Epoch {
			s.heard = map[block.Target]time.Time{}
		}
		if s.heard != nil {
			for i := range records {
				s.heard[records[i].Entry.Target] = records[i].At()
			}
		}
		if err := m.adopt(ctx, records); err != nil {
			return err
		}
		s.place = next
		if !more {
			break
		}
	}
	if s.heard != nil {
		m.tellWhatWasNot(s.heard)
		s.heard = nil
	}
	return nil
}

// adopt does what records say, as far as nothing that is known here is later.
func (m *Manager) adopt(ctx context.Context, records []Record) error {
	if len(records) == 0 {
		return nil
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	now := time.Now()
	var edits []Edit
	m.mu.Lock()
	room := maxBlocks - len(m.entries)
	for i := range records {
		edit, news := m.edit(&records[i], now)
		if edit.Change.Action == Added {
			if room--; room < 0 {
				continue
			}
		}
		if news {
			edits = append(edits, edit)
		}
	}
	m.mu.Unlock()
	if room < 0 {
		m.log.Warn("other servers have more blocks than there is room for here", "left_out", -room)
	}
	if len(edits) == 0 {
		return nil
	}
	if err := m.write(ctx, edits, false); err != nil {
		if ctx.Err() != nil {
			return err
		}
		// Who is to be kept out is kept out, and the log is heard again after a restart.
		m.log.Warn("blocks of other servers hold, but could not be stored", "error", err)
		m.enforce(edits, false)
	}
	m.log.Info("other servers have changed blocks", "changes", len(edits))
	return nil
}

// edit is what a record changes here, if it does. The caller holds the lock.
func (m *Manager) edit(r *Record, now time.Time) (_ Edit, news bool) {
	e := r.Entry
	old, known := m.of(e.Target)
	if !r.Removed.IsZero() {
		// What was removed at the time at which it was set is removed.
		if r.Removed.Before(old.Created) || !r.Removed.After(m.removed[e.Target]) {
			return Edit{}, false
		}
		// Without a block here it is kept all the same, for a block that comes late.
		c := Change{At: r.Removed, Action: Removed, ID: e.ID, Target: e.Target, Reason: e.Reason, Rule: e.Rule, By: r.By}
		if known {
			c.ID, c.Reason, c.Rule = old.ID, old.Reason, old.Rule
		}
		return Edit{Change: c}, true
	}
	c := Change{At: e.Created, Action: Added, ID: e.ID, Target: e.Target, Reason: e.Reason, Rule: e.Rule, By: e.Author}
	other, taken := m.entries[e.ID]
	switch {
	case !e.Created.After(m.removed[e.Target]), known && (e.Created.Before(old.Created) || e.Created.Equal(old.Created) && e.ID <= old.ID):
		return Edit{}, false
	case taken && other.Target != e.Target:
		return Edit{}, false // no server gives an ID twice
	case e.Expired(now) && !known:
		return Edit{}, false
	case e.Expired(now):
		c.At, c.Action, c.ID, c.By = e.Expires, Expired, old.ID, ""
	case known:
		c.Action = Changed
	}
	return Edit{Change: c, Entry: e}, true
}

// tellWhatWasNot notes to tell what is known here and was not heard.
func (m *Manager) tellWhatWasNot(heard map[block.Target]time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for target, at := range m.removed {
		if at.After(heard[target]) {
			m.untold[target] = Record{Entry: block.Entry{Target: target}, Removed: at}
		}
	}
	for _, e := range m.entries {
		if e.Created.After(heard[e.Target]) && e.Created.After(m.removed[e.Target]) {
			m.untold[e.Target] = Record{Entry: e}
		}
	}
}

// tell says to other servers what they have to be told.
func (m *Manager) tell(ctx context.Context) error {
	for {
		m.mu.Lock()
		var records []Record
		for _, r := range m.untold {
			if records = append(records, r); len(records) == tellMost {
				break
			}
		}
		m.mu.Unlock()
		if len(records) == 0 {
			return nil
		}
		if err := m.shared.Tell(ctx, records); err != nil {
			return err
		}
		m.mu.Lock()
		for i := range records {
			target := records[i].Entry.Target
			if now := m.untold[target]; now.At().Equal(records[i].At()) {
				delete(m.untold, target)
			}
		}
		m.mu.Unlock()
	}
}
