package clientip

import (
	"fmt"
	"net/netip"
	"strings"
)

// ParsePrefixes reads the addresses of proxies: an address ("192.0.2.1"), a
// prefix ("10.0.0.0/8"), or one of the names "loopback" and "private", which stand
// for this machine and for the networks of RFC 1918 and RFC 4193. Link-local
// addresses are in neither.
func ParsePrefixes(texts ...string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		text = strings.TrimSpace(text)
		switch strings.ToLower(text) {
		case "loopback":
			list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8), netip.PrefixFrom(netip.IPv6Loopback(), 128))
			continue
		case "private":
			list = append(list,
				netip.PrefixFrom(netip.AddrFrom4([4]byte{10}), 8),
				netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16}), 12),
				netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168}), 16),
				netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfc}), 7))
			continue
		}
		prefix, err := parsePrefix(text)
		if err != nil {
			return nil, err
		}
		list = append(list, prefix)
	}
	return list, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	if addr, ok := parse(text); ok {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%.60q is neither an address nor a prefix: write 192.0.2.1, 10.0.0.0/8, 2001:db8::/32, loopback or private", text)
	}
	prefix = unmapped(prefix)
	return prefix, nil
}
