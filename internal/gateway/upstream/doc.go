// Package upstream takes requests to the servers behind the gateway and brings
// their answers back.
//
//	Pool.Forward ── breaker ── pick a server ── slot ──┬── lean: HTTP/1.1 of our own over kept connections
//	     ▲                                             └── reference: httputil.ReverseProxy
//	     │  another server, where that is safe             (TLS, HTTP/2, upgrades, trailers, Expect)
//	     └──────────────── outcome ────────────────── ejection, breaker, retry budget
//
// The lean path is the fast one, and the reference is what it is held to: a
// differential test sends the same bytes through both, and through a plain
// httputil.ReverseProxy, and compares what client and upstream see.
//
// A server is out of the choice because of that server, by a check that asks it
// (active health) or by what requests met (ejection). The breaker is about the
// pool: when too many of all its exchanges fail, whichever server had them, it
// answers at once for a while and lets a few requests try.
//
// Servers live in a [Registry], by their address: what is known about them, and
// their connections, survive a reload that makes new pools.
package upstream
