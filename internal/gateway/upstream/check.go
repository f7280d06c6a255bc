package upstream

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"
)

// checker asks one server on schedule.
type checker struct {
	check     Check
	url       string
	transport http.RoundTripper
	server    *server

	down atomic.Bool
	last atomic.Pointer[asked]
}

// asked is the last question and what came of it.
type asked struct {
	at  time.Time
	err error // nil: it answered well
}

// checkID is what makes two checks of a server the same.
type checkID struct {
	Check
	transport http.RoundTripper
}

// checker returns the one that asks as c wants, nil when nobody is to. A new one
// begins with what another one of the server knows, so that a changed interval
// does not make a dead server well.
func (s *server) checker(c *Config, m *member) *checker {
	if c.Check.Path == "" {
		return nil
	}
	id := checkID{c.Check, m.transport}
	if k := s.checkers[id]; k != nil {
		return k
	}
	scheme := m.url.Scheme
	if scheme == "h2c" {
		scheme = "http"
	}
	k := &checker{check: c.Check, url: scheme + "://" + m.host + c.Check.Path, transport: m.transport, server: s}
	for _, other := range s.checkers {
		if other.down.Load() {
			k.down.Store(true)
		}
	}
	s.checkers[id] = k
	return k
}

// forget drops the checkers that no pool has anymore.
func (s *server) forget(used map[*checker]bool) {
	for id, k := range s.checkers {
		if !used[k] {
			delete(s.checkers, id)
		}
	}
}

// run asks until ctx ends.
func (k *checker) run(ctx context.Context, g *Registry) {
	inARow := 0
	timer := time.NewTimer(k.pause() / 10) // soon after the start, but not all at once
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := k.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		k.last.Store(&asked{time.Now(), err})
		if (err != nil) == k.down.Load() {
			inARow = 0
		} else {
			inARow++
			k.turn(g, inARow, err)
		}
		timer.Reset(k.pause())
	}
}

// turn changes the state when enough answers in a row contradict it.
func (k *checker) turn(g *Registry, inARow int, err error) {
	switch {
	case err != nil && inARow >= k.check.Down:
		k.down.Store(true)
		g.log.Warn("an upstream is down", "upstream", k.server.origin, "check", k.check.Path, "error", err)
	case err == nil && inARow >= k.check.Up:
		k.server.since.Store(int64(g.now()))
		k.server.inARow.Store(0)
		k.down.Store(false)
		g.log.Info("an upstream is up again", "upstream", k.server.origin, "check", k.check.Path, "answers", inARow)
	}
}

// pause is the time between two questions.
func (k *checker) pause() time.Duration {
	fifth := k.check.Every / 5
	if fifth <= 0 {
		return k.check.Every
	}
	return k.check.Every - fifth/2 + rand.N(fifth) //nolint:gosec // jitter is no secret
}

func (k *checker) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, k.check.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("User-Agent", "Lapwing")
	if k.check.Host != "" {
		req.Host = k.check.Host
	}
	res, err := k.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) //nolint:errcheck // only to keep the connection
	if res.StatusCode < 200 || res.StatusCode > 399 {
		return fmt.Errorf("it answered %d", res.StatusCode)
	}
	return nil
}
