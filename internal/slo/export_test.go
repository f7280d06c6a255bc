package slo

import "time"

// Tick looks at a clock that shows another time.
func Tick(m *Manager, now time.Time) { m.tick(now, false) }
