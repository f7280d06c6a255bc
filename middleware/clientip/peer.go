package clientip

import (
	"net/netip"
	"strings"
)

// Peer returns the address in the RemoteAddr of an http.Request, without port
// and zone; invalid for a connection without one (a unix socket).
func Peer(remoteAddr string) netip.Addr {
	if i := strings.LastIndexByte(remoteAddr, ':'); i >= 0 {
		host := remoteAddr[:i]
		if n := len(host); n >= 2 && host[0] == '[' && host[n-1] == ']' {
			host = host[1 : n-1]
			if zone := strings.IndexByte(host, '%'); zone >= 0 {
				host = host[:zone]
			}
			if addr, ok := parse(host); ok {
				return addr
			}
		} else if addr, ok := parse(host); ok && addr.Is4() {
			return addr
		}
	}
	addr, _ := parse(remoteAddr) // without a port, as tests and some listeners have it
	return addr
}

// DefaultIPv6Bits is how much of an IPv6 address counts as one client: a /64 is
// what one household or server gets, and can change its address within at will.
const DefaultIPv6Bits = 64

// Key returns what is counted as one client: the address itself of IPv4, the /64
// of IPv6. It is invalid for an invalid address.
func Key(addr netip.Addr) netip.Prefix { return KeyOf(addr, 32, DefaultIPv6Bits) }

// KeyOf is Key with other lengths, in bits.
func KeyOf(addr netip.Addr, ipv4Bits, ipv6Bits int) netip.Prefix {
	addr = plain(addr)
	bits := ipv6Bits
	if addr.Is4() {
		bits = ipv4Bits
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
