package ui

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/statuspage"
	"lapwing.dev/lapwing/internal/web/views"
)

// Deps is what the pages are made of. Only Checks is needed; a part that is nil
// is not shown.
type Deps struct {
	Log        *slog.Logger
	Checks     Checks
	Latency    *Latency                         // of all checks over the last hour, fed by whoever runs checks
	Config     Config                           // settings page
	Health     Health                           // our own warnings
	About      func() About                     // settings page
	Tokens     Tokens                           // settings page
	Traffic    *Traffic                         // traffic pages
	Endpoints  views.Endpoints                  // endpoint pages, tiles of the overview
	Inventory  Inventory                        // documented operations beside the observed ones
	Heartbeats Heartbeats                       // on the checks page, in the verdict of the overview
	Alerts     views.Alerts                     // alert pages, badge, tile of the overview
	Session    Session                          // login page
	Status     func() statuspage.Config         // status page; called for each request, so a reload shows at once
	Identity   func(ctx context.Context) Viewer // who looks; nil: everybody may do everything
	Demo       bool                             // the data is invented, say so
	Dev        string                           // folder of this package's sources, to read templates and styles from for each request; "" in production
	Now        func() time.Time                 // time.Now when nil
}

// UI serves the pages.
type UI struct {
	Deps
	log     *slog.Logger
	now     func() time.Time
	files   *assets
	pages   *pages
	history *historyCache
	mux     *http.ServeMux

	alertsKept     kept[[]alerting.View]
	silencesKept   kept[[]alerting.Silence]
	deliveriesKept kept[[]alerting.Delivery]
}

// New prepares the pages; the error is a defect of a template or, in
// development, a wrong folder.
func New(deps Deps) (*UI, error) {
	if deps.Checks == nil {
		return nil, errors.New("ui: Deps.Checks is missing")
	}
	u := &UI{Deps: deps, log: deps.Log, now: deps.Now}
	if u.log == nil {
		u.log = slog.New(slog.DiscardHandler)
	}
	u.log = u.log.With("part", "ui")
	if u.now == nil {
		u.now = time.Now
	}
	files, err := openAssets(deps.Dev)
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	u.files = files
	if u.pages, err = openPages(deps.Dev); err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	u.history = newHistoryCache(deps.Checks)
	u.mux = u.routes()
	return u, nil
}

// ServeHTTP implements http.Handler.
func (u *UI) ServeHTTP(w http.ResponseWriter, r *http.Request) { u.mux.ServeHTTP(w, r) }

// routes is the whole surface in one list.
func (u *UI) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]handler{
		"GET /{$}":                           u.overview,
		"GET /checks":                        u.checkList,
		"GET /checks/{id}":                   u.check,
		"GET /checks/{id}/runs/{run}":        u.run,
		"POST /checks/{id}/run":              u.runNow,
		"POST /checks/{id}/pause":            u.pause,
		"POST /checks/{id}/resume":           u.resume,
		"GET /traffic":                       u.traffic,
		"GET /traffic/clients":               u.clientSearch,
		"GET /traffic/clients/{key}":         u.client,
		"POST /traffic/blocks":               u.block,
		"POST /traffic/blocks/{id}":          u.unblock,
		"POST /traffic/proposals/{id}":       u.propose,
		"GET /endpoints":                     u.endpoints,
		"GET /endpoints/{method}":            u.endpoint,
		"GET /endpoints/{method}/{route...}": u.endpoint,
		"GET /alerts":                        u.alerts,
		"GET /alerts/{id}":                   u.alert,
		"POST /alerts/{id}/acknowledge":      u.acknowledge,
		"POST /alerts/{id}/unacknowledge":    u.unacknowledge,
		"GET /alerts/silences/new":           u.newSilence,
		"POST /alerts/silences":              u.silence,
		"POST /alerts/silences/{id}/expire":  u.unsilence,
		"POST /alerts/deliveries/{id}/retry": u.retryDelivery,
		"POST /alerts/receivers/{name}/test": u.testReceiver,
		"GET /settings":                      u.settings,
		"POST /settings/reload":              u.reload,
		"GET /settings/tokens":               u.tokens,
		"POST /settings/tokens":              u.createToken,
		"POST /settings/tokens/{id}":         u.revokeToken,
		"GET /search":                        u.search,
		"GET /search.json":                   u.searchJSON,
		"GET /status":                        u.status,
		"GET /status.json":                   u.statusJSON,
		"GET /status/badge/{file}":           u.stateBadge,
		"GET /status/badge/{id}/{file}":      u.uptimeBadge,
		"GET /login":                         u.loginForm,
		"POST /login":                        u.login,
		"POST /logout":                       u.logout,
		"GET /static/{version}/{path...}":    u.static,
		"GET /favicon.ico":                   u.favicon,
		"/":                                  u.notFound,
	} {
		mux.HandleFunc(pattern, u.serve(handle))
	}
	return mux
}

// handler is one page or action. What it returns is shown as an error page; it
// must not have written anything then.
type handler func(w http.ResponseWriter, r *http.Request) error

func (u *UI) serve(handle handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			u.fail(w, r, err)
		}
	}
}

func (u *UI) viewer(r *http.Request) Viewer {
	if u.Identity == nil {
		return Viewer{Name: "local", CanRead: true, CanWrite: true, CanAdmin: true}
	}
	return u.Identity(r.Context())
}
