package gateway

import (
	"fmt"
	"net/netip"
	"strings"
)

// Network is an address or a prefix of addresses.
type Network netip.Prefix

// Prefix returns the standard library's type; of one address it is /32 or /128.
func (n Network) Prefix() netip.Prefix { return netip.Prefix(n) }

// UnmarshalText reads "10.0.0.0/8", "2001:db8::/32" or an address alone.
func (n *Network) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		*n = Network(netip.PrefixFrom(addr, addr.BitLen()))
		return nil
	}
	prefix, err := netip.ParsePrefix(s)
	if err != nil {
		return fmt.Errorf("%q is neither an address nor a network; write 10.0.0.1 or 10.0.0.0/8", s)
	}
	if prefix != prefix.Masked() {
		return fmt.Errorf("%q has bits beyond its length; write %s", s, prefix.Masked())
	}
	if prefix.Addr().Is4In6() {
		return fmt.Errorf("%q is IPv4 written as IPv6; write it as IPv4", s)
	}
	*n = Network(prefix)
	return nil
}

// MarshalText writes it as it would be written: an address alone without its length.
func (n Network) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

func (n Network) String() string {
	p := netip.Prefix(n)
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
