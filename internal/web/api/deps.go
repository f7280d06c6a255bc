package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/web/problem"
	"lapwing.dev/lapwing/internal/web/views"
)

// Deps are what the API shows and moves. From Traffic on they may be nil: the
// routes of a part that a server runs without answer 404.
type Deps struct {
	Log     *slog.Logger
	Checks  Checks
	Catalog Catalog
	Config  Config
	Health  Health
	Tokens  Tokens
	Events  Events
	About   About

	Traffic   views.Traffic
	Limits    views.Limits
	Blocks    views.Blocks
	Upstreams views.Upstreams
	Ingest    Ingest

	Endpoints  views.Endpoints
	Alerts     views.Alerts
	Heartbeats Heartbeats
}

// Checks is the present and the history of checks, and what can be done to
// them. All methods may be called concurrently; what they return belongs to the
// caller; they return fault.NotFound for a check that does not exist.
type Checks interface {
	Present
	History
	Actions
}

// Present is the checks as they are now.
type Present interface {
	List() []checks.View
	View(id string) (checks.View, error)
}

// History is what happened to checks.
type History interface {
	// Results returns runs with from ≤ start < to, newest first, at most limit.
	Results(ctx context.Context, id string, from, to time.Time, limit int) ([]checks.Result, error)
	// Run returns one run; the evidence is nil when it was not kept.
	Run(ctx context.Context, id string, run checks.RunID) (*checks.Result, *checks.Evidence, error)
	// EvidenceRuns returns the runs of which evidence is kept, newest first.
	EvidenceRuns(ctx context.Context, id string) ([]checks.RunID, error)
	// Rollups returns roll-ups with from ≤ start < to, oldest first, by check ID.
	Rollups(ctx context.Context, ids []string, step checks.Step, from, to time.Time) (map[string][]checks.Rollup, error)
	// Uptime returns the usual windows by check ID.
	Uptime(ctx context.Context, ids []string) (map[string]checks.Uptime, error)
	// Transitions returns changes of state, newest first, of one check or of all ("").
	Transitions(ctx context.Context, id string, limit int) ([]checks.Transition, error)
	// TraceID returns the W3C trace id that the probe sent in the run.
	TraceID(id string, run checks.RunID) string
}

// Actions is what a caller may do to a check.
type Actions interface {
	// RunNow runs the check and waits for the result.
	RunNow(ctx context.Context, id string) (*checks.Result, error)
	// Pause stops the schedule of a check; by says who did it.
	Pause(ctx context.Context, id, by string) error
	// Resume starts it again.
	Resume(ctx context.Context, id, by string) error
}

// Catalog knows the APIs under watch.
type Catalog interface {
	// APIs returns all, in the order of the configuration.
	APIs() []WatchedAPI
	// Operations returns those of one API; fault.NotFound without the API.
	Operations(api string) ([]Operation, error)
}

// WatchedAPI is an API under watch, with what is known of its OpenAPI document.
type WatchedAPI struct {
	Name       string
	URL        string // redacted
	Labels     map[string]string
	Document   string    // where its OpenAPI document was found; "" without one
	Title      string    // of the document
	Version    string    // of the document
	Operations int       // number of them
	Loaded     time.Time // when the document was read; zero without one
	Error      string    // why it could not be read the last time
}

// Operation is one method on one route template.
type Operation struct {
	Method     string
	Path       string
	ID         string
	Summary    string
	Tags       []string
	Deprecated bool
	Safe       bool
}

// Config is the configuration that is in force.
type Config interface {
	// Effective returns every setting, defaults included, secrets masked.
	Effective() []Setting
	// ReloadStatus tells how the last reload went.
	ReloadStatus() Reload
	// Reload reads the files again. An error leaves everything as it was; of
	// type problem.Mistakes it says what is wrong in the files.
	Reload(ctx context.Context) error
}

// Setting is one leaf of the effective configuration.
type Setting struct {
	Path    string // checks[2].request.url
	Value   string // as written, secrets masked
	File    string
	Line    int  // in File; 0 for a default
	Default bool // nobody wrote it
}

// Reload is the outcome of the last reload.
type Reload struct {
	At       time.Time // zero: the configuration was read once, at the start
	OK       bool
	Problems []problem.Mistake // why it was refused
}

// Health lists the product's own warnings; *health.Registry is one.
type Health interface {
	List() []health.Notice
}

// Tokens makes and revokes API tokens; *access.Manager does.
type Tokens interface {
	CreateToken(ctx context.Context, name string, scopes []access.Scope, expires time.Time, by string) (access.Token, secret.String, error)
	Tokens(ctx context.Context) ([]access.Token, error)
	RevokeToken(ctx context.Context, id, by string) error
}

// Events streams what happens; *live.Streams does. An error means that nothing
// was written yet.
type Events interface {
	Serve(w http.ResponseWriter, r *http.Request) error
}

// About describes the running process.
type About struct {
	Version string
	Started time.Time
}
