package redis

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/middleware/limit"
)

// DefaultBudget is how long a request may be held up by the store.
const DefaultBudget = 20 * time.Millisecond

// DefaultPrefix begins all keys in the store.
const DefaultPrefix = "lapwing:"

// Bounds of what waits for the store.
const (
	mostCalls   = 1000            // calls at the same time
	dialTimeout = time.Second     // to connect and to introduce itself
	silence     = 2 * time.Second // after which a connection is given up
	lifeSign    = 5 * time.Second // for which a server counts as alive after a beat
	beatEvery   = time.Second     // life signs
	stopWithin  = time.Second     // to give back what is held
	lateWithin  = time.Second     // for answers that nobody waits for any more
)

// ErrAway says that the store is not asked at the moment.
var ErrAway = errors.New("the store of limits is away")

// errBusy says that too many calls wait for the store already.
var errBusy = errors.New("too many requests wait for the store of limits")

// Options say which store and how. URL is needed, everything else has a default.
type Options struct {
	URL      string // redis://, rediss:// or unix://; it may hold user name and password
	Username string
	Password string
	Prefix   string        // of all keys
	Budget   time.Duration // how long a request may be held up
	NoLeases bool          // ask the store for every request
	Node     string        // name of this server, unique; "": a random one

	Log    *slog.Logger     // nil: discarded
	Health *health.Registry // nil: nobody is told
}

// Store counts in Redis: a limit.Counter. Run must run for it to work; until it
// has a connection the store is away.
type Store struct {
	client rueidis.ClientOption
	prefix string
	node   string
	budget time.Duration
	log    *slog.Logger
	health *health.Registry

	take, beat *rueidis.Lua

	conn    atomic.Pointer[connection]
	up      atomic.Bool // what breaker says, for the hot path
	breaker *breaker
	slots   chan struct{} // of calls at the same time
	nodes   atomic.Int64

	leases    *leases // nil: none
	work      *work
	ledger    *ledger
	meanwhile *meanwhile
	stats     stats

	background sync.WaitGroup // goroutines of calls that were given up
}

// connection is a client that can be stored atomically.
type connection struct{ rueidis.Client }

// New returns a store that is not connected yet.
func New(o Options) (*Store, error) {
	client, err := rueidis.ParseURL(o.URL)
	if err != nil {
		return nil, errors.New("the URL of the store is malformed") // the cause may quote a password
	}
	if o.Username != "" {
		client.Username = o.Username
	}
	if o.Password != "" {
		client.Password = o.Password
	}
	client.ClientName = "lapwing"
	client.ForceSingleClient = client.Sentinel.MasterSet == ""
	client.DisableCache = true
	client.DisableRetry = true // a take that was sent twice would count twice
	client.PipelineMultiplex = -1
	client.ReadBufferEachConn, client.WriteBufferEachConn = 64<<10, 64<<10
	client.Dialer.Timeout = dialTimeout
	client.Dialer.KeepAlive = time.Second
	client.ConnWriteTimeout = silence
	s := &Store{
		client: client, prefix: o.Prefix, node: o.Node, budget: o.Budget, log: o.Log, health: o.Health,
		take: rueidis.NewLuaScript(takeScript), beat: rueidis.NewLuaScript(beatScript),
		breaker: newBreaker(), slots: make(chan struct{}, mostCalls),
		work: newWork(), ledger: newLedger(), meanwhile: newMeanwhile(), stats: newStats(),
	}
	s.nodes.Store(1)
	if s.prefix == "" {
		s.prefix = DefaultPrefix
	}
	if s.budget <= 0 {
		s.budget = DefaultBudget
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.log = s.log.With("part", "limits")
	if s.node == "" {
		var id [8]byte
		if _, err := rand.Read(id[:]); err != nil {
			return nil, fmt.Errorf("name this server: %w", err)
		}
		s.node = hex.EncodeToString(id[:])
	}
	if !o.NoLeases {
		s.leases = newLeases()
	}
	return s, nil
}

// Take implements limit.Counter.
func (s *Store) Take(ctx context.Context, takes []limit.Take) error {
	if !s.up.Load() {
		return s.without(takes, ErrAway)
	}
	now := s.leases.now()
	here := s.leases.local(takes, now)
	if here == all(len(takes)) {
		s.stats.leased.Inc()
		return nil
	}
	began := time.Now()
	items := make([]item, 0, len(takes))
	for i := range takes {
		if here&(1<<i) != 0 {
			continue
		}
		it := item{take: &takes[i], want: s.leases.wanted(&takes[i], now, s.nodes.Load())}
		if it.take.Kind == limit.KindInUse {
			it.ended = s.ended(ctx, it.take)
		}
		items = append(items, it)
	}
	at, allowed, verdicts, err := s.ask(ctx, items, max(s.budget-time.Since(began), time.Millisecond))
	if err != nil || !allowed {
		s.leases.undo(takes, here)
	}
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return s.without(takes, err)
	}
	s.stats.asked.Inc()
	s.stats.latency.Observe(time.Since(began).Seconds())
	for i := range items {
		s.keep(&items[i], &verdicts[i], allowed, at, now)
	}
	return nil
}

// ended is how many requests of a counter have ended that the store does not
// know of: a place that is free here is free for who comes next. It waits for
// the end of what the store is being told, as that may arrive later.
func (s *Store) ended(ctx context.Context, t *limit.Take) int64 {
	n, wait := s.ledger.ended(t)
	if wait == nil {
		return n
	}
	patience := time.NewTimer(s.budget)
	defer patience.Stop()
	select {
	case <-wait:
	case <-patience.C:
	case <-ctx.Done():
	}
	return n
}

// without notes takes that are decided without the store.
func (s *Store) without(takes []limit.Take, reason error) error {
	s.stats.failed.Inc()
	s.meanwhile.note(takes, s.nodes.Load())
	return reason
}

// keep writes what the store said into a take, and remembers what it gave.
// allowed says whether it charged anything at all.
func (s *Store) keep(it *item, v *verdict, allowed bool, at time.Time, now int64) {
	t := it.take
	t.Outcome = v.outcome(t, at)
	switch {
	case t.Kind == limit.KindRate && !v.allowed:
		s.leases.deny(t, t.Outcome.RetryAfter, v, now)
	case !v.allowed || !allowed:
	case t.Kind == limit.KindInUse && t.Cost > 0:
		t.Outcome.Token = held
		s.work.begin(t)
	case t.Kind == limit.KindRate:
		s.leases.grant(t, v.taken-t.Cost, it.want, v, now)
	}
}

// held marks an outcome whose place in the store has to be freed.
const held = 1

// reply is what the script said.
type reply struct {
	now      time.Time
	allowed  bool
	verdicts []verdict
	err      error
}

// ask runs the script for a request: it returns within a time, what is left of
// the budget, and at once when ctx ends. A failure of the store keeps everybody
// away from it.
func (s *Store) ask(ctx context.Context, items []item, within time.Duration) (time.Time, bool, []verdict, error) {
	select {
	case s.slots <- struct{}{}:
	default:
		for _, it := range items {
			s.ledger.add(it.take, -it.ended) // not told after all
		}
		return time.Time{}, false, nil, errBusy
	}
	// The client may block for longer than its context, while it connects or
	// when its queue is full. So another goroutine waits for it, with takes of
	// its own, as the caller's are gone once it has given up.
	own := make([]item, len(items))
	takes := make([]limit.Take, len(items))
	for i, it := range items {
		takes[i] = *it.take
		own[i] = it
		own[i].take = &takes[i]
	}
	// It waits for longer than the caller: what comes late was charged, and is
	// given back.
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), lateWithin)
	replies := make(chan reply) // without a buffer: a reply is read, or its sender knows that nobody does
	gone := make(chan struct{}) // closed when the caller does not wait any more …
	var known atomic.Bool       // … and whether that was the store's fault, and is known
	patience := time.NewTimer(within)
	defer patience.Stop()
	s.background.Go(func() {
		defer func() { <-s.slots }()
		defer cancel()
		var r reply
		r.now, r.allowed, r.verdicts, r.err = s.run(call, s.conn.Load(), modeTake, own)
		select {
		case replies <- r:
		case <-gone:
			s.abandoned(own, r, known.Load())
		}
	})
	select {
	case r := <-replies:
		if r.err != nil {
			s.doubt(own)
			s.failed(r.err)
		}
		return r.now, r.allowed, r.verdicts, r.err
	case <-ctx.Done(): // the client went away, the store did not
		close(gone)
		return time.Time{}, false, nil, ctx.Err()
	case <-patience.C:
		known.Store(true)
		close(gone)
		err := fmt.Errorf("the store of limits did not answer within %s", s.budget)
		s.away(err)
		return time.Time{}, false, nil, err
	}
}

// abandoned gives back what was taken for somebody who did not wait for it.
func (s *Store) abandoned(items []item, r reply, known bool) {
	if r.err != nil {
		s.doubt(items)
		if !known {
			s.failed(r.err)
		}
		return
	}
	for i, v := range r.verdicts {
		if r.allowed && v.allowed {
			s.ledger.add(items[i].take, -v.taken)
		}
	}
}

// doubt notes that nobody knows whether the store counts these requests as in
// work; resync makes it right.
func (s *Store) doubt(items []item) {
	for _, it := range items {
		if it.take.Kind == limit.KindInUse {
			s.work.doubt(it.take)
		}
	}
}

// Settle implements limit.Counter. It does not wait: the ledger is told to the
// store by Run.
func (s *Store) Settle(_ context.Context, takes []limit.Take) {
	for i := range takes {
		t := &takes[i]
		switch {
		case t.Kind == limit.KindInUse && t.Outcome.Token == held:
			s.work.end(t, s.ledger)
		case t.Kind == limit.KindInUse:
		default:
			if t.Cost < 0 {
				s.leases.forgive(t)
			}
			s.ledger.add(t, t.Cost)
		}
	}
}

// Limiters implements limit.Counter.
func (s *Store) Limiters() int { return int(s.nodes.Load()) }

// State is how the store is doing, since when, and why.
func (s *Store) State() (state State, since time.Time, reason error) {
	state, since, _, reason = s.breaker.get()
	return state, since, reason
}

// Client returns the connection for others that share the store, such as block
// lists; false while there is none. It must not be closed.
func (s *Store) Client() (rueidis.Client, bool) {
	if c := s.conn.Load(); c != nil && s.up.Load() {
		return c.Client, true
	}
	return nil, false
}

// Prefix begins all keys of the store.
func (s *Store) Prefix() string { return s.prefix }

// Node is this server's name in the store.
func (s *Store) Node() string { return s.node }
