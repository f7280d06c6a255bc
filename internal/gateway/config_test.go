package gateway_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/internal/gateway/auth"
	"lapwing.dev/lapwing/middleware/limit"
)

func TestMistakesAreNamedWithWhatWouldBeRight(t *testing.T) {
	route := func(change func(*gateway.Route)) gateway.Config {
		r := gateway.Route{API: "orders", Upstreams: map[string]gateway.Servers{"default": {{URL: "http://127.0.0.1:8000"}}}}
		change(&r)
		return gateway.Config{Routes: []gateway.Route{r}}
	}
	url := func(u string) gateway.Config {
		return route(func(r *gateway.Route) { r.Upstreams["default"][0].URL = u })
	}
	for _, test := range []struct {
		name string
		cfg  gateway.Config
		want string
	}{
		{"listen without a port", gateway.Config{Listen: "127.0.0.1", Routes: url("http://a").Routes}, `listen: "127.0.0.1" is not an address with a port; write 127.0.0.1:8480, or :8480 for every interface`},
		{"listen is a port", gateway.Config{Listen: "8480", Routes: url("http://a").Routes}, `listen: "8480" is not an address with a port; write 127.0.0.1:8480`},
		{"no routes", gateway.Config{Listen: ":8480"}, `a gateway without routes serves nothing; add routes: [{api: orders}]`},
		{"TLS of long ago", gateway.Config{TLS: &gateway.TLS{Cert: "a", Key: "b", MinVersion: "1.1"}, Routes: url("http://a").Routes}, `tls.min_version: "1.1" is not a version of TLS that is still safe; write 1.2 or 1.3`},
		{"TLS without a key", gateway.Config{TLS: &gateway.TLS{Cert: "a"}, Routes: url("http://a").Routes}, `tls.key: the private key is missing; name the PEM file with the certificate's private key`},
		{"unknown API", route(func(r *gateway.Route) { r.API = "ordres" }), `routes[0].api: there is no API "ordres"; did you mean "orders"?`},
		{"unknown limit", route(func(r *gateway.Route) { r.Limits = []string{"per-clinet"} }), `routes[0].limits[0]: there is no limit "per-clinet"; did you mean "per-client"?`},
		{"limit twice", route(func(r *gateway.Route) { r.Limits = []string{"per-client", "per-client"} }), `routes[0].limits[1]: "per-client" is in the list already; remove it`},
		{"relative path", route(func(r *gateway.Route) { r.Path = "orders" }), `routes[0].path: "orders" is not a path; write /orders`},
		{"path with a pattern", route(func(r *gateway.Route) { r.Path = "/orders/{id}" }), `routes[0].path: "/orders/{id}" cannot be the beginning of a path; write how paths begin, such as /orders, without a query, escapes or patterns`},
		{"path with dots", route(func(r *gateway.Route) { r.Path = "/a/../b" }), "routes[0].path: \"/a/../b\" can never match: such paths are not let in; leave empty segments, `.` and `..` out"},
		{"method in lower case", route(func(r *gateway.Route) { r.Methods = []string{"get"} }), `routes[0].methods[0]: methods are case-sensitive, and "get" is not a usual one; write GET`},
		{"host with a scheme", route(func(r *gateway.Route) { r.Host = "https://a" }), `routes[0].host: "https://a" is not a host name; write the name alone, without the scheme`},
		{"host with a port", route(func(r *gateway.Route) { r.Host = "a:80" }), `routes[0].host: "a:80" is not a host name; write the name alone, without the port`},
		{"validate", route(func(r *gateway.Route) { r.Validate = "enforced" }), `routes[0].validate: unknown value "enforced"; did you mean "enforce"?`},
		{"no default group", route(func(r *gateway.Route) {
			r.Upstreams = map[string]gateway.Servers{"fast": {{URL: "http://a"}}}
		}), `routes[0].upstreams: the group ` + "`default`" + ` is missing; add default: [http://127.0.0.1:8000]`},
		{"upstream without a scheme", url("127.0.0.1:8000"), `routes[0].upstreams.default[0]: "127.0.0.1:8000" is not a URL; write http://127.0.0.1:8000`},
		{"upstream with credentials", url("http://user:geheim@a"), `routes[0].upstreams.default[0]: the URL has a user name or password in it, which upstreams would not get; remove it; clients bring their own`},
		{"upstream by FTP", url("ftp://a"), `routes[0].upstreams.default[0]: an upstream cannot be reached by "ftp"; write http, https or h2c`},
		{"upstream without a host", url("http://:80"), `routes[0].upstreams.default[0]: "http://:80" has no host; write http://127.0.0.1:8000`},
		{"upstream with a query", url("http://a?b"), `routes[0].upstreams.default[0]: the URL of an upstream has no query and no fragment; remove what follows ? or #`},
		{"nobody to ask", route(func(r *gateway.Route) { r.Upstreams = nil }), `routes[0]: the API "orders" has no url that could be the upstream; add upstreams: {default: [http://127.0.0.1:8000]}`},
		{"a route that nobody reaches", gateway.Config{Routes: append(url("http://a").Routes, url("http://b").Routes...)}, `routes[1]: no request can reach it: routes[0] takes the same ones; give it another path, host or methods`},
		{"trace format", gateway.Config{Trace: gateway.Trace{Format: "jaeger"}, Routes: url("http://a").Routes}, `trace.format: "jaeger" is not a format of trace headers; write w3c, b3 or b3-multi`},
		{"headers of one byte", gateway.Config{Bounds: gateway.Bounds{Headers: 1}, Routes: url("http://a").Routes}, `bounds.headers: 1B is not a sensible bound of headers; write 1KiB to 1MiB`},
		{"auth of a route", route(func(r *gateway.Route) { r.Auth = &auth.Config{APIKeys: []auth.APIKey{{Name: "a"}}} }), "routes[0].auth.api_keys[0].sha256: the hash of the key is missing"},
		{"certificate that is not there", gateway.Config{TLS: &gateway.TLS{Cert: "nowhere.pem", Key: "nowhere.key"}, Routes: url("http://a").Routes}, `tls.cert: read the certificate: `},
		{"client header", gateway.Config{ClientHeader: "X Real", Routes: url("http://a").Routes}, `client_header: "X Real" is not a header; write X-Forwarded-For or Forwarded`},
		{"the gateway behind itself", gateway.Config{Listen: "127.0.0.1:8480", Routes: url("http://127.0.0.1:8480").Routes}, `routes[0].upstreams.default[0]: http://127.0.0.1:8480 is the gateway itself; write the server's own address, or another listen for the gateway`},
		{"the gateway behind itself, by name", gateway.Config{Listen: "0.0.0.0:8480", Routes: url("http://localhost:8480/api").Routes}, `routes[0].upstreams.default[0]: http://localhost:8480/api is the gateway itself`},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := gateway.New(gateway.Deps{Log: quiet()})
			around := gateway.Around{APIs: map[string]string{"orders": ""}, LimitNames: []string{"per-client"}, Dir: t.TempDir()}
			_, err := g.Prepare(t.Context(), test.cfg, around)
			if err == nil {
				t.Fatal("it passes")
			}
			if !strings.HasPrefix(err.Error(), test.want) {
				t.Error(cmp.Diff(test.want, err.Error()))
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("a password is shown: %v", err)
			}
		})
	}
}

func TestAnAPIIsItsOwnUpstream(t *testing.T) {
	g := gateway.New(gateway.Deps{Log: quiet()})
	rules := 0
	_, err := g.Prepare(t.Context(), gateway.Config{Routes: []gateway.Route{{API: "orders"}}}, gateway.Around{
		APIs:  map[string]string{"orders": "http://127.0.0.1:8000/v1"},
		Rules: func([]string) (*limit.Rules, error) { rules++; return nil, nil },
	})
	if err != nil || rules != 1 {
		t.Errorf("%v, %d rules", err, rules)
	}
}

func TestNetworksAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8": "", "127.0.0.1": "", "::1": "", "2001:db8::/32": "", "10.0.0.1/8": "10.0.0.0/8",
		"localhost": "neither an address nor a network", "::ffff:10.0.0.0/104": "IPv4 written as IPv6", "fe80::1%eth0": "neither", "": "neither",
	} {
		var n gateway.Network
		err := n.UnmarshalText([]byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil && n.String() != text {
			t.Errorf("%q is written as %q", text, n)
		}
	}
}
