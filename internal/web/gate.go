package web

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/fault"
)

// gate lets callers in:
//
//	public paths     everybody
//	pages            whoever may read; people without a login are sent to /login
//	changes by page  people only: a token uses the API, which knows its scopes
//	API              everybody known; each route says which scope it needs
//
// Before that, whatever a browser sends for a page of another origin is
// refused, on public paths too: else a foreign page could log its reader in.
type gate struct {
	access       Gate
	statusPublic func() bool
	fail         *failer
}

// wrap puts the caller's identity into the request's context.
func (g *gate) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, reason := g.access.Identify(r)
		public := g.public(r.URL.Path)
		if err := g.access.CheckOrigin(r, id); err != nil && (!public || !safe(r.Method)) {
			g.fail.write(w, r, err)
			return
		}
		if !public {
			if reason != nil {
				g.refuse(w, r, reason)
				return
			}
			if err := g.mayUsePage(r, id); err != nil {
				g.fail.write(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r.WithContext(access.With(r.Context(), id)))
	})
}

// need lets through who holds the scope.
func (g *gate) need(scope access.Scope, next http.Handler) http.Handler {
	return g.scoped(func(*http.Request) access.Scope { return scope }, next)
}

// scoped lets through who holds the scope that a request needs.
func (g *gate) scoped(needed func(*http.Request) access.Scope, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scope := needed(r)
		if !access.From(r.Context()).Can(scope) {
			g.fail.write(w, r, fault.Forbidden("this needs the scope %s", scope))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// prometheusScope is what a request to Prometheus' API needs: queries read,
// even by POST; what is written is measured elsewhere.
func prometheusScope(r *http.Request) access.Scope {
	if takesSamples(r.URL.Path) {
		return access.Ingest
	}
	return access.Read
}

// alertmanagerScope is what a request to Alertmanager's API needs: whoever finds
// something wrong may say so, silences are for who may change things.
func alertmanagerScope(r *http.Request) access.Scope {
	switch {
	case safe(r.Method):
		return access.Read
	case strings.HasSuffix(path.Clean(r.URL.Path), "/alerts"):
		return access.Ingest
	}
	return access.Write
}

// mayUsePage holds callers that are not on the API to what pages are for.
func (g *gate) mayUsePage(r *http.Request, id access.Identity) error {
	switch {
	case isAPI(r.URL.Path):
		return nil
	case !id.Can(access.Read):
		return fault.Forbidden("this needs the scope %s", access.Read)
	case !safe(r.Method) && id.Kind == access.KindToken:
		return fault.Forbidden("pages change things for people who have logged in; with a token use the API at /api/v1/")
	}
	return nil
}

// refuse answers a caller that is not known. People go to the login and come
// back to where they wanted to go.
func (g *gate) refuse(w http.ResponseWriter, r *http.Request, reason error) {
	token := r.Header.Get("Authorization") != ""
	if wantsPage(r) && safe(r.Method) && !token && fault.KindOf(reason) == fault.KindUnauthentic {
		target := "/login"
		if next := access.NextPath(r.URL.RequestURI()); next != "/" {
			target += "?next=" + url.QueryEscape(next)
		}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, target, http.StatusSeeOther)
		return
	}
	g.fail.write(w, r, reason)
}

// public reports whether a path is open to everybody. A path that is written in
// a roundabout way (/static/../settings) never is.
func (g *gate) public(p string) bool {
	if clean := path.Clean(p); clean != p && clean+"/" != p {
		return false
	}
	switch p {
	case "/login", "/logout", "/favicon.ico", "/robots.txt", "/api/v1/openapi.json":
		return true
	case "/status", "/status.json":
		return g.statusPublic != nil && g.statusPublic()
	}
	switch {
	case strings.HasPrefix(p, "/static/"), strings.HasPrefix(p, "/api/v1/problems/"):
		return true
	case strings.HasPrefix(p, "/status/"):
		return g.statusPublic != nil && g.statusPublic()
	}
	return false
}

// safe methods change nothing (RFC 9110 §9.2.1).
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
