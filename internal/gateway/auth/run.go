package auth

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/health"
)

// run keeps one goroutine for each source in force.
func (m *Manager) run(ctx context.Context) error {
	var readers sync.WaitGroup
	defer readers.Wait()
	running := map[*source]context.CancelFunc{}
	for {
		wanted := m.sources()
		for s := range wanted {
			if running[s] == nil {
				reading, cancel := context.WithCancel(ctx)
				running[s] = cancel
				readers.Go(func() { m.keep(reading, s) })
			}
		}
		for s, cancel := range running {
			if !wanted[s] {
				cancel()
				delete(running, s)
			}
		}
		select {
		case <-ctx.Done():
			for _, cancel := range running {
				cancel()
			}
			return nil
		case <-m.changed:
		}
	}
}

// sources are those in force that are read again and again.
func (m *Manager) sources() map[*source]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := map[*source]bool{}
	for v := range m.inForce {
		if v.source.place != nil {
			list[v.source] = true
		}
	}
	return list
}

// retryFirst is how soon keys are read again that could not be read; each
// further time it takes twice as long, up to the refresh.
const retryFirst = 2 * time.Second

// keep reads the keys of a source until ctx ends.
func (m *Manager) keep(ctx context.Context, s *source) {
	log := m.log.With("source", s.place.String())
	notice := "auth_keys:" + s.place.String()
	defer m.clear(notice)
	retry := retryFirst
	for {
		set, err := s.place.read(ctx, m.client)
		if ctx.Err() != nil {
			s.finish(nil, ctx.Err())
			return
		}
		wait := s.refresh
		before := s.finish(set, err)
		switch {
		case err != nil:
			wait = min(retry, s.refresh)
			retry = min(2*retry, s.refresh)
			if before.Err == nil || before.Err.Error() != err.Error() {
				log.Warn("keys of tokens not read", "error", err, "kept", before.Keys)
			}
			m.raise(notice, s, err)
		default:
			retry = retryFirst
			if before.Err != nil || before.LoadedAt.IsZero() {
				log.Info("keys of tokens read", "keys", len(set.keys))
			}
			m.clear(notice)
		}
		timer := time.NewTimer(wait - wait/10 + rand.N(wait/5+1)) //nolint:gosec // spreads load, keeps no secret
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.asked:
		}
		timer.Stop()
	}
}

// finish records an attempt and lets go of those who wait for it. It returns
// how it stood before.
func (s *source) finish(set *keySet, err error) (before Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before = s.status
	s.last = time.Now()
	s.status.Err = err
	if err == nil {
		s.status.LoadedAt, s.status.Keys = s.last, len(set.keys)
		if old := s.set.Load(); old == nil || !old.equal(set) {
			s.set.Store(set)
		}
	}
	if s.done != nil {
		close(s.done)
		s.done = nil
	}
	select {
	case <-s.asked: // they had this attempt
	default:
	}
	return before
}

func (m *Manager) raise(code string, s *source, err error) {
	if m.health == nil {
		return
	}
	severity, text := health.Warning, "the keys that were read before are used on"
	if s.set.Load() == nil {
		severity, text = health.Failing, "requests with tokens are answered with 503 until they can"
	}
	if errors.Is(err, context.Canceled) {
		return
	}
	m.health.Raise(health.Notice{
		Code: code, Severity: severity, Title: "Keys of tokens cannot be read",
		Text: err.Error() + "; " + text,
	})
}

func (m *Manager) clear(code string) {
	if m.health != nil {
		m.health.Clear(code)
	}
}
