package access

import (
	"net/http"
)

// CheckOrigin reports why a request that a browser may have sent on behalf of a
// foreign page is refused. It concerns callers whom a browser makes known by
// itself: by a session cookie, or by running on this machine. A token has to be
// put into the request by its owner, so it proves the intention.
//
// Two rules, both by Fetch Metadata (Sec-Fetch-Site, in every browser since
// 2023) and, where a browser does not send it (plain HTTP to another machine),
// by comparing Origin with Host as net/http.CrossOriginProtection does:
//
//   - Unsafe methods need the same origin. A session's need the proof itself:
//     a cookie means a browser, and browsers send Origin with every POST. Without
//     cookie and header it is a program on this machine, such as curl.
//   - Safe methods do not change anything, but foreign pages may not load
//     answers as their own images, scripts or event streams either; following a
//     link to a page is fine.
//
// There is no form token besides: it would prove the same thing a second time,
// and would be a secret in every page for BREACH to guess at. Sec-Fetch-Site
// is stricter than SameSite cookies, which take other ports and sub-domains of
// a host for the same site.
func (m *Manager) CheckOrigin(r *http.Request, id Identity) error {
	if !id.ambient() {
		return nil
	}
	site := r.Header.Get("Sec-Fetch-Site")
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		foreign := site == "cross-site" || site == "same-site"
		if foreign && id.Known() && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			return refused("cross_origin", "a page of another origin may not load this; open it in a tab of its own, or use a token")
		}
		return nil
	}
	if err := m.crossOrigin.Check(r); err != nil {
		return refused("cross_origin", "the request comes from a page of another origin; "+
			"if a proxy is in front of Lapwing, let it pass the Host header unchanged")
	}
	if id.Kind == KindSession && site == "" && r.Header.Get("Origin") == "" {
		return refused("cross_origin", "a request with a session cookie must say where it comes from (Origin or Sec-Fetch-Site); programs use a token")
	}
	return nil
}
