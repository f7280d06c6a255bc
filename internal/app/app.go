package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/blocks"
	sharedblocks "lapwing.dev/lapwing/internal/blocks/redis"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/lifecycle"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/state"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/internal/web"
	"lapwing.dev/lapwing/internal/web/live"
	"lapwing.dev/lapwing/internal/web/ui"
)

// eventsKept is how many events a browser may miss and still catch up.
const eventsKept = 4096

// App is the whole product, built from one configuration.
type App struct {
	log     *slog.Logger
	options Options
	started time.Time
	took    time.Duration

	registry *prometheus.Registry
	db       *state.DB
	metrics  *metrics.DB
	scratch  string // folder of the demo's metrics, to be removed; ""
	store    *state.CheckStore
	notices  *health.Registry
	hub      *live.Hub
	streams  *live.Streams
	latency  *ui.Latency
	parts    *parts
	handler  http.Handler
	ln       net.Listener

	// inForce is what only a restart can change.
	inForce struct {
		listen, data string
		traffic      traffic.Bounds
		metrics      metrics.Section
	}

	reloading sync.Mutex // one reload at a time
	mu        sync.Mutex
	loaded    *config.Loaded
	reload    reloadStatus

	watcher *config.Watcher // nil without a configuration file
}

// New opens the stores, prepares every part, and listens. Nothing runs until
// Run, which must be called: it also closes what New opened.
func New(ctx context.Context, o Options) (*App, error) {
	a := &App{
		log: o.Log, options: o, started: time.Now(),
		notices: &health.Registry{}, hub: live.NewHub(eventsKept), latency: &ui.Latency{},
		loaded: o.Config, reload: reloadStatus{good: time.Now()}, registry: prometheus.NewRegistry(),
	}
	if err := a.open(ctx); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// open does what New promises; on an error the caller closes what is open.
func (a *App) open(ctx context.Context) (err error) {
	if a.options.Listen != "" {
		if err := config.CheckListen(a.options.Listen); err != nil {
			return err
		}
	}
	if a.loaded == nil {
		if a.loaded, err = LoadConfig(a.options.ConfigFile); err != nil {
			return err
		}
		a.watcher = config.NewWatcher(seenBy(a.loaded))
	}
	a.inForce.listen, a.inForce.data = a.loaded.File.Listen, DataFolder(a.loaded)
	a.inForce.traffic, a.inForce.metrics = a.loaded.File.Traffic, a.loaded.File.Metrics
	if err := a.openStores(ctx); err != nil {
		return err
	}
	// Before anything is prepared, because links in messages have the address in
	// them; nobody is served before Run.
	if err := a.listen(ctx); err != nil {
		return err
	}
	commit, err := a.parts.prepare(ctx, a.loaded)
	if err != nil {
		return err
	}
	if err := a.seed(ctx); err != nil {
		return err
	}
	if err := a.parts.checks.Load(ctx); err != nil {
		return err
	}
	if err := a.parts.limits.Load(ctx); err != nil {
		return err
	}
	if store := a.parts.limits.Shared(); store != nil {
		a.parts.blocks.Share(sharedblocks.New(store.Client, store.Prefix(), a.log))
	}
	if err := a.parts.blocks.Load(ctx); err != nil {
		return err
	}
	if err := a.loadAlerts(ctx); err != nil {
		return err
	}
	commit()
	if err := a.parts.beats.Keep(ctx); err != nil {
		return err
	}
	a.register()
	if err := a.mayServe(ctx); err != nil {
		return err
	}
	if err := a.buildWeb(); err != nil {
		return err
	}
	return a.parts.gateway.Listen(ctx)
}

// openStores opens the data folder for this server alone, and builds the parts on it.
func (a *App) openStores(ctx context.Context) (err error) {
	folder := a.options.Data
	if folder == "" {
		folder = DataFolder(a.loaded)
	}
	if a.db, err = state.Open(ctx, folder, a.log); err != nil {
		return err
	}
	if err := a.db.LockServer(); err != nil {
		return err
	}
	if a.store, err = a.db.Checks(ctx); err != nil {
		return err
	}
	seed, err := hex.DecodeString(a.db.Installation())
	if err != nil {
		return fmt.Errorf("the installation's name is damaged: %w", err)
	}
	if err := a.openMetrics(folder); err != nil {
		return err
	}
	a.parts, err = newParts(partsDeps{
		log: a.log, dir: a.loaded.Dir, store: a.store, access: a.db.Access(), quotas: a.db.Quotas(), blocks: a.db.Blocks(), notices: a.notices,
		publisher: a.hub, onResult: a.latency.Observe, seed: seed,
		bounds: a.loaded.File.Traffic, gateway: a.options.Gateway, stdout: a.options.Stdout,
		beats: a.db.Heartbeats(), alerts: a.db.Alerts(), slo: a.db.SLO(), offsets: a.db.LogFiles(), metrics: a.metrics, registry: a.registry,
		address: func() string { return strings.TrimSuffix(a.URL(), "/") },
	})
	return err
}

// openMetrics opens the store of series beside the database; the demo's is
// removed at the end.
func (a *App) openMetrics(folder string) (err error) {
	if folder == state.Memory {
		if a.scratch, err = os.MkdirTemp("", "lapwing-demo-"); err != nil {
			return fmt.Errorf("make a folder for the demo's metrics: %w", err)
		}
		folder = a.scratch
	}
	a.metrics, err = metrics.Open(filepath.Join(folder, "metrics"), a.loaded.File.Metrics, a.log, a.registry, a.notices)
	return err
}

// loadAlerts reads what was known about alerts before the last stop.
func (a *App) loadAlerts(ctx context.Context) error {
	for _, load := range []func(context.Context) error{a.parts.beats.Load, a.parts.slo.Load, a.parts.alerts.Load, a.parts.logs.Load} {
		if err := load(ctx); err != nil {
			return err
		}
	}
	return nil
}

// seed puts invented history in, for the demo.
func (a *App) seed(ctx context.Context) error {
	for id, s := range a.options.Seeds {
		if err := a.store.Seed(ctx, id, s.Rollups, s.Results, s.Transitions); err != nil {
			return fmt.Errorf("put in the demo's history: %w", err)
		}
	}
	return nil
}

// mayServe makes sure that an address that others can reach has a password.
func (a *App) mayServe(ctx context.Context) error {
	credential, err := a.parts.access.HasCredential(ctx)
	if err != nil {
		return err
	}
	return access.CheckListen(a.listenAddress(), credential)
}

// listen opens the address.
func (a *App) listen(ctx context.Context) (err error) {
	addr := a.listenAddress()
	var lc net.ListenConfig
	a.ln, err = lc.Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken by another program, perhaps another Lapwing (`lapwing health` tells); stop it, or choose another address with --listen", addr)
	}
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	return nil
}

func (a *App) listenAddress() string {
	if a.options.Listen != "" {
		return a.options.Listen
	}
	return a.loaded.File.Listen
}

// register registers Lapwing's own metrics; those of checks and traffic are
// written beside them.
func (a *App) register() {
	p := a.parts
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, list := range [][]prometheus.Collector{
		p.checks.Collectors(), p.gateway.Collectors(),
		{p.gateway.Upstreams().Collector()},
		p.limits.Collectors(), p.blocks.Collectors(),
		p.ingest.Collectors(), p.logs.Collectors(), p.traffic.Collectors(), p.slo.Collectors(), p.series.collectors(),
		a.reload.collectors(&a.mu),
	} {
		a.registry.MustRegister(list...)
	}
}

// Run starts everything and blocks until ctx ends and all of it has stopped.
func (a *App) Run(ctx context.Context) error {
	defer a.close()
	ready := make(chan struct{})
	parts := []lifecycle.Part{
		{Name: "alerting", Run: a.parts.alerts.Run, Ready: a.parts.alerts.Ready, Stop: 30 * time.Second},
	}
	parts = append(parts, a.parts.series.parts()...)
	parts = append(parts, []lifecycle.Part{
		{Name: "catalog", Run: a.parts.catalog.Run},
		{Name: "objectives", Run: a.parts.slo.Run},
		{Name: "limits", Run: a.parts.limits.Run},
		{Name: "blocks", Run: a.parts.blocks.Run},
		{Name: "traffic", Run: a.parts.traffic.Run},
		{Name: "log files", Run: a.parts.logs.Run},
		{Name: "checks", Run: a.parts.checks.Run, Ready: a.parts.checks.Ready, Stop: 30 * time.Second},
		{Name: "what is told", Run: a.parts.telling.Run}, // after checks know what they knew
		{Name: "latency of the last hour", Run: a.warmLatency},
		{Name: "gateway", Run: a.parts.gateway.Run, Ready: a.parts.gateway.Ready, Stop: time.Minute},
		{Name: "web", Run: func(ctx context.Context) error {
			close(ready)
			return web.Serve(ctx, a.ln, a.handler, a.log, a.streams.Close)
		}, Ready: waitFor(ready)},
	}...)
	if a.watcher != nil {
		parts = append(parts, lifecycle.Part{Name: "configuration", Run: a.watchFiles})
	}
	parts = append(parts, lifecycle.Part{Name: "ready", Run: func(ctx context.Context) error {
		a.took = time.Since(a.started)
		debug.FreeOSMemory() // reading the configuration leaves much behind, and never comes again
		if a.options.OnReady != nil {
			a.options.OnReady(ctx, a)
		}
		<-ctx.Done()
		return nil
	}})
	return lifecycle.Run(ctx, a.log, parts...)
}

func waitFor(ready <-chan struct{}) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ready:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// close releases what New opened.
func (a *App) close() {
	if a.parts != nil {
		a.parts.gateway.Close()
	}
	if a.metrics != nil {
		if err := a.metrics.Close(); err != nil {
			a.log.Error("the metrics were not closed cleanly; nothing acknowledged is lost", "error", err)
		}
	}
	if a.scratch != "" {
		if err := os.RemoveAll(a.scratch); err != nil {
			a.log.Warn("the demo's metrics are left", "folder", a.scratch, "error", err)
		}
	}
	if a.ln != nil {
		_ = a.ln.Close() //nolint:errcheck // the server has closed it already, or never began
	}
	if a.db != nil {
		if err := a.db.Close(); err != nil {
			a.log.Error("the data folder was not closed cleanly; nothing acknowledged is lost", "error", err)
		}
	}
}

// URL is where a browser finds the pages.
func (a *App) URL() string { return "http://" + reachable(a.ln.Addr()) + "/" }

// GatewayURL is where clients find the gateway; "" without one.
func (a *App) GatewayURL() string {
	addr := a.parts.gateway.Addr()
	if addr == nil {
		return ""
	}
	scheme := "http://"
	if a.parts.gateway.Secure() {
		scheme = "https://"
	}
	return scheme + reachable(addr) + "/"
}

// reachable is an address as somebody on this machine would write it.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// Checks is the manager of checks.
func (a *App) Checks() *checks.Manager { return a.parts.checks }

// Blocks is the manager of blocks.
func (a *App) Blocks() *blocks.Manager { return a.parts.blocks }

// StartTook is how long the start took, for people.
func (a *App) StartTook() string {
	return fmt.Sprintf("%.1f s", a.took.Seconds())
}

// CheckCount is how many checks the configuration has.
func (a *App) CheckCount() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.loaded.File.Checks)
}
