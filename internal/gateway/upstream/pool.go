package upstream

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// Pool is a group of servers that can stand in for each other. It is immutable;
// what it learns is in the Registry. It serves requests from Registry.Use on.
type Pool struct {
	cfg      Config
	registry *Registry
	log      *slog.Logger
	members  []member
	lean     bool // every server speaks HTTP/1.1 without TLS
	proxy    *httputil.ReverseProxy
	standing *standing
	inUse    atomic.Bool // its members have their servers
}

// member is a server as one pool has it.
type member struct {
	url       *url.URL
	origin    string // scheme and authority: what an exchange is told
	host      string // authority alone
	path      string // before that of requests, without a slash at the end; ""
	rawPath   string // the same, escaped
	weight    float64
	server    *server
	checker   *checker // nil: nobody asks
	transport http.RoundTripper
}

// Deps are what a pool works with.
type Deps struct {
	Registry *Registry
	Log      *slog.Logger // nil: the registry's
}

// NewPool checks a configuration and makes a pool of it. That takes nothing
// and starts nothing: a pool that is never used needs no end.
func NewPool(cfg Config, deps Deps) (*Pool, error) {
	if deps.Registry == nil {
		return nil, errors.New("a pool needs a registry")
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	p := &Pool{cfg: cfg.withDefaults(), registry: deps.Registry, log: deps.Log, lean: true}
	if p.log == nil {
		p.log = deps.Registry.log
	}
	seen := map[string]bool{}
	for _, s := range cfg.Servers {
		m, err := newMember(s)
		if err != nil {
			return nil, fmt.Errorf("pool %q: %w", cfg.Name, err)
		}
		if seen[m.url.String()] {
			return nil, fmt.Errorf("pool %q: upstream %q is there twice; give it a weight instead", cfg.Name, s.URL)
		}
		seen[m.url.String()] = true
		p.lean = p.lean && m.url.Scheme == "http"
		p.members = append(p.members, m)
	}
	p.proxy = p.newReference()
	return p, nil
}

func newMember(s Server) (member, error) {
	u, err := parseServer(s.URL)
	if err != nil {
		return member{}, err
	}
	u.Host = strings.ToLower(u.Host)
	m := member{url: u, origin: u.Scheme + "://" + u.Host, host: u.Host, weight: 1}
	m.path, m.rawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.EscapedPath(), "/")
	if s.Weight > 0 {
		m.weight = float64(s.Weight)
	}
	return m, nil
}

// Name returns the pool's name.
func (p *Pool) Name() string { return p.cfg.Name }

// Forward takes one request to a server and its answer to w, and fills res.
//
// When nothing of an answer could be passed on, it writes nothing, and the
// caller answers (Result.StatusCode). It may have set Connection: close then: the
// client's body was left unread. When an answer breaks off after a part of
// it was passed on, Forward panics with http.ErrAbortHandler, so that the client
// sees a broken answer and not a short one that looks good: callers record res in
// a deferred call.
//
// Fields that are in w.Header() beforehand stay, and replace the upstream's of
// the same name, besides Set-Cookie, Vary and Link, which add up.
//
// Forward reads r.Body but leaves r as it is. It returns when both directions
// have ended.
func (p *Pool) Forward(w http.ResponseWriter, r *http.Request, out *Outbound, res *Result) {
	*res = Result{Started: time.Now()}
	if !p.inUse.Load() {
		res.fail(observe.ErrorInternal, errNotInUse)
		return
	}
	if out.MaxBody > 0 && r.ContentLength > out.MaxBody {
		res.fail(observe.ErrorRequestBody, &http.MaxBytesError{Limit: out.MaxBody})
		return
	}
	if wait, ok := p.standing.breaker.allow(p.registry.now()); !ok {
		p.standing.refused.Add(1)
		res.RetryAfter = wait
		res.fail(observe.ErrorNoUpstream, errOpen)
		return
	}
	p.standing.requests.Add(1)
	p.standing.budget.deposit()
	if p.lean && leanRequest(r) {
		p.forwardLean(w, r, out, res)
	} else {
		p.forwardReference(w, r, out, res)
	}
}

func (r *Result) fail(class observe.ErrorClass, err error) { r.Error, r.Err = class, err }
