package gateway

import (
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/gateway/auth"
)

// newAuthenticator makes the authenticator of a route; nil for one that knows nobody.
func (g *Gateway) newAuthenticator(cfg *auth.Config, dir string, ps *fault.Problems) *auth.Authenticator {
	a, err := g.auth.Prepare(cfg, dir)
	switch found, ok := err.(fault.Problems); { //nolint:errorlint // Prepare documents that it is not wrapped
	case ok:
		ps.Merge("auth", found)
	case err != nil:
		ps.Add("auth", "", "%v", err)
	}
	return a
}
