package catalog

import (
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// maxServers is how many entries of a `servers:` list are looked at.
const maxServers = 8

// prefixes returns what may stand between an API's URL and its templates, the
// most likely first: from the document's servers, and nothing at all. Scheme and
// host of a server are ignored: the configured URL always overrides them.
//
// base is the path of the API's URL, document the URL that the document came from.
func prefixes(base string, document *url.URL, servers openapi3.Servers) []string {
	var list []string
	add := func(prefix string) {
		if !slices.Contains(list, prefix) {
			list = append(list, prefix)
		}
	}
	for _, server := range servers[:min(len(servers), maxServers)] {
		if path, ok := serverPath(server, document); ok {
			add(below(base, path))
		}
	}
	add("")
	return list
}

// below is the part of a server's path that comes after the API's own path. A
// path that does not start with the API's is left out: then the configured URL
// is the user's word on where the API begins.
func below(base, server string) string {
	if base == "" {
		return server
	}
	if rest, ok := strings.CutPrefix(server, base); ok && (rest == "" || rest[0] == '/') {
		return rest
	}
	return ""
}

// serverPath is the path of a server's URL, without a slash at its end.
func serverPath(server *openapi3.Server, document *url.URL) (string, bool) {
	if server == nil {
		return "", false
	}
	text := server.URL
	for name, variable := range server.Variables {
		if variable != nil {
			text = strings.ReplaceAll(text, "{"+name+"}", variable.Default)
		}
	}
	u, err := url.Parse(text)
	if err != nil || len(u.Path) > 1000 || strings.ContainsAny(u.Path, "{}") {
		return "", false
	}
	if document != nil && u.Host == "" && !strings.HasPrefix(u.Path, "/") {
		u = document.ResolveReference(u) // relative to where the document is (OpenAPI 3.0.3, "Server Object")
	}
	return trimSlash(u.EscapedPath()), true
}

func trimSlash(path string) string { return strings.TrimRight(path, "/") }
