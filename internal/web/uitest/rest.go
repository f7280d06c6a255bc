package uitest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/web/ui"
)

// Config is a ui.Config with what it is told.
type Config struct {
	Settings []ui.Setting
	Status   ui.Reload
	Err      error
}

// Effective implements ui.Config.
func (c *Config) Effective() []ui.Setting { return c.Settings }

// ReloadStatus implements ui.Config.
func (c *Config) ReloadStatus() ui.Reload { return c.Status }

// Reload implements ui.Config.
func (c *Config) Reload(context.Context) error { return c.Err }

// RefusedConfig is a configuration whose last reload was refused.
func RefusedConfig(now time.Time) *Config {
	set := func(path, value string, line int) ui.Setting {
		return ui.Setting{Path: path, Value: value, File: "/etc/lapwing/lapwing.yaml", Line: line, Default: line == 0}
	}
	return &Config{
		Settings: []ui.Setting{
			set("listen", "127.0.0.1:7480", 0), set("data", "./data", 1),
			set("apis[0].name", "orders", 4), set("apis[0].url", "http://127.0.0.1:8000", 5), set("apis[0].openapi", "/openapi.json", 6), set("apis[0].labels.team", "shop", 7),
			set("checks[0].name", "GET /health", 10), set("checks[0].url", "/health", 11), set("checks[0].every", "30s", 12), set("checks[0].timeout", "10s", 0),
			set("checks[1].name", "login", 14), set("checks[1].request.auth.basic.password", "[redacted]", 19),
			set("history.results", "30d", 0), set("history.hourly", "90d", 0), set("history.daily", "800d", 0), set("history.evidence", "50", 0),
			set("status_page.title", "Shop status", 31), set("status_page.public", "true", 32),
		},
		Status: ui.Reload{At: now.Add(-4 * time.Minute), Problems: []ui.ConfigProblem{{
			File: "/etc/lapwing/lapwing.yaml", Line: 14, Column: 9, Path: "checks[2].assert[0]", Message: `unknown name "stauts"`, Hint: `did you mean "status"?`,
			Excerpt: "14 |       - stauts == 200\n   |         ^~~~~~",
		}}},
	}
}

// Tokens is a ui.Tokens in memory.
type Tokens struct{ Rows []ui.Token }

// List implements ui.Tokens.
func (t *Tokens) List(context.Context) ([]ui.Token, error) { return t.Rows, nil }

// Create implements ui.Tokens.
func (t *Tokens) Create(_ context.Context, name string, scopes []string, expires time.Time) (string, error) {
	t.Rows = append(t.Rows, ui.Token{ID: "new", Name: name, Scopes: scopes, Expires: expires})
	return "lw_new_0123456789abcdef", nil
}

// Revoke implements ui.Tokens.
func (t *Tokens) Revoke(_ context.Context, id string) error {
	for i, row := range t.Rows {
		if row.ID == id {
			t.Rows = append(t.Rows[:i], t.Rows[i+1:]...)
			return nil
		}
	}
	return fault.NotFound("there is no token %q", id)
}

// Session accepts the password "correct horse".
type Session struct{}

// Login implements ui.Session.
func (Session) Login(w http.ResponseWriter, _ *http.Request, password string) error {
	switch password {
	case "correct horse":
		http.SetCookie(w, &http.Cookie{Name: "lapwing_session", Value: "yes", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode})
		return nil
	case "again":
		w.Header().Set("Retry-After", "30")
		return &fault.Error{Kind: fault.KindUnavailable, Code: "throttled", Message: "too many attempts; wait 30 s", RetryAfter: 30 * time.Second}
	case "full":
		return StorageFull()
	}
	return fault.Unauthentic("this password is wrong")
}

// StorageFull is what a store says when there is no space left.
func StorageFull() error {
	told := &fault.Error{Kind: fault.KindUnavailable, Code: "storage_full", Message: "the disk that keeps the data is full", Err: errors.New("full")}
	return fmt.Errorf("store it: %w (on the file system of /var/lib/lapwing)", told)
}

// Logout implements ui.Session.
func (Session) Logout(http.ResponseWriter, *http.Request) error { return nil }

// Deps is everything on: a source, a refused reload, two warnings, two tokens,
// a password, and latencies of the last hour.
func Deps(source *Source, now time.Time) ui.Deps {
	registry := &health.Registry{}
	registry.Raise(health.Notice{Code: "config_refused", Severity: health.Warning, Title: "Configuration not reloaded", Text: "lapwing.yaml has a mistake, so what was loaded before goes on running. Fix it and reload.", Since: now.Add(-4 * time.Minute)})
	registry.Raise(health.Notice{Code: "disk_full", Severity: health.Failing, Title: "Results are not being stored", Text: "The disk of ./data is full. Checks go on running; free some space and storing resumes by itself.", Since: now.Add(-time.Minute)})
	window := &ui.Latency{}
	for _, runs := range source.Runs {
		for i := range runs {
			if now.Sub(runs[i].At()) < time.Hour {
				window.Observe(&runs[i])
			}
		}
	}
	return ui.Deps{
		Checks: source, Latency: window, Config: RefusedConfig(now), Health: registry, Session: Session{}, Traffic: Rush(now),
		Endpoints: RushEndpoints(now), Inventory: RushInventory(), Alerts: RushAlerts(now), Heartbeats: NightHeartbeats(now)[:1],
		Tokens: &Tokens{Rows: []ui.Token{
			{ID: "a1", Name: "ci", Scopes: []string{"read"}, Created: now.AddDate(0, -2, 0), Expires: now.AddDate(0, 1, 0), LastUsed: now.Add(-7 * time.Minute)},
			{ID: "b2", Name: "backup of the configuration on host seven", Scopes: []string{"read", "write"}, Created: now.AddDate(-1, 0, 0)},
		}},
		About: func() ui.About {
			return ui.About{Version: "0.1.0", Go: "go1.26.8", Started: now.Add(-31 * time.Hour), Data: "/var/lib/lapwing", DataBytes: 48 << 20, Goroutines: 42, HeapBytes: 31 << 20}
		},
		Now: func() time.Time { return now },
	}
}
