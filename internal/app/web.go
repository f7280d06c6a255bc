package app

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/metrics"
	"lapwing.dev/lapwing/internal/statuspage"
	"lapwing.dev/lapwing/internal/web"
	"lapwing.dev/lapwing/internal/web/api"
	"lapwing.dev/lapwing/internal/web/live"
	"lapwing.dev/lapwing/internal/web/problem"
	"lapwing.dev/lapwing/internal/web/ui"
)

// buildWeb makes the HTTP surface: pages, API and metrics.
func (a *App) buildWeb() error {
	a.streams = live.NewStreams(live.StreamsDeps{Hub: a.hub, Log: a.log, Allowed: a.mayListen})
	shown := shownChecks{a.parts.checks}
	settings := shownConfig{a}
	pages, err := ui.New(ui.Deps{
		Log: a.log, Checks: shown, Latency: a.latency, Config: pageConfig{settings}, Health: a.notices,
		About: a.about, Tokens: pageTokens{a.parts.access}, Session: a.parts.access,
		Traffic: &ui.Traffic{
			Requests: a.parts.traffic, Limits: a.parts.limits, Blocks: a.parts.blocks,
			Upstreams: a.parts.gateway.Upstreams(), Gateway: a.GatewayURL,
		},
		Endpoints: a.parts.slo, Inventory: a.parts.catalog, Alerts: a.parts.alerts, Heartbeats: a.parts.beats,
		Status: a.statusPage, Identity: viewer, Demo: a.options.Demo, Dev: a.options.Dev,
	})
	if err != nil {
		return err
	}
	a.handler = web.New(web.Deps{
		Log: a.log, Access: a.parts.access, UI: pages,
		API: api.New(api.Deps{
			Log: a.log, Checks: shown, Catalog: shownCatalog{a.parts.catalog}, Config: settings, Health: a.notices,
			Traffic: a.parts.traffic, Limits: a.parts.limits, Blocks: a.parts.blocks, Upstreams: a.parts.gateway.Upstreams(),
			Endpoints: a.parts.slo, Alerts: a.parts.alerts, Heartbeats: a.parts.beats,
			Ingest: a.parts.ingest, Tokens: a.parts.access, Events: a.streams, About: api.About{Version: Version().Version, Started: a.started},
		}),
		Metrics:    metrics.Handler(a.log, a.registry, a.parts.sources(a.notices)...),
		Prometheus: a.prometheusAPI(), Alertmanager: a.parts.alerts.Handler(),
		ErrorPage:    pages.ErrorPage,
		StatusPublic: func() bool { return a.statusPage().Public },
	})
	return nil
}

func (a *App) mayListen(r *http.Request) error {
	_, err := a.parts.access.Identify(r)
	return err
}

func (a *App) statusPage() statuspage.Config {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.loaded.File.StatusPage
}

// viewer says what the caller of a page may do.
func viewer(ctx context.Context) ui.Viewer {
	id := access.From(ctx)
	return ui.Viewer{
		Name: id.Name, LoggedIn: id.Kind == access.KindSession,
		CanRead: id.Can(access.Read), CanWrite: id.Can(access.Write), CanAdmin: id.Can(access.Admin),
	}
}

func (a *App) about() ui.About {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	v := Version()
	about := ui.About{
		Version: v.Version, Go: v.Go, Started: a.started, Data: a.db.Dir(),
		Goroutines: runtime.NumGoroutine(), HeapBytes: memory.HeapAlloc,
	}
	about.DataBytes, about.Data = dataSize(a.db.Dir())
	return about
}

// shownChecks are the checks as pages and API ask for them.
type shownChecks struct{ *checks.Manager }

// Run returns one run with its evidence; the Manager's own Run is its life.
func (s shownChecks) Run(ctx context.Context, id string, run checks.RunID) (*checks.Result, *checks.Evidence, error) {
	return s.Detail(ctx, id, run)
}

// shownConfig is the configuration as the API shows it.
type shownConfig struct{ app *App }

// Effective implements api.Config.
func (s shownConfig) Effective() []api.Setting {
	s.app.mu.Lock()
	loaded := s.app.loaded
	s.app.mu.Unlock()
	effective := loaded.Effective()
	settings := make([]api.Setting, len(effective))
	for i, e := range effective {
		settings[i] = s.app.options.override(api.Setting(e))
	}
	return settings
}

// ReloadStatus implements api.Config.
func (s shownConfig) ReloadStatus() api.Reload {
	s.app.mu.Lock()
	defer s.app.mu.Unlock()
	return api.Reload{At: s.app.reload.at, OK: s.app.reload.err == nil, Problems: s.app.reload.mistakes()}
}

// Reload implements api.Config.
func (s shownConfig) Reload(ctx context.Context) error {
	err := s.app.Reload(ctx)
	if err == nil {
		return nil
	}
	if mistakes := mistakesOf(err); len(mistakes) > 0 {
		return mistakes
	}
	return err
}

// pageConfig is the same for the pages.
type pageConfig struct{ shownConfig }

// Effective implements ui.Config.
func (s pageConfig) Effective() []ui.Setting {
	effective := s.shownConfig.Effective()
	settings := make([]ui.Setting, len(effective))
	for i, e := range effective {
		settings[i] = ui.Setting(e)
	}
	return settings
}

// ReloadStatus implements ui.Config.
func (s pageConfig) ReloadStatus() ui.Reload {
	status := s.shownConfig.ReloadStatus()
	out := ui.Reload{At: status.At, OK: status.OK}
	for _, m := range status.Problems {
		out.Problems = append(out.Problems, ui.ConfigProblem(m))
	}
	return out
}

// shownCatalog is the catalog as the API shows it.
type shownCatalog struct{ catalog *catalog.Catalog }

// APIs implements api.Catalog.
func (s shownCatalog) APIs() []api.WatchedAPI {
	var list []api.WatchedAPI
	for _, a := range s.catalog.APIs() {
		watched := api.WatchedAPI{Name: a.Name, URL: a.URL, Labels: a.Labels}
		if status, ok := s.catalog.Status(a.Name); ok {
			watched.Document, watched.Title, watched.Version = status.Source, status.Title, status.Version
			watched.Operations, watched.Loaded = status.Operations, status.LoadedAt
			if status.Err != nil {
				watched.Error = status.Err.Error()
			}
		}
		list = append(list, watched)
	}
	return list
}

// Operations implements api.Catalog.
func (s shownCatalog) Operations(name string) ([]api.Operation, error) {
	if _, ok := s.catalog.Status(name); !ok {
		return nil, fault.NotFound("there is no API %q", name)
	}
	var list []api.Operation
	for _, op := range s.catalog.Operations(name) {
		list = append(list, api.Operation{
			Method: op.Method, Path: op.Path, ID: op.ID, Summary: op.Summary,
			Tags: op.Tags, Deprecated: op.Deprecated, Safe: op.Safe,
		})
	}
	return list, nil
}

// pageTokens are the tokens as the settings page shows them.
type pageTokens struct{ access *access.Manager }

// List implements ui.Tokens.
func (t pageTokens) List(ctx context.Context) ([]ui.Token, error) {
	tokens, err := t.access.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]ui.Token, 0, len(tokens))
	for _, token := range tokens {
		shown := ui.Token{ID: token.ID, Name: token.Name, Created: token.Created, Expires: token.Expires, LastUsed: token.LastUsed}
		for _, scope := range token.Scopes {
			shown.Scopes = append(shown.Scopes, string(scope))
		}
		list = append(list, shown)
	}
	return list, nil
}

// Create implements ui.Tokens.
func (t pageTokens) Create(ctx context.Context, name string, scopes []string, expires time.Time) (string, error) {
	wanted, err := access.ParseScopes(scopes)
	if err != nil {
		return "", err
	}
	_, text, err := t.access.CreateToken(ctx, name, wanted, expires, access.From(ctx).Name)
	return text.Reveal(), err
}

// Revoke implements ui.Tokens.
func (t pageTokens) Revoke(ctx context.Context, id string) error {
	return t.access.RevokeToken(ctx, id, access.From(ctx).Name)
}

// mistakesOf are the mistakes with places in an error of a reload.
func mistakesOf(err error) problem.Mistakes {
	status := reloadStatus{}
	status.set(err)
	return status.mistakes()
}
