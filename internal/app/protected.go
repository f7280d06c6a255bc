package app

import (
	"net"
	"net/netip"
	"net/url"

	"lapwing.dev/lapwing/internal/config"
)

// protected are those whom no block may hit, whatever anybody says: this machine,
// from which checks come, the proxies that bring everybody's requests, and the
// servers behind the gateway.
func protected(f *config.File) []netip.Prefix {
	list := ownAddresses()
	for _, proxy := range f.Gateway.TrustedProxies {
		list = append(list, proxy.Prefix())
	}
	add := func(text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
			list = append(list, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
		}
	}
	for i := range f.APIs {
		add(f.APIs[i].URL)
	}
	for _, route := range f.Gateway.Routes {
		for _, servers := range route.Upstreams {
			for _, server := range servers {
				add(server.URL)
			}
		}
	}
	return list
}

// ownAddresses are this machine's; those of an interface that comes up later are
// found at the next reload.
func ownAddresses() []netip.Prefix {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil // loopback is protected in any case
	}
	var list []netip.Prefix
	for _, address := range addresses {
		network, ok := address.(*net.IPNet)
		if !ok {
			continue
		}
		if addr, ok := netip.AddrFromSlice(network.IP); ok {
			addr = addr.Unmap()
			list = append(list, netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	return list
}
