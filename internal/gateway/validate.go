package gateway

import (
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
)

// Most of what a section may have, so that nobody's mistake costs memory.
const (
	maxRoutes  = 1000
	maxServers = 256
	maxGroups  = 64
)

// Validate reports what is wrong in the section alone, without reading any
// file. What it says of other sections is checked by Prepare.
func (c *Config) Validate() fault.Problems {
	var ps fault.Problems
	checkAddress(&ps, "listen", c.Listen)
	checkAddress(&ps, "decision.listen", c.Decision.Listen)
	if c.Decision.Listen != "" && c.withDefaults().Listen == c.Decision.Listen && !strings.HasSuffix(c.Decision.Listen, ":0") {
		ps.Add("decision.listen", "take another port, or remove it: the endpoint is at "+DecisionPath+" on the gateway's own address, too", "the gateway listens on %s itself", c.Decision.Listen)
	}
	if c.ClientHeader != "" && !isToken(c.ClientHeader) {
		ps.Add("client_header", "write X-Forwarded-For or Forwarded", "%q is not a header", c.ClientHeader)
	}
	if p := c.Decision.Path; p != "" && p != "off" && !strings.HasPrefix(p, "/") {
		ps.Add("decision.path", "write /"+p+", or off", "%q is not a path", p)
	}
	if c.TLS != nil {
		ps.Merge("tls", c.TLS.validate())
	}
	ps.Merge("bounds", c.Bounds.validate())
	if !oneOf(c.Trace.Format, "", "w3c", "b3", "b3-multi") {
		ps.Add("trace.format", "write w3c, b3 or b3-multi", "%q is not a format of trace headers", c.Trace.Format)
	}
	if c.Auth != nil {
		ps.Merge("auth", c.Auth.Validate())
	}
	if len(c.Routes) > maxRoutes {
		ps.Add("routes", "put requests together under shorter paths", "%d routes are more than %d", len(c.Routes), maxRoutes)
		return ps
	}
	if len(c.Routes) == 0 && c.needsRoutes() {
		ps.Add("", "add routes: [{api: orders}]", "a gateway without routes serves nothing")
	}
	ps = append(ps, c.duplicates()...)
	for i := range c.Routes {
		ps.Merge(at("routes", i), c.Routes[i].validate())
	}
	return ps
}

// needsRoutes reports whether the section says something that only routes
// would make use of.
func (c *Config) needsRoutes() bool {
	return c.Listen != "" || c.TLS != nil || c.Auth != nil || c.Decision.Listen != "" || len(c.TrustedProxies) > 0
}

// duplicates finds routes that no request can reach.
func (c *Config) duplicates() fault.Problems {
	var ps fault.Problems
	type place struct{ host, path string }
	seen := map[place][]int{}
	for i := range c.Routes {
		r := c.Routes[i].withDefaults()
		here := place{strings.ToLower(r.Host), strings.TrimRight(r.Path, "/")}
		for _, before := range seen[here] {
			first := &c.Routes[before]
			if len(first.Methods) == 0 || len(r.Methods) > 0 && subset(r.Methods, first.Methods) {
				ps.Add(at("routes", i), "give it another path, host or methods", "no request can reach it: routes[%d] takes the same ones", before)
				break
			}
		}
		seen[here] = append(seen[here], i)
	}
	return ps
}

func (t *TLS) validate() fault.Problems {
	var ps fault.Problems
	if t.Cert == "" {
		ps.Add("cert", "name a PEM file with the certificate and its chain", "a certificate is missing")
	}
	if t.Key == "" {
		ps.Add("key", "name the PEM file with the certificate's private key", "the private key is missing")
	}
	if !oneOf(t.MinVersion, "", "1.2", "1.3") {
		ps.Add("min_version", "write 1.2 or 1.3", "%q is not a version of TLS that is still safe", t.MinVersion)
	}
	return ps
}

func (b *Bounds) validate() fault.Problems {
	var ps fault.Problems
	atLeast(&ps, "connections", b.Connections, 1)
	atLeast(&ps, "connections_per_client", b.ConnectionsPerClient, 1)
	atLeast(&ps, "streams", b.Streams, 1)
	if b.Streams > 10_000 {
		ps.Add("streams", "write 1000 or less", "%d requests on one connection would let one client take everything", b.Streams)
	}
	if b.Headers != 0 && (b.Headers < units.KiB || b.Headers > units.MiB) {
		ps.Add("headers", "write 1KiB to 1MiB", "%s is not a sensible bound of headers", b.Headers)
	}
	return ps
}

func (r *Route) validate() fault.Problems {
	var ps fault.Problems
	if r.API == "" {
		ps.Add("api", "name one of apis", "an API is missing")
	}
	if hint := hostHint(r.Host); hint != "" {
		ps.Add("host", hint, "%q is not a host name", r.Host)
	}
	r.validatePath(&ps)
	for i, m := range r.Methods {
		switch {
		case !isToken(m):
			ps.Add(at("methods", i), "write GET", "%q is not a method", m)
		case m != strings.ToUpper(m) && oneOf(strings.ToUpper(m), knownMethods...):
			ps.Add(at("methods", i), "write "+strings.ToUpper(m), "methods are case-sensitive, and %q is not a usual one", m)
		case m == "CONNECT":
			ps.Add(at("methods", i), "remove it", "CONNECT asks for a tunnel, which a gateway does not make")
		}
	}
	if !oneOf(r.EncodedSlashes, "", "reject", "allow") {
		ps.Add("encoded_slashes", "write reject or allow", "unknown value %q", r.EncodedSlashes)
	}
	if !oneOf(r.Validate, "", "off", "report", "enforce") {
		ps.Add("validate", cmpHint(r.Validate, "off", "report", "enforce"), "unknown value %q", r.Validate)
	}
	if !oneOf(r.HostHeader, "", "client", "upstream") {
		ps.Add("host_header", "write client or upstream", "unknown value %q", r.HostHeader)
	}
	r.validateUpstreams(&ps)
	if r.Auth != nil {
		ps.Merge("auth", r.Auth.Validate())
	}
	if r.Retries.Max != nil && (*r.Retries.Max < 0 || *r.Retries.Max > 5) {
		ps.Add("retries.max", "write 0 to 5", "%d retries are not sensible", *r.Retries.Max)
	}
	if p := r.Health.Path; p != "" && !strings.HasPrefix(p, "/") {
		ps.Add("health.path", "write /"+p, "%q is not a path", p)
	}
	atLeast(&ps, "health.after", r.Health.After, 0)
	atLeast(&ps, "health.recover_after", r.Health.RecoverAfter, 0)
	atLeast(&ps, "max_connections", r.MaxConnections, 0)
	for i, name := range r.Limits {
		if name == "" {
			ps.Add(at("limits", i), "name one of limits", "a name is missing")
		} else if slices.Contains(r.Limits[:i], name) {
			ps.Add(at("limits", i), "remove it", "%q is in the list already", name)
		}
	}
	return ps
}

func (r *Route) validatePath(ps *fault.Problems) {
	path := r.Path
	switch {
	case path == "":
	case !strings.HasPrefix(path, "/"):
		ps.Add("path", "write /"+path, "%q is not a path", path)
	case strings.ContainsAny(path, "?#%*{}\\;"):
		ps.Add("path", "write how paths begin, such as /orders, without a query, escapes or patterns", "%q cannot be the beginning of a path", path)
	case strings.Contains(path, "//") || strings.Contains(path+"/", "/./") || strings.Contains(path+"/", "/../"):
		ps.Add("path", "leave empty segments, `.` and `..` out", "%q can never match: such paths are not let in", path)
	}
}

func (r *Route) validateUpstreams(ps *fault.Problems) {
	if len(r.Upstreams) > maxGroups {
		ps.Add("upstreams", "", "%d groups are more than %d", len(r.Upstreams), maxGroups)
		return
	}
	if r.Upstreams != nil && len(r.Upstreams["default"]) == 0 {
		ps.Add("upstreams", "add default: [http://127.0.0.1:8000]", "the group `default` is missing")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Upstreams)) {
		path := fault.JoinPath("upstreams", name)
		servers := r.Upstreams[name]
		if len(servers) > maxServers {
			ps.Add(path, "put a balancer of your own in between", "%d servers are more than %d", len(servers), maxServers)
			continue
		}
		if len(servers) == 0 && name != "default" {
			ps.Add(path, "write [http://127.0.0.1:8001]", "a group without servers serves nobody")
		}
		for i, s := range servers {
			if message, hint := badUpstream(s.URL); message != "" {
				ps.Add(at(path, i), hint, "%s", message)
			}
			if s.Weight < 0 || s.Weight > 1000 {
				ps.Add(at(path, i)+".weight", "write 1 to 1000", "%d is not a weight", s.Weight)
			}
		}
	}
}

// badUpstream says why text cannot be an upstream's URL, and what would be
// right; "" when it can. Credentials are not repeated.
func badUpstream(text string) (message, hint string) {
	const example = "write http://127.0.0.1:8000"
	if text == "" {
		return "a URL is missing", example
	}
	u, err := url.Parse(text)
	switch {
	case err != nil && strings.Contains(text, "@"):
		return "the URL cannot be read", example
	case err != nil, u.Scheme != "" && u.Host == "" && !strings.Contains(text, "://"):
		return strconv.Quote(text) + " is not a URL", "write http://" + text
	case u.Scheme == "":
		return strconv.Quote(text) + " has no scheme", "write http://" + strings.TrimPrefix(text, "//")
	case !oneOf(u.Scheme, "http", "https", "h2c"):
		return "an upstream cannot be reached by " + strconv.Quote(u.Scheme), "write http, https or h2c"
	case u.User != nil:
		return "the URL has a user name or password in it, which upstreams would not get", "remove it; clients bring their own"
	case u.Hostname() == "":
		return strconv.Quote(text) + " has no host", example
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return "the URL of an upstream has no query and no fragment", "remove what follows ? or #"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return strconv.Quote(port) + " is not a port", "write 1 to 65535"
		}
	}
	return "", ""
}

func checkAddress(ps *fault.Problems, path, addr string) {
	if addr == "" {
		return
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		hint := "write 127.0.0.1:8480, or :8480 for every interface"
		if _, err := strconv.ParseUint(addr, 10, 16); err == nil {
			hint = "write 127.0.0.1:" + addr
		}
		ps.Add(path, hint, "%q is not an address with a port", addr)
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		ps.Add(path, "write 0 to 65535; 0 takes any free one", "%q is not a port", port)
	}
}

// hostHint says what would be right instead of a route's host; "" when it is fine.
func hostHint(host string) string {
	name, wild := strings.CutPrefix(host, "*.")
	switch {
	case host == "":
		return ""
	case strings.Contains(name, "://"):
		return "write the name alone, without the scheme"
	case strings.Contains(name, "*"), wild && name == "":
		return "write a name, or *.name for all below it"
	case strings.HasPrefix(name, "["):
		return ""
	case strings.Contains(name, ":"):
		return "write the name alone, without the port"
	case len(name) > 253 || strings.ContainsFunc(name, notInHost):
		return "write a name such as api.example.com"
	}
	return ""
}

// notInHost allows what DNS names hold in practice, underscores included.
func notInHost(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '.', r == '_':
		return false
	}
	return true
}

func cmpHint(word string, choices ...string) string {
	if hint := fault.DidYouMean(word, choices); hint != "" {
		return hint
	}
	return "write " + strings.Join(choices[:len(choices)-1], ", ") + " or " + choices[len(choices)-1]
}

func atLeast(ps *fault.Problems, path string, value, least int) {
	if value < least && value != 0 {
		ps.Add(path, "write "+strconv.Itoa(least)+" or more", "%d is too few", value)
	}
}

func oneOf(s string, choices ...string) bool { return slices.Contains(choices, s) }

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// at is the path of a list's element.
func at(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }
