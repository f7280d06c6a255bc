package catalog

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func cutRequest(request string) (method, path string, ok bool) {
	return strings.Cut(request, " ")
}

func TestARequestFindsItsOperation(t *testing.T) {
	templates := []string{
		"GET /", "GET /orders", "POST /orders", "GET /orders/latest", "GET /orders/{id}", "DELETE /orders/{id}", "GET /orders/{order}/items",
		"GET /orders/{id}/items/{n}", "GET /files/{name}.json", "GET /files/{name}", "GET /v{major}.{minor}/x", "POST /things/{id}:publish", "GET /slash/",
		"GET /café", "GET /a/{b}/c", "GET /{x}/b/d", "HEAD /only-head", "GET /broken{brace",
	}
	tests := []struct{ name, request, want string }{
		{"the root", "GET /", "GET /"},
		{"fixed", "GET /orders", "GET /orders"},
		{"by method", "POST /orders", "POST /orders"},
		{"concrete beats templated", "GET /orders/latest", "GET /orders/latest"},
		{"templated", "GET /orders/17", "GET /orders/{id}"},
		{"another method than the concrete one", "DELETE /orders/latest", "DELETE /orders/{id}"},
		{"another parameter name on the same level", "GET /orders/17/items", "GET /orders/{order}/items"},
		{"two parameters", "GET /orders/17/items/2", "GET /orders/{id}/items/{n}"},
		{"a trailing slash", "GET /orders/", "GET /orders"},
		{"a documented trailing slash left out", "GET /slash", "GET /slash/"},
		{"a parameter is never empty", "GET /orders//items", ""},
		{"an encoded slash stays in its segment", "GET /orders/a%2Fb", "GET /orders/{id}"},
		{"an encoded letter in a fixed segment", "GET /caf%C3%A9", "GET /café"},
		{"a broken escape", "GET /orders/%zz", "GET /orders/{id}"},
		{"part of a segment", "GET /files/a.json", "GET /files/{name}.json"},
		{"part of a segment, not", "GET /files/a.txt", "GET /files/{name}"},
		{"part of a segment, empty", "GET /files/.json", "GET /files/{name}"},
		{"several in a segment", "GET /v1.2/x", "GET /v{major}.{minor}/x"},
		{"a custom verb", "POST /things/7:publish", "POST /things/{id}:publish"},
		{"a custom verb, not", "POST /things/7", ""},
		{"back from a dead end", "GET /a/b/d", "GET /{x}/b/d"},
		{"HEAD is GET", "HEAD /orders", "GET /orders"},
		{"a documented HEAD", "HEAD /only-head", "HEAD /only-head"},
		{"GET is not HEAD", "GET /only-head", ""},
		{"an unclosed brace is text", "GET /broken%7Bbrace", "GET /broken{brace"},
		{"too long", "GET /orders/17/items/2/3", ""},
		{"unknown", "GET /nothing", ""},
		{"no slash", "GET orders", ""},
		{"nothing", "GET ", ""},
	}
	var tree routes
	for _, template := range templates {
		method, path, _ := cutRequest(template)
		if !tree.add("", &route{Operation: Operation{Method: method, Path: path}}) {
			t.Fatalf("%s was not added", template)
		}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			method, path, _ := cutRequest(test.request)
			got := ""
			if r := tree.find(method, path); r != nil {
				got = r.String()
			}
			if got != test.want {
				t.Errorf("%s: got %q, want %q", test.request, got, test.want)
			}
		})
	}
}

func TestTheConfiguredURLOverridesTheServers(t *testing.T) {
	server := func(urls ...string) openapi3.Servers {
		var list openapi3.Servers
		for _, u := range urls {
			list = append(list, &openapi3.Server{URL: u, Variables: map[string]*openapi3.ServerVariable{"v": {Default: "v2"}}})
		}
		return list
	}
	tests := []struct {
		name, base string
		servers    openapi3.Servers
		request    string // that must be found
		probe      string // path that a probe has
	}{
		{"no servers", "http://x", nil, "/ping", "/ping"},
		{"a path on the same host", "http://x", server("/v1"), "/v1/ping", "/v1/ping"},
		{"another host", "http://x", server("https://prod.example.com/v1/"), "/v1/ping", "/v1/ping"},
		{"without the path all the same", "http://x", server("/v1"), "/ping", "/v1/ping"},
		{"a variable", "http://x", server("https://{v}.example.com/{v}"), "/v2/ping", "/v2/ping"},
		{"the URL has the path already", "http://x/v1", server("https://prod.example.com/v1"), "/v1/ping", "/ping"},
		{"the URL has a part of the path", "http://x/api", server("/api/v1"), "/api/v1/ping", "/v1/ping"},
		{"the URL has another path", "http://x/gateway/", server("/v1"), "/gateway/ping", "/ping"},
		{"several servers", "http://x", server("/v1", "/v2"), "/v2/ping", "/v1/ping"},
		{"relative to the document", "http://x", server("./"), "/ping", "/ping"},
		{"nonsense", "http://x", server("http://[::1", "{unknown}/x"), "/ping", "/ping"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := &openapi3.T{OpenAPI: "3.0.0", Servers: test.servers, Paths: openapi3.NewPaths(openapi3.WithPath("/ping", &openapi3.PathItem{Get: &openapi3.Operation{}}))}
			d, err := newDocument(spec, Origin{Base: test.base, URL: test.base + "/openapi.json"})
			if err != nil {
				t.Fatal(err)
			}
			if o, ok := d.Match("GET", test.request); !ok || o.Path != "/ping" {
				t.Errorf("%s was not found", test.request)
			}
			probes, _ := d.Probes(test.base)
			if len(probes) != 1 || probes[0].Path != test.probe {
				t.Errorf("probes: %+v, want %s", probes, test.probe)
			}
		})
	}
}

// oracle matches one template by the definition, without a tree. It returns how
// concrete the match is: one letter per segment, f(ixed) < m(ixed) < p(arameter).
func oracle(template, path string) (rank string, ok bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return "", false
	}
	for i := range want {
		segment, err := url.PathUnescape(got[i])
		if err != nil {
			segment = got[i]
		}
		switch {
		case !strings.Contains(want[i], "{"):
			if want[i] != segment {
				return "", false
			}
			rank += "f"
		case segment == "":
			return "", false
		default:
			rank += "p"
		}
	}
	return rank, true
}

func FuzzMatch(f *testing.F) {
	f.Add("/orders/{id}\n/orders/latest\n/{x}/b", "/orders/latest")
	f.Add("/a/{b}/c\n/a/b/{c}\n/{a}/b/c", "/a/b/c")
	f.Add("/\n/{x}", "/%2F")
	f.Add("/é/{x}", "/%C3%A9/%zz")
	f.Fuzz(func(t *testing.T, templates, path string) {
		var tree routes
		var added []string
		for template := range strings.SplitSeq(templates, "\n") {
			if !isPlain(template) || !strings.HasPrefix(template, "/") || !tree.add("", &route{Operation: Operation{Method: "GET", Path: template}}) {
				continue
			}
			added = append(added, template)
		}
		best, bestRank := "", ""
		for _, template := range added {
			if rank, ok := oracle(template, path); ok && (bestRank == "" || rank < bestRank) {
				best, bestRank = template, rank
			}
		}
		got := ""
		if r := tree.find("GET", path); r != nil {
			got = r.Path
		}
		if best == "" {
			if got != "" && !differBySlash(got, path) {
				t.Fatalf("%q matched %q; the oracle found nothing in %q", path, got, added)
			}
			return
		}
		if rank, ok := oracle(got, path); !ok || rank != bestRank {
			t.Fatalf("%q matched %q, want %q of %q", path, got, best, added)
		}
	})
}

// isPlain reports a template that the oracle knows: whole-segment parameters only.
func isPlain(template string) bool {
	for segment := range strings.SplitSeq(template, "/") {
		inner, opened := strings.CutPrefix(segment, "{")
		inner, closed := strings.CutSuffix(inner, "}")
		if opened != closed || strings.ContainsAny(inner, "{}%") {
			return false
		}
	}
	return true
}

// differBySlash reports whether the template matches but for a slash at the end.
func differBySlash(template, path string) bool {
	_, more := oracle(template, path+"/")
	_, less := oracle(template, strings.TrimSuffix(path, "/"))
	return more || less
}

func TestMatchingAllocatesNothing(t *testing.T) {
	d := fixture(t, "fastapi.json", "http://shop.example")
	if n := testing.AllocsPerRun(100, func() { d.Match("GET", "/orders/17") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	var tree routes
	for i := range 100 {
		for _, path := range []string{"", "/{id}", "/{id}/items", "/{id}/items/{n}"} {
			tree.add("", &route{Operation: Operation{Method: "GET", Path: fmt.Sprintf("/api/v1/resource%d%s", i, path)}})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if tree.find("GET", "/api/v1/resource42/17/items/3") == nil {
			b.Fatal("not found")
		}
	}
}
