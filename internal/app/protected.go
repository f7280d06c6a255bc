package app

import (
	"net/netip"
	"net/url"

	"lapwing.dev/lapwing/internal/config"
)

// protected are those whom no block may hit, whatever anybody says: the proxies
// that bring everybody's requests, and the servers behind the gateway.
func protected(f *config.File) []netip.Prefix {
	var list []netip.Prefix
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
