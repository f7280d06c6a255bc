package limits

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/limits/redis"
	"lapwing.dev/lapwing/middleware/limit"
)

// Deps are what the manager works with.
type Deps struct {
	Log    *slog.Logger
	Store  Store            // of quotas; nil: they are in memory only
	Health *health.Registry // nil: nobody is told
	// Secret keys the hashes that stand for clients. It must stay the same, as
	// the store knows clients by them; zero: it is a new one each time.
	Secret [16]byte
	// Now is the time of the limiter, in nanoseconds since the Unix epoch; nil:
	// the system's.
	Now func() int64
}

// Manager owns the limiter.
type Manager struct {
	deps Deps
	log  *slog.Logger

	mu      sync.Mutex
	limiter *limit.Limiter // nil until the first Prepare
	store   *redis.Store   // nil without Redis
	made    bounds         // what the limiter was made with

	current atomic.Pointer[Set] // nil until the first commit
}

// bounds are the settings that only a restart can change.
type bounds struct {
	limiter Limiter
	redis   string // a print of them: passwords need not be kept
}

// New returns a manager. Nothing is connected and nothing runs until Run.
func New(d Deps) *Manager {
	return &Manager{deps: d, log: d.Log.With("part", "limits")}
}

// Prepare compiles a configuration; a relative name of a file is relative to
// dir. The error is fault.Problems, with paths relative to the file, and leaves
// everything as it was. The set can be used before commit.
func (m *Manager) Prepare(c Config, dir string) (set *Set, commit func(), err error) {
	if err := c.Validate().Err(); err != nil {
		return nil, nil, err
	}
	password, err := c.Redis.password(dir)
	if err != nil {
		var problems fault.Problems
		problems.Add("redis.password_file", "", "%s", err)
		return nil, nil, problems
	}
	limiter, err := m.open(&c, password)
	if err != nil {
		return nil, nil, err
	}
	set, err = newSet(c, limiter)
	if err != nil {
		return nil, nil, err
	}
	return set, func() {
		m.current.Store(set)
		limiter.Forget(set.Names())
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.store != nil {
			m.store.SetOutages(set.outages())
		}
	}, nil
}

// password is the one of the file, the file's own, or "" for the one in the URL.
func (r *Redis) password(dir string) (string, error) {
	if r.PasswordFile == "" {
		return r.Password.Reveal(), nil
	}
	path := r.PasswordFile
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	text, err := os.ReadFile(path) // #nosec G304 G703 -- the operator's own file
	if err != nil {
		return "", fmt.Errorf("read the store's password: %w", err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" {
		return "", errors.New("the file is empty")
	}
	return password, nil
}

// open returns the limiter, which is made once.
func (m *Manager) open(c *Config, password string) (*limit.Limiter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.limiter != nil {
		return m.limiter, nil
	}
	o := limit.Options{
		Bytes: int(c.Limiter.Memory), QuotaBytes: int(c.Limiter.Memory / 2), MaxWaiting: c.Limiter.Waiting,
		Secret: m.deps.Secret, Now: m.deps.Now,
	}
	if m.deps.Store != nil {
		o.Quotas = m.deps.Store
	}
	if c.Redis.URL != "" {
		store, err := redis.New(redis.Options{
			URL: c.Redis.URL, Username: c.Redis.Username, Password: password, Prefix: c.Redis.Prefix,
			Budget: c.Redis.Timeout.Std(), NoLeases: c.Redis.Leases != nil && !*c.Redis.Leases,
			Log: m.deps.Log, Health: m.deps.Health,
		})
		if err != nil {
			var problems fault.Problems
			problems.Add("redis.url", "write redis://127.0.0.1:6379", "%s", err)
			return nil, problems
		}
		m.store = store
		o.Counter, o.Secret = store, c.Redis.secret(password)
	}
	m.limiter = limit.New(o)
	m.made = boundsOf(c, password)
	return m.limiter, nil
}

func boundsOf(c *Config, password string) bounds {
	leases := c.Redis.Leases == nil || *c.Redis.Leases
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %s %t",
		c.Redis.URL, c.Redis.Username, password, c.Redis.Prefix, c.Redis.Timeout, leases))
	return bounds{c.Limiter, string(sum[:])}
}

// secret keys the hashes of clients in a shared store: all servers that share it
// need the same, and what they have in common is the password.
func (r *Redis) secret(password string) [16]byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "lapwing limits %q %q %q", r.Prefix, password, passwordOf(r.URL)))
	return [16]byte(sum[:16])
}

// passwordOf is the password in a URL.
func passwordOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	password, _ := u.User.Password()
	return password
}

// NeedsRestart names the sections that differ from what the limiter was made
// with, of the configuration in force: they hold from the next start on.
func (m *Manager) NeedsRestart(c Config, dir string) []string {
	password, err := c.Redis.password(dir)
	if err != nil {
		return nil
	}
	wanted := boundsOf(&c, password)
	m.mu.Lock()
	defer m.mu.Unlock()
	var sections []string
	if m.limiter == nil {
		return nil
	}
	if wanted.limiter != m.made.limiter {
		sections = append(sections, "limiter")
	}
	if wanted.redis != m.made.redis {
		sections = append(sections, "redis")
	}
	return sections
}

// Load reads the quotas from the store: once, after the first Prepare and before
// requests come.
func (m *Manager) Load(ctx context.Context) error {
	if l := m.Limiter(); l != nil {
		return l.Load(ctx)
	}
	return nil
}

// Run keeps quotas in the store and the connection to Redis. It blocks until ctx
// ends and everything that it started has ended.
func (m *Manager) Run(ctx context.Context) error {
	m.mu.Lock()
	limiter, store := m.limiter, m.store
	m.mu.Unlock()
	if limiter == nil {
		<-ctx.Done()
		return nil
	}
	var group sync.WaitGroup
	var shared error
	if store != nil {
		group.Go(func() { shared = store.Run(ctx) })
	}
	err := limiter.Run(ctx)
	group.Wait()
	return errors.Join(err, shared)
}

// Limiter is the one limiter; nil before the first Prepare.
func (m *Manager) Limiter() *limit.Limiter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limiter
}

// Shared is the store in Redis; nil without one.
func (m *Manager) Shared() *redis.Store {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.store
}

// Current is the configuration in force; nil before the first commit.
func (m *Manager) Current() *Set { return m.current.Load() }
