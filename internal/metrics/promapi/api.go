package promapi

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/metrics/cost"
)

// Prefix is where the handler expects its requests.
const Prefix = "/prometheus"

// Database is what is asked.
type Database interface {
	SampleAndChunkQueryable() storage.SampleAndChunkQueryable
	ExemplarQueryable() storage.ExemplarQueryable
	Engine() *promql.Engine
	TSDB() *tsdb.DB
	Dir() string
	Section() metrics.Section
}

// Rules are the groups that are evaluated.
type Rules interface{ Groups() []*promrules.Group }

// Deps is what the API needs. Only Log and DB must be given.
type Deps struct {
	Log     *slog.Logger
	DB      Database
	Rules   Rules
	Targets Targets

	RemoteWrite http.Handler // of POST /api/v1/write
	OTLP        http.Handler // of POST /api/v1/otlp/v1/metrics

	// Gatherer and Sources are what is taken into DB: what /api/v1/metadata
	// tells of our own metrics.
	Gatherer prometheus.Gatherer
	Sources  []metrics.Source

	// ExternalURL of the web interface, with a slash at its end.
	ExternalURL func() string
	Version     string    // of Lapwing
	Started     time.Time // when it was started
	// Reloaded says when the configuration was last read, and whether it was in order.
	Reloaded func() (at time.Time, ok bool)
}

// api is Prometheus' API and what stands in front of it.
type api struct {
	Deps
	parser   cost.Parser
	places   *places
	metadata metadataCache
	theirs   http.Handler // Prometheus' own, below Prefix + "/api/v1"
}

// New returns the handler of everything below [Prefix]. Callers guard it: GET
// and POST of what reads are one and the same, and only /api/v1/write and
// /api/v1/otlp/v1/metrics change anything.
func New(d Deps) http.Handler {
	if d.Rules == nil {
		d.Rules = noRules{}
	}
	if d.Targets == nil {
		d.Targets = noTargets{}
	}
	if d.ExternalURL == nil {
		d.ExternalURL = func() string { return "/" }
	}
	if d.Reloaded == nil {
		d.Reloaded = func() (time.Time, bool) { return d.Started, true }
	}
	d.Log = d.Log.With("part", "prometheus api")
	a := &api{Deps: d, parser: cost.NewParser(), places: newPlaces(func() int { return d.DB.Section().Query.Concurrent })}
	// Theirs writes a description of itself, which takes a while. A start does not wait for that.
	own := sync.OnceValue(func() http.Handler {
		router := route.New()
		theirs(a).Register(router)
		return http.StripPrefix(Prefix+"/api/v1", router)
	})
	a.theirs = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { own().ServeHTTP(w, r) })
	return a.routes()
}

// routes are all that there is. What Prometheus has besides is left out on
// purpose: /admin deletes and copies, /scrape_pools/config and
// /targets/relabel_steps show what scrapes send.
func (a *api) routes() http.Handler {
	mux := http.NewServeMux()
	read := func(paths ...string) {
		for _, path := range paths {
			mux.Handle("GET "+Prefix+path, a.guarded(a.theirs))
		}
	}
	ask := func(paths ...string) {
		for _, path := range paths {
			mux.Handle("GET "+Prefix+path, a.guarded(a.placed(a.theirs)))
			mux.Handle("POST "+Prefix+path, a.guarded(a.placed(a.theirs)))
		}
	}
	ask("/api/v1/query", "/api/v1/query_range", "/api/v1/query_exemplars", "/api/v1/series", "/api/v1/labels",
		"/api/v1/format_query", "/api/v1/parse_query")
	mux.Handle("GET "+Prefix+"/api/v1/label/{name}/values", a.guarded(a.placed(a.theirs)))
	mux.Handle("POST "+Prefix+"/api/v1/read", a.guarded(a.placed(a.theirs)))
	mux.Handle("GET "+Prefix+"/federate", a.guarded(a.placed(http.HandlerFunc(a.federate))))
	mux.Handle("GET "+Prefix+"/api/v1/metadata", a.guarded(a.placed(http.HandlerFunc(a.serveMetadata))))
	read("/api/v1/rules", "/api/v1/alerts", "/api/v1/targets", "/api/v1/targets/metadata", "/api/v1/scrape_pools", "/api/v1/alertmanagers",
		"/api/v1/status/config", "/api/v1/status/runtimeinfo", "/api/v1/status/buildinfo",
		"/api/v1/status/tsdb", "/api/v1/status/walreplay")
	mux.Handle("GET "+Prefix+"/api/v1/status/flags", a.guarded(http.HandlerFunc(a.serveFlags)))
	take := func(path string, handler http.Handler) {
		if handler == nil {
			handler = failing(http.StatusNotFound, "not_found", "this server takes no samples here")
		}
		mux.Handle("POST "+Prefix+path, a.recovered(handler))
	}
	take("/api/v1/write", a.RemoteWrite)
	take("/api/v1/otlp/v1/metrics", a.OTLP)
	fine := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) } //nolint:errcheck // the client went away
	}
	mux.Handle("GET "+Prefix+"/-/healthy", fine("Lapwing is healthy.\n"))
	mux.Handle("GET "+Prefix+"/-/ready", fine("Lapwing is ready.\n"))
	mux.Handle(Prefix+"/", failing(http.StatusNotFound, "not_found", "Lapwing does not have this part of Prometheus' API"))
	return mux
}
