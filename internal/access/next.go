package access

import (
	"net/url"
	"strings"
)

// NextPath returns where to go after a login: next when it is a path on this
// site, else "/". What browsers read as another host is not a path: "//host",
// "/\host", and the same with tabs or line ends between, which they drop.
func NextPath(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || len(next) > 2048 {
		return "/"
	}
	if strings.ContainsFunc(next, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }) {
		return "/"
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || strings.HasPrefix(u.Path, "//") || u.Path == "/login" || u.Path == "/logout" {
		return "/"
	}
	return next
}
