package accesstest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/fault"
)

// Memory is an access.Store for tests of what stands on one. Nothing is durable.
type Memory struct {
	mu       sync.Mutex
	broken   error
	hash     string
	sessions map[access.SessionID]access.Session
	tokens   map[string]access.Token
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{sessions: map[access.SessionID]access.Session{}, tokens: map[string]access.Token{}}
}

// Break makes every method fail with err from now on; nil mends it.
func (m *Memory) Break(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

// Sessions returns every session, ended ones included.
func (m *Memory) Sessions() []access.Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.sessions))
}

func (m *Memory) lock(ctx context.Context) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	if m.broken != nil {
		defer m.mu.Unlock()
		return nil, m.broken
	}
	return m.mu.Unlock, nil
}

// PasswordHash implements access.Store.
func (m *Memory) PasswordHash(ctx context.Context) (string, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	return m.hash, nil
}

// SetPasswordHash implements access.Store.
func (m *Memory) SetPasswordHash(ctx context.Context, encoded string) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	m.hash = encoded
	clear(m.sessions)
	return nil
}

// AddSession implements access.Store.
func (m *Memory) AddSession(ctx context.Context, s access.Session) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	m.sessions[s.ID] = s
	return nil
}

// Session implements access.Store.
func (m *Memory) Session(ctx context.Context, id access.SessionID) (access.Session, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return access.Session{}, err
	}
	defer unlock()
	s, ok := m.sessions[id]
	if !ok {
		return access.Session{}, fault.NotFound("no such session")
	}
	return s, nil
}

// TouchSession implements access.Store.
func (m *Memory) TouchSession(ctx context.Context, id access.SessionID, seen time.Time) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if s, ok := m.sessions[id]; ok && seen.After(s.Seen) {
		s.Seen = seen
		m.sessions[id] = s
	}
	return nil
}

// RemoveSession implements access.Store.
func (m *Memory) RemoveSession(ctx context.Context, id access.SessionID) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	delete(m.sessions, id)
	return nil
}

// PruneSessions implements access.Store.
func (m *Memory) PruneSessions(ctx context.Context, createdBefore, seenBefore time.Time) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	maps.DeleteFunc(m.sessions, func(_ access.SessionID, s access.Session) bool {
		return s.Created.Before(createdBefore) || s.Seen.Before(seenBefore)
	})
	return nil
}

// AddToken implements access.Store.
func (m *Memory) AddToken(ctx context.Context, t access.Token) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, other := range m.tokens {
		if other.ID == t.ID || other.Name == t.Name {
			return fault.Conflict("there is a token %q already", t.Name)
		}
	}
	m.tokens[t.ID] = t
	return nil
}

// Token implements access.Store.
func (m *Memory) Token(ctx context.Context, id string) (access.Token, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return access.Token{}, err
	}
	defer unlock()
	t, ok := m.tokens[id]
	if !ok {
		return access.Token{}, fault.NotFound("no such token")
	}
	return t, nil
}

// Tokens implements access.Store.
func (m *Memory) Tokens(ctx context.Context) ([]access.Token, error) {
	unlock, err := m.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return slices.SortedFunc(maps.Values(m.tokens), func(a, b access.Token) int { return cmp.Compare(a.Name, b.Name) }), nil
}

// TouchToken implements access.Store.
func (m *Memory) TouchToken(ctx context.Context, id string, used time.Time) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if t, ok := m.tokens[id]; ok && used.After(t.LastUsed) {
		t.LastUsed = used
		m.tokens[id] = t
	}
	return nil
}

// RemoveToken implements access.Store.
func (m *Memory) RemoveToken(ctx context.Context, id string) error {
	unlock, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, ok := m.tokens[id]; !ok {
		return fault.NotFound("no such token")
	}
	delete(m.tokens, id)
	return nil
}
