package middleware

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// maxRoutes bounds what routes remembers. A router has hundreds; a function
// that takes paths for routes has as many as its clients like.
const maxRoutes = 4096

// routes turns the texts of routers into operations, each one once.
type routes struct {
	known atomic.Pointer[map[routeKey]route]
	mu    sync.Mutex // of who adds
}

type routeKey struct{ method, pattern string }

type route struct{ operation, template string }

// of returns the operation ("GET /orders/{id}") and the template of a pattern
// as http.ServeMux has them ([METHOD ][HOST]/[PATH]); both are "" for "".
func (r *routes) of(method, pattern string) (operation, template string) {
	if pattern == "" {
		return "", ""
	}
	key := routeKey{method, pattern}
	known := r.known.Load()
	if known != nil {
		if found, ok := (*known)[key]; ok {
			return found.operation, found.template
		}
	}
	found := newRoute(method, pattern)
	if known == nil || len(*known) < maxRoutes {
		r.add(key, found)
	}
	return found.operation, found.template
}

// add copies the map: it is read by every request and written a few times.
func (r *routes) add(key routeKey, found route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	more := map[routeKey]route{}
	if known := r.known.Load(); known != nil {
		maps.Copy(more, *known)
	}
	key = routeKey{strings.Clone(key.method), strings.Clone(key.pattern)}
	more[key] = found
	r.known.Store(&more)
}

func newRoute(method, pattern string) route {
	named, rest, ok := strings.Cut(pattern, " ")
	if !ok {
		named, rest = method, pattern
	} else if named == http.MethodGet && method == http.MethodHead {
		named = method // a mux serves HEAD by the route of GET
	}
	rest = strings.TrimLeft(rest, " \t")
	if slash := strings.IndexByte(rest, '/'); slash > 0 {
		rest = rest[slash:] // a host
	}
	rest = strings.TrimSuffix(rest, "{$}")
	if !isMethod(named) {
		return route{template: strings.Clone(rest)}
	}
	return route{named + " " + rest, strings.Clone(rest)}
}

// isMethod knows the methods of HTTP. Others are for the client to invent, so
// they name no operation.
func isMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return true
	}
	return false
}
