package gateway

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"lapwing.dev/lapwing/internal/gateway/auth"
	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/middleware/observe"
)

// Deps are what a Gateway works with. Log and Sink are needed.
type Deps struct {
	Log        *slog.Logger
	Sink       observe.Sink
	Blocker    Blocker          // nil: nobody is blocked
	Operations Operations       // nil: none are known
	Validator  Validator        // nil: nothing is validated
	Health     *health.Registry // nil: warnings are logged only
	// Listen, if not "", is the address to listen on whatever the configuration says.
	Listen string
}

// Gateway is the proxy and the decision endpoint. Its methods may be called
// concurrently.
type Gateway struct {
	deps      Deps
	log       *slog.Logger
	auth      *auth.Manager
	upstreams *upstream.Registry
	metrics   *metrics
	guard     *guard
	names     names
	calls     sync.Pool // of *call
	table     atomic.Pointer[table]

	mu        sync.Mutex    // entrances, and what a reload changes
	running   bool          // the addresses are open
	serving   bool          // and served
	ready     chan struct{} // closed when they are
	main      *entrance     // nil without routes
	decisions *entrance     // nil without an address of its own
	prepared  []*entrance
	leaving   sync.WaitGroup // entrances that drain
}

// New returns a gateway without a configuration: Prepare gives it one.
func New(d Deps) *Gateway {
	g := &Gateway{
		deps: d, log: d.Log.With("part", "gateway"), metrics: &metrics{},
		auth: auth.New(auth.Deps{Log: d.Log, Health: d.Health}), upstreams: upstream.NewRegistry(d.Log),
	}
	g.ready = make(chan struct{})
	g.guard = newGuard(g.metrics)
	g.calls.New = func() any { return newCall() }
	g.table.Store(&table{cfg: Config{}.withDefaults()})
	g.guard.set(g.table.Load())
	return g
}

// Prepare makes a configuration ready, with what other parts have prepared in
// the same reload. The error is a fault.Problems with paths relative to the
// section, and then nothing has changed. commit puts the configuration in force
// and cannot fail; it is called before the next Prepare, or not at all.
//
// While the gateway runs, Prepare opens addresses that are new, so that one
// that is taken is a mistake of the configuration. They close again when commit
// is not called until the next Prepare or the end.
func (g *Gateway) Prepare(ctx context.Context, cfg Config, around Around) (commit func(), err error) {
	t, err := g.newTable(cfg, around)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.discard()
	move, err := g.prepareEntrances(ctx, t)
	if err != nil {
		return nil, err
	}
	return func() { g.commit(t, move) }, nil
}

// commit puts a table in force: first its upstreams, then its routes, then the
// addresses. Requests that have begun keep the table that they began with.
func (g *Gateway) commit(t *table, move func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.upstreams.Use(t.pools...)
	g.auth.Use(t.authenticators()...)
	g.guard.set(t)
	g.table.Store(t)
	move()
}

// Listen opens the addresses of the configuration that is in force. Call it
// after the first commit to learn early that an address is taken; Run does it
// otherwise. Connections wait until Run.
func (g *Gateway) Listen(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running {
		return nil
	}
	move, err := g.openAll(ctx, g.table.Load())
	if err != nil {
		return err
	}
	g.running = true
	move()
	return nil
}

// Close closes what Listen opened, when Run is never called.
func (g *Gateway) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.discard()
	for _, e := range []*entrance{g.main, g.decisions} {
		if e != nil {
			_ = e.ln.Close() // it never accepted
		}
	}
	g.main, g.decisions, g.running = nil, nil, false
}

// Upstreams are the servers behind the gateway, for pages and metrics.
func (g *Gateway) Upstreams() *upstream.Registry { return g.upstreams }

// InFlight is how many requests are in work, those that a throttle holds back
// included.
func (g *Gateway) InFlight() int64 { return g.metrics.inFlight.Load() }

// Addr is where the gateway listens; nil when it does not.
func (g *Gateway) Addr() net.Addr { return g.addressOf(func() *entrance { return g.main }) }

// Secure reports whether clients come by TLS.
func (g *Gateway) Secure() bool { return g.table.Load().tls != nil }

// DecisionAddr is the address of the decision endpoint's own, nil without one.
func (g *Gateway) DecisionAddr() net.Addr {
	return g.addressOf(func() *entrance { return g.decisions })
}

func (g *Gateway) addressOf(which func() *entrance) net.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := which(); e != nil {
		return e.ln.Addr()
	}
	return nil
}

// ServeHTTP takes one request through the gateway. The gateway's own servers
// call it; tests may.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.serve(w, r) }
