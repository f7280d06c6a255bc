package gateway

import (
	"slices"
	"strings"

	"lapwing.dev/lapwing/internal/gateway/auth"
	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/limit"
)

// route is a Route that is ready to serve. It does not change.
type route struct {
	api     string
	prefix  string // without a slash at its end; "" for all
	methods []string
	allow   string // for the header Allow
	strip   bool
	base    string // escaped path that the API has on its servers, for operations; ""
	slashes bool   // encoded ones are let in
	groups  []group
	rules   *limit.Rules        // nil: no limits and no tiers
	auth    *auth.Authenticator // nil: nobody is known
	check   validation
	maxBody int64
}

// group is a route's group of upstream servers.
type group struct {
	name string
	pool *upstream.Pool
	grpc bool // all of its servers may speak gRPC
}

// pool returns the group that a tier names, or the default one.
func (r *route) pool(name string) *group {
	if name != "" {
		for i := range r.groups {
			if r.groups[i].name == name {
				return &r.groups[i]
			}
		}
	}
	return &r.groups[0]
}

// takes reports whether the route has the method.
func (r *route) takes(method string) bool {
	if len(r.methods) == 0 {
		return method != "TRACE"
	}
	return slices.Contains(r.methods, method)
}

// validation says what a route does with requests that break their contract.
type validation uint8

const (
	validateOff validation = iota
	validateReport
	validateEnforce
)

// router finds the route of a request: by host, then by the longest path.
type router struct {
	exact map[string]*paths
	below []wildcard // the longest name first
	any   *paths
}

type wildcard struct {
	suffix string // ".example.com"
	paths  *paths
}

// paths finds the route with the longest path. Only as many slashes of a path
// are looked at as a route has, so a path of ten thousand segments costs no more
// than one of three.
type paths struct {
	byPrefix map[string][]*route // in the order of the file
	depth    int
}

func newPaths() *paths { return &paths{byPrefix: map[string][]*route{}} }

func (p *paths) add(r *route) {
	p.byPrefix[r.prefix] = append(p.byPrefix[r.prefix], r)
	p.depth = max(p.depth, strings.Count(r.prefix, "/"))
}

// add puts a route at a host, which is one of a Route's.
func (t *router) add(host string, r *route) {
	host = strings.ToLower(host)
	if host == "" {
		if t.any == nil {
			t.any = newPaths()
		}
		t.any.add(r)
		return
	}
	if suffix, ok := strings.CutPrefix(host, "*"); ok {
		i := slices.IndexFunc(t.below, func(w wildcard) bool { return w.suffix == suffix })
		if i < 0 {
			t.below = append(t.below, wildcard{suffix, newPaths()})
			slices.SortStableFunc(t.below, func(a, b wildcard) int { return len(b.suffix) - len(a.suffix) })
			i = slices.IndexFunc(t.below, func(w wildcard) bool { return w.suffix == suffix })
		}
		t.below[i].paths.add(r)
		return
	}
	if t.exact == nil {
		t.exact = map[string]*paths{}
	}
	if t.exact[host] == nil {
		t.exact[host] = newPaths()
	}
	t.exact[host].add(r)
}

// find returns the routes with the path that wins, in the order of the file;
// nil when there is none. path is readPath's.
func (t *router) find(host, path string) []*route {
	if t.exact != nil || t.below != nil {
		host = hostName(host)
		if found := t.exact[host].find(path); found != nil {
			return found
		}
		for _, w := range t.below {
			if len(host) > len(w.suffix) && strings.HasSuffix(host, w.suffix) {
				if found := w.paths.find(path); found != nil {
					return found
				}
			}
		}
	}
	return t.any.find(path)
}

func (p *paths) find(path string) []*route {
	if p == nil {
		return nil
	}
	var best []*route
	if found := p.byPrefix[""]; found != nil {
		best = found
	}
	for i, depth := 1, 0; depth < p.depth && i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		depth++
		if found := p.byPrefix[path[:i]]; found != nil {
			best = found
		}
	}
	return best
}

// choose returns the route of several with one path that takes the method.
func choose(routes []*route, method string) *route {
	for _, r := range routes {
		if r.takes(method) {
			return r
		}
	}
	return nil
}

// hostName is a Host header without port and final dot, in lower case. It
// allocates only for letters in upper case.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// knownMethods are those of RFC 9110 and RFC 5789. All others count as one in
// the names of operations, so that nobody can make up endless names.
var knownMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// bound is a body's bound as the upstream package wants it.
func bound(size *units.Size) int64 {
	if size == nil {
		return 0
	}
	return int64(*size)
}
