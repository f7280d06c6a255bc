package blocks

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/fault"
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
	pruneEvery   = time.Hour
	overflowCode = "blocks_per_hour"
)

// Manager knows who is blocked. Its methods may be called concurrently.
type Manager struct {
	log    *slog.Logger
	store  Store
	health *health.Registry

	list     atomic.Pointer[block.List] // what Blocked looks at
	detector atomic.Pointer[detector]
	noticed  chan notice // of rules, on their way to Run
	changed  chan struct{}

	enforced, shadowed, lost atomic.Uint64 // matches; notices for which there was no room

	writing   sync.Mutex // one change of the store at a time
	mu        sync.Mutex
	entries   map[string]block.Entry // by ID
	byTarget  map[block.Target]string
	allow     []block.Target
	perHour   int
	byRules   []time.Time // when rules set blocks, in the last hour
	proposals map[string]Proposal
	dismissed map[dismissal]time.Time // until when
}

// New returns a Manager that blocks nobody.
func New(d Deps) *Manager {
	m := &Manager{
		log: d.Log.With("part", "blocks"), store: d.Store, health: d.Health,
		noticed: make(chan notice, 256), changed: make(chan struct{}, 1),
		entries: map[string]block.Entry{}, byTarget: map[block.Target]string{}, perHour: defaultPerHour,
		proposals: map[string]Proposal{}, dismissed: map[dismissal]time.Time{},
	}
	m.detector.Store(newDetector(nil))
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
	perHour := defaultPerHour
	if c.PerHour != nil {
		perHour = *c.PerHour
	}
	next := newDetector(c.rules())
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
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range stored {
		m.keep(e)
	}
	m.rebuild()
	return nil
}

// keep puts an entry into memory. The caller holds the lock.
func (m *Manager) keep(e block.Entry) {
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

// rebuild puts what is in memory in force. The caller holds the lock.
func (m *Manager) rebuild() {
	entries := make([]block.Entry, 0, len(m.entries))
	for _, e := range m.entries {
		entries = append(entries, e)
	}
	m.list.Store(block.Build(entries, m.allow))
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Blocked returns the block that hits a client, by its address or its key; see
// block.List.Match. It is cheap, and called for every request.
func (m *Manager) Blocked(addr netip.Addr, key string) (block.Entry, bool) {
	e, hit := m.list.Load().Match(addr, key, time.Now())
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

// Spec is a block that somebody wants.
type Spec struct {
	Target string        // as block.ParseTarget reads it
	Reason string        // for people
	For    time.Duration // 0: until it is removed
	Shadow bool          // count only
}

// Add sets a block and returns it once it is stored; one for the same target is
// replaced. fault.Invalid: the target is none; fault.Conflict: it may not be
// blocked.
func (m *Manager) Add(ctx context.Context, spec Spec, by string) (block.Entry, error) {
	target, err := block.ParseTarget(spec.Target)
	if err != nil {
		return block.Entry{}, fault.Invalid("%w", err)
	}
	if spec.For < 0 {
		return block.Entry{}, fault.Invalid("a block cannot last for %s", spec.For)
	}
	return m.set(ctx, block.Entry{Target: target, Reason: oneLine(spec.Reason), Author: by, Shadow: spec.Shadow}, spec.For, by)
}

// set stores a block and puts it in force.
func (m *Manager) set(ctx context.Context, e block.Entry, last time.Duration, by string) (block.Entry, error) {
	m.writing.Lock()
	defer m.writing.Unlock()
	e.Created = time.Now().UTC().Truncate(time.Millisecond)
	if last > 0 {
		e.Expires = e.Created.Add(last)
	}
	change := Change{At: e.Created, Action: Added, Target: e.Target, Reason: e.Reason, Rule: e.Rule, By: by}
	m.mu.Lock()
	known, replaced := m.byTarget[e.Target]
	full, free := len(m.entries) >= maxBlocks, m.protects(e.Target)
	m.mu.Unlock()
	switch {
	case free:
		return block.Entry{}, fault.Conflict("%s is on the list of those whom no block may hit", e.Target)
	case replaced:
		e.ID, change.Action = known, Changed
	case full:
		return block.Entry{}, fault.Conflict("there are %d blocks already; remove some, or block a network instead of its addresses", maxBlocks)
	default:
		e.ID = newID()
	}
	change.ID = e.ID
	if m.store != nil {
		if err := m.store.Put(ctx, e, change); err != nil {
			return block.Entry{}, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(e)
	m.withdraw(e.Target)
	m.rebuild()
	m.log.Info("a client is blocked", "target", e.Target.String(), "reason", e.Reason, "rule", e.Rule, "by", by, "until", e.Expires, "shadow", e.Shadow)
	return e, nil
}

// protects reports whether all of the target is on the allow list. The caller
// holds the lock.
func (m *Manager) protects(t block.Target) bool {
	return slices.ContainsFunc(m.allow, func(a block.Target) bool {
		if t.Key != "" || a.Key != "" {
			return t == a
		}
		return a.Prefix.Bits() <= t.Prefix.Bits() && a.Prefix.Overlaps(t.Prefix)
	})
}

// Remove ends a block, by its ID or its target; fault.NotFound without one.
func (m *Manager) Remove(ctx context.Context, id, by string) error {
	m.writing.Lock()
	defer m.writing.Unlock()
	m.mu.Lock()
	e, known := m.entries[id]
	if !known {
		if target, err := block.ParseTarget(id); err == nil {
			e, known = m.entries[m.byTarget[target]]
		}
	}
	m.mu.Unlock()
	if !known {
		return fault.NotFound("there is no block %q", id)
	}
	return m.remove(ctx, e, Change{At: time.Now(), Action: Removed, By: by})
}

// remove ends a block. The caller is the one that writes.
func (m *Manager) remove(ctx context.Context, e block.Entry, c Change) error {
	c.ID, c.Target, c.Reason, c.Rule = e.ID, e.Target, e.Reason, e.Rule
	if m.store != nil {
		if err := m.store.Remove(ctx, c); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(e.ID)
	m.rebuild()
	m.log.Info("a block has ended", "target", e.Target.String(), "why", string(c.Action), "by", c.By)
	return nil
}

// History returns what was done, newest first, at most most.
func (m *Manager) History(ctx context.Context, most int) ([]Change, error) {
	if m.store == nil {
		return nil, nil
	}
	return m.store.Changes(ctx, most)
}

// newID is a short name that nobody can guess and everybody can read out.
func newID() string { return strings.ToLower(rand.Text()[:10]) }

// oneLine makes a reason fit to be shown anywhere.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' }), " ")
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}
