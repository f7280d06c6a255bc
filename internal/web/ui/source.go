package ui

import (
	"context"
	"net/http"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/health"
)

// Checks is everything the pages need to know of and do with checks. All
// methods may be called concurrently; what they return belongs to the caller.
type Checks interface {
	Present
	History
	Actions
}

// Present is the checks as they are now.
type Present interface {
	// List returns all checks in the order of the configuration.
	List() []checks.View
	// View returns one check; fault.NotFound when there is none with the ID.
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

// Actions is what a user may do to a check.
type Actions interface {
	// RunNow runs the check and waits for the result.
	RunNow(ctx context.Context, id string) (*checks.Result, error)
	// Pause stops the schedule of a check; by says who did it.
	Pause(ctx context.Context, id, by string) error
	// Resume starts it again.
	Resume(ctx context.Context, id, by string) error
}

// Config is the loaded configuration as the settings page shows it.
type Config interface {
	// Effective returns every setting, defaults included, secrets masked.
	Effective() []Setting
	// ReloadStatus tells how the last reload went.
	ReloadStatus() Reload
	// Reload reads the file again; an error leaves everything as it was.
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
	Problems []ConfigProblem // why it was refused
}

// ConfigProblem is one mistake in the configuration file.
type ConfigProblem struct {
	File    string
	Line    int
	Column  int
	Path    string
	Message string
	Hint    string
	Excerpt string // source line and caret; may be empty
}

// Health lists the product's own warnings; *health.Registry is one.
type Health interface {
	List() []health.Notice
}

// About describes the running process.
type About struct {
	Version    string
	Go         string
	Started    time.Time
	Data       string // folder; "memory" when nothing is kept
	DataBytes  int64
	Goroutines int
	HeapBytes  uint64
}

// Viewer is who looks at a page.
type Viewer struct {
	Name     string // "admin", "local"
	LoggedIn bool   // by password, so there is a session to end
	CanRead  bool   // may see more than the public pages
	CanWrite bool   // may run, pause and resume checks and reload the configuration
	CanAdmin bool   // may make and revoke tokens
}

// Tokens manages API tokens.
type Tokens interface {
	List(ctx context.Context) ([]Token, error)
	// Create makes a token; the secret text is told once and never again.
	Create(ctx context.Context, name string, scopes []string, expires time.Time) (text string, err error)
	Revoke(ctx context.Context, id string) error
}

// Token is an API token without its secret.
type Token struct {
	ID       string
	Name     string
	Scopes   []string
	Created  time.Time
	Expires  time.Time // zero: never
	LastUsed time.Time // zero: never
}

// Session starts and ends sessions.
type Session interface {
	// Login checks the password and sets the session cookie. A
	// fault.Unauthentic error means that the password is wrong; when there were
	// too many attempts the error is fault.Unavailable and Retry-After is set.
	Login(w http.ResponseWriter, r *http.Request, password string) error
	// Logout ends the session and removes the cookie.
	Logout(w http.ResponseWriter, r *http.Request) error
}
