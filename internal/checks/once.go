package checks

import (
	"context"
	"sync"
	"time"
)

// Once is one run outside the schedule and the history.
type Once struct {
	View     View
	Result   Result
	Evidence *Evidence
}

// RunOnce runs the given checks (all when ids is empty) once, at most parallel
// at a time, and calls report for each as it ends, one at a time. Nothing is
// stored. It is what `lapwing check run` does.
func (m *Manager) RunOnce(ctx context.Context, ids []string, parallel int, report func(Once)) error {
	if len(ids) == 0 {
		ids = m.ids()
	}
	var reporting sync.Mutex
	var running sync.WaitGroup
	slots := make(chan struct{}, max(parallel, 1))
	for _, id := range ids {
		view, err := m.View(id)
		if err != nil {
			return err
		}
		m.mu.Lock()
		p := m.checks[id].plan
		m.mu.Unlock()
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			running.Wait()
			return ctx.Err()
		}
		running.Go(func() {
			defer func() { <-slots }()
			f := m.runner.run(ctx, p, RunID(time.Now().UnixMilli()))
			if f.err != nil {
				return
			}
			reporting.Lock()
			defer reporting.Unlock()
			report(Once{View: view, Result: f.result, Evidence: f.evidence(m.TraceID(id, f.result.Run))})
		})
	}
	running.Wait()
	return ctx.Err()
}
