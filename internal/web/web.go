// Package web is the HTTP surface: one handler in front of the pages, the API
// and the metrics, and the server that runs it.
//
//	request id → panics → headers → body limit → access → compression → routes
//
// Access is decided here, in one place, for everything (see gate.go); what a
// token's scopes allow is the API's own decision.
package web

import (
	"log/slog"
	"net/http"
	"slices"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/web/problem"
)

// Gate says who a caller is; *access.Manager is one.
type Gate interface {
	Identify(r *http.Request) (access.Identity, error)
	CheckOrigin(r *http.Request, id access.Identity) error
}

// Deps are what the surface is made of.
type Deps struct {
	Log     *slog.Logger
	Access  Gate
	UI      http.Handler // pages, at every path that nobody else has
	API     http.Handler // /api/
	Metrics http.Handler // /metrics; nil for none

	Prometheus   http.Handler // /prometheus/, Prometheus' own API; nil for none
	Alertmanager http.Handler // /alertmanager/, Alertmanager's; nil for none

	// StatusPublic reports whether /status and what is below it need no login;
	// nil means they do. It is asked for each request, as a reload may change it.
	StatusPublic func() bool
	// ErrorPage answers a page request that is refused; nil answers in plain text.
	ErrorPage func(w http.ResponseWriter, r *http.Request, status int, title, detail string)
}

// New returns the handler of the whole surface.
func New(d Deps) http.Handler {
	log := d.Log.With("part", "web")
	fail := &failer{problems: problem.Writer{Log: log}, page: d.ErrorPage}
	gate := &gate{access: d.Access, statusPublic: d.StatusPublic, fail: fail}

	routes := http.NewServeMux()
	routes.Handle("/api/", d.API)
	routes.Handle("/", d.UI)
	if d.Metrics != nil {
		routes.Handle("GET /metrics", gate.need(access.Read, d.Metrics))
	}
	if d.Prometheus != nil {
		routes.Handle("/prometheus/", gate.scoped(prometheusScope, d.Prometheus))
	}
	if d.Alertmanager != nil {
		routes.Handle("/alertmanager/", gate.scoped(alertmanagerScope, d.Alertmanager))
	}
	// Panics are caught inside the compression too: it would send what it holds
	// of the broken answer before they come this far.
	handler := chain(routes, gate.wrap, compress(), recoverer(log, fail))

	outer := http.NewServeMux()
	outer.HandleFunc("GET /healthz", healthz)
	outer.Handle("/", handler)
	return chain(outer, identify(), recoverer(log, fail), headers(), limitBody(fail))
}

// middleware wraps a handler.
type middleware func(http.Handler) http.Handler

// chain wraps h so that the first middleware sees a request first.
func chain(h http.Handler, list ...middleware) http.Handler {
	for _, wrap := range slices.Backward(list) {
		h = wrap(h)
	}
	return h
}

// healthz tells that the process answers. It is open to everybody and so tells
// nothing else.
func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(`{"status":"ok"}` + "\n")) // the client has gone: nobody to tell
}
