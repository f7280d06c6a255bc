package limit

// Queued is how many requests wait in queues now, of all policies. It is cheap.
func (l *Limiter) Queued() int64 { return l.lines.waiting.Load() }
