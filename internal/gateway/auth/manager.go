package auth

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"lapwing.dev/lapwing/internal/health"
)

// Deps are what a Manager works with. Log is needed.
type Deps struct {
	Log    *slog.Logger
	Health *health.Registry // nil: that keys cannot be read is logged only
	// Client reads keys. Default: one that uses no proxy from the environment.
	Client *http.Client
}

// Manager makes authenticators and keeps the keys that they verify tokens with.
// Its methods may be called concurrently.
type Manager struct {
	log    *slog.Logger
	health *health.Registry
	client *http.Client

	mu        sync.Mutex
	verifiers map[string]*verifier // in force or prepared, by what they were made of
	inForce   map[*verifier]bool
	changed   chan struct{} // Run has another look
}

// New returns a Manager without keys.
func New(d Deps) *Manager {
	m := &Manager{
		log: d.Log.With("part", "auth"), health: d.Health, client: d.Client,
		verifiers: map[string]*verifier{}, changed: make(chan struct{}, 1),
	}
	if m.client == nil {
		// Closing each connection is cheaper than keeping one for fifteen minutes.
		m.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	return m
}

// Prepare makes an authenticator of a configuration that Validate found no
// mistake in; nil for nil. dir is the folder that relative file names are on.
// Files are read here; what is on the network is read when Run runs. The error
// is a fault.Problems with paths relative to the configuration. Nothing changes
// until Use.
func (m *Manager) Prepare(cfg *Config, dir string) (*Authenticator, error) {
	if cfg == nil {
		return nil, nil //nolint:nilnil // documented: without a configuration nobody is asked
	}
	return m.prepare(cfg, dir)
}

// Use puts authenticators in force, and only these: keys that none of them needs
// are not read anymore. nil ones are passed over. It cannot fail.
func (m *Manager) Use(authenticators ...*Authenticator) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.verifiers, m.inForce = map[string]*verifier{}, map[*verifier]bool{}
	for _, a := range authenticators {
		if a != nil && a.tokens != nil {
			m.verifiers[a.tokens.made] = a.tokens
			m.inForce[a.tokens] = true
		}
	}
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Run reads keys, and reads them again, until ctx ends. It returns nil after
// everything that it started has ended.
func (m *Manager) Run(ctx context.Context) error { return m.run(ctx) }

// intern returns the verifier that is made of the same, if there is one, so that
// routes share keys and verified tokens, and a reload keeps them.
func (m *Manager) intern(v *verifier) *verifier {
	const maxUnused = 1000 // of reloads that failed
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.verifiers[v.made]; known != nil {
		return known
	}
	if len(m.verifiers)-len(m.inForce) >= maxUnused {
		maps.DeleteFunc(m.verifiers, func(_ string, v *verifier) bool { return !m.inForce[v] })
	}
	m.verifiers[v.made] = v
	return v
}

// Sources tells how it stands with keys that are read again and again, by their
// place.
func (m *Manager) Sources() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Status
	for v := range m.inForce {
		if v.source.place != nil {
			list = append(list, v.source.standing())
		}
	}
	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Source, b.Source) })
	return list
}
