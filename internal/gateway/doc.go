// Package gateway stands in front of an API: a reverse proxy that observes,
// limits and protects. Its decision endpoint does the same for those who keep
// the proxy they have.
//
//	connection ─ accept ─ bounds ─ TLS ─ net/http
//	                                        │
//	request ── plausible? ── core.decide ── validate ── upstream.Forward ── answer
//	               │             │ block, route, auth,      │
//	               │             │ operation, tier, limits  │
//	               └── refusal ──┴── problem+json           └── 502, 503, 504
//	                                        │
//	                         one observe.Exchange, always
//
// What a request may do is decided in decide.go, which knows nothing of
// net/http: the proxy and the decision endpoint share it, so they cannot
// disagree. A request sees one configuration from its beginning to its end: a
// reload swaps a pointer.
package gateway
