package api

import (
	"context"
	"fmt"
	"net/http"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/web/problem"
)

// Base is the path of the API.
const Base = "/api/v1"

// Route is one entry of the API's list.
type Route struct {
	Method string
	Path   string       // template under Base
	Scope  access.Scope // that the caller needs; "" is open to everybody
	handle handler
}

// handler answers one route. An error is answered as a problem; nothing must
// have been written then.
type handler func(w http.ResponseWriter, r *http.Request) error

// Routes is the whole API in one list.
func (a *API) Routes() []Route {
	return []Route{
		{"GET", "/checks", access.Read, a.listChecks},
		{"GET", "/checks/{id}", access.Read, a.getCheck},
		{"GET", "/checks/{id}/results", access.Read, a.listResults},
		{"GET", "/checks/{id}/results/{run}", access.Read, a.getResult},
		{"GET", "/checks/{id}/rollups", access.Read, a.listRollups},
		{"GET", "/checks/{id}/uptime", access.Read, a.getUptime},
		{"GET", "/checks/{id}/transitions", access.Read, a.listCheckTransitions},
		{"POST", "/checks/{id}/run", access.Write, a.runCheck},
		{"POST", "/checks/{id}/pause", access.Write, a.pauseCheck},
		{"POST", "/checks/{id}/resume", access.Write, a.resumeCheck},
		{"GET", "/transitions", access.Read, a.listTransitions},

		{"GET", "/apis", access.Read, a.listAPIs},
		{"GET", "/apis/{name}/operations", access.Read, a.listOperations},

		{"GET", "/traffic", access.Read, a.getTraffic},
		{"GET", "/traffic/operations", access.Read, a.listTrafficOperations},
		{"GET", "/traffic/clients", access.Read, a.listClients},
		{"GET", "/traffic/clients/{key}", access.Read, a.getClient},
		{"GET", "/traffic/requests", access.Read, a.listRequests},
		{"GET", "/limits", access.Read, a.listLimits},
		{"GET", "/upstreams", access.Read, a.listUpstreams},
		{"POST", "/exchanges", access.Ingest, a.receiveExchanges},
		{"GET", "/exchanges/blocks", access.Ingest, a.listExchangeBlocks},

		{"GET", "/blocks", access.Read, a.listBlocks},
		{"POST", "/blocks", access.Write, a.createBlock},
		{"DELETE", "/blocks/{id}", access.Write, a.deleteBlock},
		{"GET", "/blocks/proposals", access.Read, a.listProposals},
		{"POST", "/blocks/proposals/{id}/accept", access.Write, a.acceptProposal},
		{"POST", "/blocks/proposals/{id}/dismiss", access.Write, a.dismissProposal},
		{"GET", "/blocks/history", access.Read, a.listBlockHistory},

		{"GET", "/endpoints", access.Read, a.listEndpoints},
		{"GET", "/endpoints/series", access.Read, a.getEndpointSeries},
		{"GET", "/objectives", access.Read, a.listObjectives},
		{"GET", "/errors", access.Read, a.listErrors},

		{"GET", "/alerts", access.Read, a.listAlerts},
		{"GET", "/alerts/{id}", access.Read, a.getAlert},
		{"POST", "/alerts/{id}/acknowledge", access.Write, a.acknowledgeAlert},
		{"DELETE", "/alerts/{id}/acknowledge", access.Write, a.unacknowledgeAlert},
		{"GET", "/silences", access.Read, a.listSilences},
		{"POST", "/silences", access.Write, a.createSilence},
		{"DELETE", "/silences/{id}", access.Write, a.deleteSilence},
		{"GET", "/deliveries", access.Read, a.listDeliveries},
		{"POST", "/deliveries/{id}/retry", access.Write, a.retryDelivery},
		{"GET", "/receivers", access.Read, a.listReceivers},
		{"GET", "/receivers/of", access.Read, a.listRecipients},
		{"POST", "/receivers/{name}/test", access.Write, a.testReceiver},
		{"GET", "/heartbeats", access.Read, a.listHeartbeats},
		{"POST", "/heartbeats/{name}", access.Ingest, a.beat},

		{"GET", "/config", access.Read, a.getConfig},
		{"POST", "/config/reload", access.Write, a.reloadConfig},
		{"GET", "/health", access.Read, a.getHealth},

		{"GET", "/tokens", access.Admin, a.listTokens},
		{"POST", "/tokens", access.Admin, a.createToken},
		{"DELETE", "/tokens/{id}", access.Admin, a.deleteToken},

		{"GET", "/events", access.Read, a.streamEvents},
		{"GET", "/openapi.json", "", a.getDocument},
		{"GET", "/problems/{code}", "", a.getProblem},
	}
}

// API answers at Base. It expects the caller's identity in the request's
// context (access.From): package web puts it there.
type API struct {
	deps     Deps
	problems problem.Writer
	mux      *http.ServeMux
}

// New returns the API.
func New(d Deps) *API {
	log := d.Log.With("part", "api")
	a := &API{deps: d, problems: problem.Writer{Log: log}, mux: http.NewServeMux()}
	for _, route := range a.Routes() {
		a.mux.Handle(route.Method+" "+Base+route.Path, a.guard(route))
	}
	return a
}

// ServeHTTP answers every path; those without a route are problems too.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	h, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	// The mux's own answer is plain text; only its status is of use.
	probe := &discard{header: http.Header{}}
	h.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		a.problems.Write(w, r, &problem.MethodError{Method: r.Method, Allow: probe.header.Get("Allow")})
		return
	}
	a.problems.Write(w, r, fault.NotFound("there is no route %.100q; the routes are in %s/openapi.json", r.URL.Path, Base))
}

// guard lets through who holds the route's scope, and answers errors.
func (a *API) guard(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := allowed(access.From(r.Context()), route.Scope)
		if err == nil {
			err = route.handle(w, r)
		}
		if err != nil {
			a.problems.Write(w, r, err)
		}
	})
}

func allowed(id access.Identity, scope access.Scope) error {
	switch {
	case scope == "" || id.Can(scope):
		return nil
	case !id.Known():
		return fault.Unauthentic("log in, or send an API token: `Authorization: Bearer lw_…`")
	}
	return &fault.Error{
		Kind: fault.KindForbidden, Code: "scope_missing",
		Message: fmt.Sprintf("this needs a token with the scope %s; %q has %s", scope, id.Name, scopeNames(id.Scopes)),
	}
}

// caller is the name of who sends the request.
func caller(ctx context.Context) string { return access.From(ctx).Name }

// discard takes an answer and keeps its status and header.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header { return d.header }

func (d *discard) WriteHeader(status int) { d.status = status }

func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
