package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/gateway/auth"
	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/clientip"
	"lapwing.dev/lapwing/middleware/observe"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

// table is a configuration that is ready to serve. It does not change: a
// request that began with one ends with it.
type table struct {
	cfg       Config // with defaults
	router    router
	routes    []*route
	pools     []*upstream.Pool
	redactor  *observe.Redactor
	resolver  *clientip.Resolver // trusted proxies
	inquirers *clientip.Resolver // those and loopback, who may ask for decisions
	format    tracecontext.Format
	sample    float64
	tls       *certificate // nil: none

	decisionPath string // on the gateway's own address; "": none

	bodyRate  int64 // bytes a second; 0: no bound
	bodyGrace time.Duration
}

// sampled says whether a trace that begins here is.
func (t *table) sampled() bool {
	return t.sample >= 1 || t.sample > 0 && rand.Float64() < t.sample //nolint:gosec // a share, not a secret
}

// newTable makes a configuration ready. The error is a fault.Problems.
func (g *Gateway) newTable(cfg Config, around Around) (*table, error) {
	problems := cfg.Validate()
	problems = append(problems, cfg.references(around)...)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	t := &table{cfg: cfg.withDefaults(), sample: 1, format: tracecontext.W3C}
	t.redactor = observe.NewRedactor(observe.RedactOptions{Names: cfg.Redact})
	trusted := make([]netip.Prefix, 0, len(cfg.TrustedProxies)+2)
	for _, n := range cfg.TrustedProxies {
		trusted = append(trusted, n.Prefix())
	}
	header := http.CanonicalHeaderKey(cfg.ClientHeader)
	t.resolver = clientip.New(clientip.Options{Trusted: trusted, Header: header})
	loopback := append(slices.Clip(trusted), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	t.inquirers = clientip.New(clientip.Options{Trusted: loopback, Header: header})
	if s := cfg.Trace.Sample; s != nil {
		t.sample = float64(*s)
	}
	switch cfg.Trace.Format {
	case "b3":
		t.format = tracecontext.B3Single
	case "b3-multi":
		t.format = tracecontext.B3Multi
	}
	if t.cfg.Decision.Path != "off" {
		t.decisionPath = t.cfg.Decision.Path
	}
	t.bodyRate, t.bodyGrace = bound(t.cfg.Bounds.BodyRate), t.cfg.Bounds.BodyGrace.Std()

	if t.cfg.TLS != nil {
		var err error
		if t.tls, err = newCertificate(*t.cfg.TLS, around.Dir); err != nil {
			file := "tls.cert"
			if missing, ok := errors.AsType[*fs.PathError](err); ok && missing.Path == resolveFile(around.Dir, t.cfg.TLS.Key) {
				file = "tls.key"
			}
			problems.Add(file, "", "%v", err)
		}
	}
	names := map[string]bool{}
	for i := range t.cfg.Routes {
		r, found := g.newRoute(t, &t.cfg.Routes[i], around, names)
		problems.Merge(at("routes", i), found)
		if r == nil {
			continue
		}
		t.routes = append(t.routes, r)
		t.router.add(t.cfg.Routes[i].Host, r)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

// references reports what the section says of others that is not so.
func (c *Config) references(around Around) fault.Problems {
	var ps fault.Problems
	apis := slices.Sorted(maps.Keys(around.APIs))
	for i := range c.Routes {
		r := &c.Routes[i]
		if r.API == "" {
			continue
		}
		base, known := around.APIs[r.API]
		if !known {
			hint := fault.DidYouMean(r.API, apis)
			if hint == "" {
				hint = "add it to apis, or write one of " + strings.Join(apis[:min(len(apis), 8)], ", ")
			}
			if len(apis) == 0 {
				hint = "add it to apis: [{name: " + r.API + ", url: http://127.0.0.1:8000}]"
			}
			ps.Add(at("routes", i)+".api", hint, "there is no API %q", r.API)
		} else if r.Upstreams == nil {
			if message, _ := badUpstream(base); message != "" {
				ps.Add(at("routes", i), "add upstreams: {default: [http://127.0.0.1:8000]}", "the API %q has no url that could be the upstream", r.API)
			} else if c.ownAddress(base) {
				ps.Add(at("routes", i), "give the API's own address: add upstreams: {default: [http://127.0.0.1:8000]}, or another listen for the gateway", "the url of API %q is the gateway itself", r.API)
			}
		}
		for _, group := range slices.Sorted(maps.Keys(r.Upstreams)) {
			for k, server := range r.Upstreams[group] {
				if c.ownAddress(server.URL) {
					ps.Add(at(fault.JoinPath(at("routes", i)+".upstreams", group), k), "write the server's own address, or another listen for the gateway", "%s is the gateway itself", server.URL)
				}
			}
		}
		for j, name := range r.Limits {
			if around.LimitNames != nil && name != "" && !slices.Contains(around.LimitNames, name) {
				ps.Add(at(at("routes", i)+".limits", j), cmp.Or(fault.DidYouMean(name, around.LimitNames), "add it to limits"), "there is no limit %q", name)
			}
		}
	}
	return ps
}

// ownAddress reports whether a server's URL leads back to the gateway: each
// request would go round until its client gives up.
func (c *Config) ownAddress(server string) bool {
	u, err := url.Parse(server)
	host, port, split := net.SplitHostPort(c.withDefaults().Listen)
	if err != nil || split != nil || port == "0" || u.Port() != port {
		return false
	}
	here, there := net.ParseIP(host), net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || there != nil && (there.IsLoopback() || there.IsUnspecified())
	everywhere := host == "" || here != nil && here.IsUnspecified()
	return u.Hostname() == host || local && (everywhere || host == "localhost" || here != nil && here.IsLoopback() && (there == nil || there.Equal(here)))
}

// newRoute makes one route ready; nil when it has problems. names are those of
// pools that are taken.
func (g *Gateway) newRoute(t *table, cfg *Route, around Around, names map[string]bool) (*route, fault.Problems) {
	var ps fault.Problems
	r := &route{
		api: cfg.API, prefix: strings.TrimRight(cfg.Path, "/"), methods: cfg.Methods, strip: cfg.Strip,
		slashes: cfg.EncodedSlashes == "allow", maxBody: bound(cfg.MaxBody), allow: allowed(cfg.Methods),
	}
	switch cfg.Validate {
	case "report":
		r.check = validateReport
	case "enforce":
		r.check = validateEnforce
	}
	groups := cfg.Upstreams
	if groups == nil {
		groups = map[string]Servers{"default": {{URL: around.APIs[cfg.API]}}}
	}
	order := slices.Sorted(maps.Keys(groups))
	slices.SortStableFunc(order, func(a, b string) int { // the default first
		return cmp.Compare(boolean(a != "default"), boolean(b != "default"))
	})
	for _, name := range order {
		pool, err := upstream.NewPool(poolConfig(cfg, name, groups[name], names), upstream.Deps{Registry: g.upstreams})
		if err != nil {
			ps.Add(fault.JoinPath("upstreams", name), "", "%v", err)
			continue
		}
		t.pools = append(t.pools, pool)
		r.groups = append(r.groups, group{name: name, pool: pool, grpc: groups[name].speakGRPC()})
	}
	if len(groups["default"]) > 0 {
		if u, err := url.Parse(groups["default"][0].URL); err == nil {
			r.base = strings.TrimRight(u.EscapedPath(), "/")
		}
	}
	if around.Rules != nil {
		rules, err := around.Rules(cfg.Limits)
		if err != nil {
			ps.Add("limits", "", "%v", err)
		}
		r.rules = rules
	}
	r.auth = g.newAuthenticator(cfg.Auth, around.Dir, &ps)
	if len(ps) > 0 {
		return nil, ps
	}
	return r, nil
}

// poolConfig is a group of servers in the terms of the upstream package.
func poolConfig(cfg *Route, group string, servers Servers, names map[string]bool) upstream.Config {
	name := cfg.API + strings.TrimRight(cfg.Path, "/") + "/" + group
	if cfg.Host != "" {
		name = cfg.Host + "/" + name
	}
	for n, base := 2, name; names[name]; n++ {
		name = fmt.Sprintf("%s#%d", base, n)
	}
	names[name] = true
	c := upstream.Config{
		Name: name, UpstreamHost: cfg.HostHeader == "upstream",
		Timeouts: upstream.Timeouts{
			Connect: cfg.Timeouts.Connect.Std(), Header: cfg.Timeouts.Answer.Std(), Idle: cfg.Timeouts.Idle.Std(),
		},
		Connections: upstream.Connections{Max: cfg.MaxConnections},
		Retries:     upstream.Retries{Max: *cfg.Retries.Max, Budget: float64(cfg.Retries.Budget)},
		Check: upstream.Check{
			Path: cfg.Health.Path, Every: cfg.Health.Every.Std(), Timeout: cfg.Health.Timeout.Std(),
			Down: cfg.Health.After, Up: cfg.Health.RecoverAfter,
		},
		Ejection: upstream.Ejection{After: cfg.Health.After, Time: cfg.Health.Out.Std()},
		Breaker:  upstream.Breaker{Share: float64(cfg.Health.Breaker)},
	}
	if c.Retries.Max == 0 {
		c.Retries.Max = -1
	}
	if cfg.MaxConnections > 0 {
		c.Connections.Queue = cfg.MaxConnections
	}
	for _, s := range servers {
		c.Servers = append(c.Servers, upstream.Server{URL: s.URL, Weight: s.Weight})
	}
	return c
}

// allowed is the Allow header of a route with methods.
func allowed(methods []string) string {
	if len(methods) == 0 {
		return "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
	}
	return strings.Join(methods, ", ")
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// serverBounds are what a change of makes another server necessary.
type serverBounds struct {
	headers              int
	headerTime, idleTime time.Duration
	writeTime            time.Duration
	streams              int
	h2c                  bool
}

func (t *table) serverBounds() serverBounds {
	b := t.cfg.Bounds
	return serverBounds{
		headers: int(min(b.Headers, units.MiB)), headerTime: b.HeaderTime.Std(), idleTime: b.IdleTime.Std(),
		writeTime: b.WriteTime.Std(), streams: b.Streams, h2c: t.cfg.H2C,
	}
}

// authenticators are those of all routes.
func (t *table) authenticators() []*auth.Authenticator {
	var all []*auth.Authenticator
	for _, r := range t.routes {
		if r.auth != nil {
			all = append(all, r.auth)
		}
	}
	return all
}
