package clientip

import (
	"net/netip"
	"slices"
)

// span is a range of addresses of one family, both ends in it.
type span struct{ from, to netip.Addr }

// compare tells where addr lies: 0 inside, 1 when the span lies behind it.
func (s span) compare(addr netip.Addr) int {
	switch {
	case addr.Less(s.from):
		return 1
	case s.to.Less(addr):
		return -1
	}
	return 0
}

// spans turns prefixes into sorted spans that do not overlap. IPv4 sorts before
// IPv6 and never touches it.
func spans(prefixes []netip.Prefix) []span {
	var list []span
	for _, p := range prefixes {
		if p = unmapped(p); p.IsValid() {
			list = append(list, span{p.Addr(), last(p)})
		}
	}
	slices.SortFunc(list, func(a, b span) int { return a.from.Compare(b.from) })
	merged := list[:0]
	for _, s := range list {
		if n := len(merged); n > 0 && s.from.Compare(merged[n-1].to) <= 0 {
			if merged[n-1].to.Less(s.to) {
				merged[n-1].to = s.to
			}
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// unmapped is the prefix in the form of the addresses that are compared with it:
// ::ffff:10.0.0.0/104 is 10.0.0.0/8. Wider than all mapped addresses, it stays
// what it is.
func unmapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// last is the highest address of a masked prefix.
func last(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	addr, _ := netip.AddrFromSlice(bytes) // 4 or 16 bytes: it came from an address
	return addr
}
