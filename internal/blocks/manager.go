package blocks

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/middleware/block"
)

// Deps are what a Manager works with.
type Deps struct {
	Log    *slog.Logger
	Store  Store            // nil: blocks are in memory only
	Health *health.Registry // nil: nobody is told
}

// Bounds of what is kept.
const (
	maxBlocks    = 200_000
	maxReason    = 500 // bytes
	keptChanges  = 90 * 24 * time.Hour
	mostChanges  = 100_000
	keptRemovals = 7 * 24 * time.Hour // a removal is told to servers that come back within it
	pruneEvery   = time.Hour
	overflowCode = "blocks_per_hour"
)

// Manager knows who is blocked. Its methods may be called concurrently.
type Manager struct {
	log    *slog.Logger
	store  Store
	health *health.Registry
	shared Shared // nil: this server blocks alone

	list     atomic.Pointer[block.List] // what Blocked looks at
	detector atomic.Pointer[detector]
	noticed  chan notice   // of rules, on their way to Run
	changed  chan struct{} // the time of the next end may be another one
	telling  chan struct{} // there is something to tell to other servers

	enforced, shadowed, lost atomic.Uint64 // matches; notices for which there was no room

	writing   sync.Mutex // one change of the store at a time; taken before mu
	mu        sync.Mutex
	entries   map[string]block.Entry // by ID
	byTarget  map[block.Target]string
	next      time.Time // when the next block ends; zero: none does
	allow     []block.Target
	perHour   int
	byRules   []time.Time // when rules set blocks, in the last hour
	overflown bool        // rules have set as many as they may, and somebody was told
	proposals map[string]Proposal
	dismissed map[dismissal]time.Time    // until when
	removed   map[block.Target]time.Time // when, so that a server that did not hear of it cannot bring a block back
	untold    map[block.Target]Record    // what other servers have to be told
}

// New returns a Manager that blocks nobody.
func New(d Deps) *Manager {
	m := &Manager{
		log: d.Log.With("part", "blocks"), store: d.Store, health: d.Health,
		noticed: make(chan notice, 256), changed: make(chan struct{}, 1), telling: make(chan struct{}, 1),
		entries: map[string]block.Entry{}, byTarget: map[block.Target]string{}, perHour: defaultPerHour,
		proposals: map[string]Proposal{}, dismissed: map[dismissal]time.Time{},
		removed: map[block.Target]time.Time{}, untold: map[block.Target]Record{},
	}
	m.detector.Store(newDetector(nil, defaultIPv6Prefix))
	return m
}

// Prepare makes a configuration ready. protected are those whom no block may
// hit besides the configuration's own list: this machine, proxies, upstreams.
// The error is a fault.Problems with paths relative to the section. commit
// cannot fail; what is blocked, and what rules have counted, goes on.
func (m *Manager) Prepare(c Config, protected []netip.Prefix) (commit func(), err error) {
	if err := c.Validate().Err(); err != nil {
		return nil, err
	}
	allow := slices.Clone(c.Allow)
	for _, prefix := range append(loopback(), protected...) {
		if target, err := block.Of(prefix.Masked()); err == nil {
			allow = append(allow, target)
		}
	}
	perHour, ipv6 := defaultPerHour, defaultIPv6Prefix
	if c.PerHour != nil {
		perHour = *c.PerHour
	}
	if c.IPv6Prefix != nil {
		ipv6 = *c.IPv6Prefix
	}
	next := newDetector(c.rules(), ipv6)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.allow, m.perHour = allow, perHour
		next.takeOver(m.detector.Load())
		m.detector.Store(next)
		m.rebuild()
	}, nil
}

func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// Load reads what was stored: once, before requests come.
func (m *Manager) Load(ctx context.Context) error {
	if m.store == nil {
		return nil
	}
	stored, err := m.store.Blocks(ctx)
	if err != nil {
		return err
	}
	changes, err := m.store.Changes(ctx, mostChanges)
	if err != nil {
		return err
	}
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range stored {
		m.keep(e)
	}
	for i := range changes {
		m.recall(&changes[i], now)
	}
	slices.SortFunc(m.byRules, time.Time.Compare)
	m.rebuild()
	return nil
}

// recall remembers of the history what still means something: that a restart
// gives rules no second hour, and nobody a dismissed proposal or a removed
// block again. The caller holds the lock.
func (m *Manager) recall(c *Change, now time.Time) {
	byRule := c.By == "" && c.Rule != ""
	switch c.Action {
	case Added, Changed:
		if byRule && now.Sub(c.At) < time.Hour {
			m.byRules = append(m.byRules, c.At)
		}
	case Removed:
		if now.Sub(c.At) < keptRemovals {
			m.removed[c.Target] = later(m.removed[c.Target], c.At)
		}
	}
	if c.dismisses() && now.Sub(c.At) < keptDismissed {
		m.dismissed[dismissal{c.Target, c.Rule}] = c.At.Add(keptDismissed)
	}
}

// keep puts an entry into memory, in the place of one of its target. The caller
// holds the lock.
func (m *Manager) keep(e block.Entry) {
	delete(m.entries, m.byTarget[e.Target])
	m.entries[e.ID], m.byTarget[e.Target] = e, e.ID
}

// drop takes one out. The caller holds the lock.
func (m *Manager) drop(id string) {
	e := m.entries[id]
	delete(m.entries, id)
	if m.byTarget[e.Target] == id {
		delete(m.byTarget, e.Target)
	}
}

// of returns the block of a target. The caller holds the lock.
func (m *Manager) of(t block.Target) (block.Entry, bool) {
	e, known := m.entries[m.byTarget[t]]
	return e, known
}

// rebuild puts what is in memory in force. The caller holds the lock.
func (m *Manager) rebuild() {
	entries := make([]block.Entry, 0, len(m.entries))
	m.next = time.Time{}
	for _, e := range m.entries {
		entries = append(entries, e)
		if !e.Expires.IsZero() && (m.next.IsZero() || e.Expires.Before(m.next)) {
			m.next = e.Expires
		}
	}
	m.list.Store(block.Build(entries, m.allow))
	wake(m.changed)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Blocked returns the block that hits a client, by its address or its key; see
// block.List.Match. It is cheap, and called for every request.
func (m *Manager) Blocked(addr netip.Addr, key string) (block.Entry, bool) {
	list := m.list.Load()
	if list.Len() == 0 {
		return block.Entry{}, false // without asking for the time
	}
	e, hit := list.Match(addr, key, time.Now())
	switch {
	case !hit:
	case e.Shadow:
		m.shadowed.Add(1)
	default:
		m.enforced.Add(1)
	}
	return e, hit
}

// Find is Blocked for people who look: it counts nothing.
func (m *Manager) Find(addr netip.Addr, key string) (block.Entry, bool) {
	return m.list.Load().Match(addr, key, time.Now())
}

// List returns the blocks in force, newest first.
func (m *Manager) List() []block.Entry {
	now := time.Now()
	m.mu.Lock()
	entries := make([]block.Entry, 0, len(m.entries))
	for _, e := range m.entries {
		if !e.Expired(now) {
			entries = append(entries, e)
		}
	}
	m.mu.Unlock()
	slices.SortFunc(entries, func(a, b block.Entry) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.ID, b.ID))
	})
	return entries
}

// Everything is what others need to block alike: the blocks in force, and whom
// no block may hit.
func (m *Manager) Everything() (entries []block.Entry, allow []block.Target) {
	entries = m.List()
	m.mu.Lock()
	defer m.mu.Unlock()
	return entries, slices.Clone(m.allow)
}

// History returns what was done, newest first, at most most.
func (m *Manager) History(ctx context.Context, most int) ([]Change, error) {
	if m.store == nil {
		return nil, nil
	}
	return m.store.Changes(ctx, most)
}

// later is the later one of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
