package alerting

import (
	"context"
	"time"
)

// ClockWasSet is what happens when the wall clock has jumped.
func (m *Manager) ClockWasSet(ctx context.Context, before, now time.Time) {
	m.clockWasSet(ctx, before, now)
}
