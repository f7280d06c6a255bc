// Package clientip finds the address of the client behind trusted proxies.
//
// Anybody can send X-Forwarded-For. What makes an entry of it true is only who
// wrote it, and each proxy appends the address that it saw itself. So the list is
// walked from its right end, where our own proxy wrote, for as long as the
// address that was reached is a trusted proxy; the first that is not is the
// client, and whatever stands left of it is hearsay.
//
//	proxies, err := clientip.ParsePrefixes("10.0.0.0/8", "loopback")
//	resolver := clientip.New(clientip.Options{Trusted: proxies})
//	client := resolver.Resolve(clientip.Peer(r.RemoteAddr), r.Header)
package clientip
