package alerting

import (
	"context"
	"time"

	"github.com/prometheus/common/model"
)

// leap is how far the wall clock may move besides the time that passes.
const leap = 10 * time.Second

// jump is how far the wall clock moved between two moments besides the time that
// passed: it was set, or the machine slept.
func jump(before, now time.Time) time.Duration {
	return now.Round(0).Sub(before.Round(0)) - now.Sub(before)
}

// clockWasSet keeps what a clock that is set would end or begin again. An alert
// with an end that had not come gets a grace, as at a start: its source slept, too,
// or will say soon by the new clock how long it goes on. One that had ended stays so.
func (m *Manager) clockWasSet(ctx context.Context, before, now time.Time) {
	before, now = before.Round(0), now.Round(0)
	m.log.Warn("the clock was set, or the machine slept", "from", before, "to", now)
	m.writing.Lock()
	defer m.writing.Unlock()
	changes := map[model.Fingerprint]entry{}
	var write []Stored
	for id, e := range m.book.all() {
		next := *e.alert
		switch explicit := !next.EndsAt.After(next.UpdatedAt); {
		case !explicit && next.EndsAt.After(before) && next.EndsAt.Before(now.Add(grace)):
			next.EndsAt, next.UpdatedAt, next.Timeout = now.Add(grace), now, true
		case explicit && next.EndsAt.After(now):
			next.EndsAt, next.UpdatedAt = now, now
			if next.StartsAt.After(now) {
				next.StartsAt = now
			}
		default:
			continue
		}
		e.alert, e.stored = &next, next.EndsAt
		changes[id] = e
		write = append(write, toStored(id, &e))
	}
	dirty := m.storeAlerts(ctx, write) != nil
	for id, e := range changes {
		e.dirty = e.dirty || dirty
		changes[id] = e
	}
	m.book.put(changes)
	for _, e := range changes {
		if !e.ended(now) {
			m.book.tell(e.alert)
		}
	}
}
