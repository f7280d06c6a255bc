package clientip

import (
	"net/netip"
	"slices"
)

// Headers that tell the clients of proxies, in canonical form.
const (
	XForwardedFor = "X-Forwarded-For"
	Forwarded     = "Forwarded" // RFC 7239
)

// maxHops bounds how many proxies a request may have passed. Only a chain of
// trusted addresses is followed at all, so more is a forged list or a loop.
const maxHops = 32

// Options of a Resolver.
type Options struct {
	// Trusted are the proxies whose word counts. Empty: nobody's, the client is
	// whoever holds the connection.
	Trusted []netip.Prefix

	// Header is the one header that the trusted proxies write; "" means
	// XForwardedFor. Forwarded is read by RFC 7239, every other name (X-Real-Ip,
	// Cf-Connecting-Ip) as a list of addresses.
	//
	// Exactly one is read: a proxy that writes one of them passes on the others
	// as the client sent them.
	Header string

	// TrustUnixSockets makes a peer without an address a trusted proxy: whoever
	// may open the socket file is on this machine.
	TrustUnixSockets bool
}

// Values looks up the lines of a header by its canonical name. An http.Header is
// one.
type Values interface{ Values(name string) []string }

// Resolver finds clients. It is immutable and safe for concurrent use; the nil
// Resolver trusts nobody.
type Resolver struct {
	trusted   []span // sorted, not overlapping
	header    string
	forwarded bool
	sockets   bool
}

// New returns a resolver.
func New(o Options) *Resolver {
	r := &Resolver{trusted: spans(o.Trusted), header: o.Header, sockets: o.TrustUnixSockets}
	if r.header == "" {
		r.header = XForwardedFor
	}
	r.forwarded = r.header == Forwarded
	return r
}

// Trusts reports whether the address is one of the trusted proxies.
func (r *Resolver) Trusts(addr netip.Addr) bool {
	if r == nil {
		return false
	}
	if !addr.IsValid() {
		return r.sockets
	}
	addr = plain(addr)
	i, found := slices.BinarySearchFunc(r.trusted, addr, span.compare)
	return found || i < len(r.trusted) && r.trusted[i].compare(addr) == 0
}

// Resolve returns the address of the client that sent a request over a
// connection from remote (see Peer), unmapped and without a zone.
//
// An entry that is no address ("unknown", an obfuscated name, garbage) ends the
// walk: the answer is then the last proxy that is known for certain, which may
// be remote itself. The answer is invalid only when remote is.
func (r *Resolver) Resolve(remote netip.Addr, h Values) netip.Addr {
	addr := plain(remote)
	if h == nil || !r.Trusts(addr) {
		return addr
	}
	lines := h.Values(r.header)
	hops := 0
	for _, rest := range slices.Backward(lines) {
		for more := true; more; {
			var element string
			element, rest, more = lastElement(rest)
			if element == "" {
				continue // lists may have empty elements (RFC 9110 §5.6.1)
			}
			next, ok := r.node(element)
			if !ok {
				return addr
			}
			addr = next
			if hops++; hops == maxHops || !r.Trusts(addr) {
				return addr
			}
		}
	}
	return addr
}

func (r *Resolver) node(element string) (netip.Addr, bool) {
	if r.forwarded {
		return forwardedFor(element)
	}
	return parseNode(element)
}

// plain is the form in which addresses are compared and counted: one IPv4
// address must not have two names, and a zone is a name of the sender's.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }
