package alerting

import (
	"context"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"lapwing.dev/lapwing/internal/fault"
)

const (
	maxBy   = 200  // bytes of a name
	maxText = 2000 // bytes of a note or a comment
)

// Acknowledge says that somebody has an alert: it is not repeated and not
// escalated until then, or until it ends (zero). Its end is told all the same.
// fault.NotFound, fault.Conflict when it is not firing, fault.Invalid.
func (m *Manager) Acknowledge(ctx context.Context, id, by, note string, until time.Time) error {
	now := time.Now()
	if !until.IsZero() && !until.After(now) {
		return fault.Invalid("an acknowledgement must end in the future, not at %s", until.Format(time.RFC3339))
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	key, e, err := m.firing(id, now)
	if err != nil {
		return err
	}
	ack := Ack{Alert: key.String(), By: cut(by, maxBy), At: now, Until: until, Note: cut(strings.TrimSpace(note), maxText)}
	if err := m.store.PutAck(ctx, ack); err != nil {
		return err
	}
	e.ack = &ack
	m.book.put(map[model.Fingerprint]entry{key: e})
	m.log.Info("an alert is acknowledged", "alert", ack.Alert, "name", e.alert.Name(), "by", ack.By, "until", ack.Until, "note", ack.Note)
	m.announce(key, &e, now)
	return nil
}

// Unacknowledge takes an acknowledgement back. fault.NotFound, fault.Conflict when
// nobody has it.
func (m *Manager) Unacknowledge(ctx context.Context, id, by string) error {
	now := time.Now()
	m.writing.Lock()
	defer m.writing.Unlock()
	key, e, err := m.firing(id, now)
	if err != nil {
		return err
	}
	if !e.acked(now) {
		return fault.Conflict("nobody has acknowledged the alert %s", id)
	}
	if err := m.store.DropAck(ctx, key.String()); err != nil {
		return err
	}
	m.log.Info("an acknowledgement is taken back", "alert", key.String(), "name", e.alert.Name(), "by", by, "acknowledged_by", e.ack.By)
	e.ack = nil
	m.book.put(map[model.Fingerprint]entry{key: e})
	m.announce(key, &e, now)
	return nil
}

// firing returns an alert that goes on.
func (m *Manager) firing(id string, now time.Time) (model.Fingerprint, entry, error) {
	key, err := model.ParseFingerprint(id)
	if err != nil {
		return 0, entry{}, fault.NotFound("there is no alert %q", id)
	}
	e, ok := m.book.get(key)
	if !ok {
		return 0, entry{}, fault.NotFound("there is no alert %q", id)
	}
	if e.ended(now) {
		return 0, entry{}, fault.Conflict("the alert %s has ended", id)
	}
	return key, e, nil
}

// endAck forgets an acknowledgement whose time is over. The caller holds writing.
func (m *Manager) endAck(ctx context.Context, id model.Fingerprint, e *entry) {
	if err := m.store.DropAck(ctx, id.String()); err != nil {
		m.log.Error("an acknowledgement could not be ended on disk", "alert", id.String(), "error", err)
		return // the next tick tries again
	}
	e.ack = nil
}

// announce tells browsers of an alert.
func (m *Manager) announce(id model.Fingerprint, e *entry, now time.Time) {
	if m.deps.Publisher != nil {
		m.deps.Publisher.Publish(Event, changeOf(id, e, now))
	}
}

// acknowledged reports whether somebody has an alert.
func (m *Manager) acknowledged(id model.Fingerprint) bool {
	e, ok := m.book.get(id)
	return ok && e.acked(time.Now())
}
