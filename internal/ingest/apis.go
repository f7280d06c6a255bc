package ingest

import (
	"cmp"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"lapwing.dev/lapwing/internal/catalog"
)

// apis finds the API of a request by what its line says of host and path.
type apis []api

type api struct {
	name      string
	host      string // in lower case, without a port
	authority string // with its port
	path      string // without a slash at its end
}

func newAPIs(list []catalog.API) apis {
	var as apis
	for i := range list {
		u, err := url.Parse(list[i].URL)
		if err != nil {
			continue // the catalog tells
		}
		as = append(as, api{list[i].Name, strings.ToLower(u.Hostname()), strings.ToLower(u.Host), strings.TrimSuffix(u.EscapedPath(), "/")})
	}
	// The longest path that fits is the right one.
	slices.SortStableFunc(as, func(a, b api) int { return cmp.Compare(len(b.path), len(a.path)) })
	return as
}

// of returns the name of the API; "" when nothing tells which one it is. A line
// seldom has the host by which the API is asked inside, so when no host fits a path
// may, and the only API is always meant.
func (as apis) of(host, path string) string {
	if len(as) == 1 {
		return as[0].name
	}
	if host != "" {
		for i := range as {
			if a := &as[i]; (strings.EqualFold(host, a.authority) || strings.EqualFold(hostname(host), a.host)) && a.has(path) {
				return a.name
			}
		}
	}
	for i := range as {
		if a := &as[i]; a.path != "" && a.has(path) {
			return a.name
		}
	}
	return ""
}

// has reports whether whole segments of a path begin with the API's.
func (a *api) has(path string) bool {
	rest, ok := strings.CutPrefix(path, a.path)
	return ok && (rest == "" || rest[0] == '/')
}

// hostname is an authority without its port.
func hostname(authority string) string {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || strings.IndexByte(authority[i:], ']') >= 0 {
		return authority
	}
	return authority[:i]
}

// matches reports whether a path fits a pattern.
func matches(pattern, path string) bool {
	ok, err := filepath.Match(pattern, path)
	return ok && err == nil
}
