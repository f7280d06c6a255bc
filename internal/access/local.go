package access

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

// While no password is set, whoever is on this machine may do everything. Three
// things are looked at before a caller counts as local:
//
//   - The peer of the connection is a loopback address. Headers that name
//     another client (X-Forwarded-For, Forwarded, …) are never believed: anybody
//     can write them.
//   - But a request that has such a header came through a proxy, which makes the
//     whole world look local. It is refused, unless its host is in access.hosts.
//   - The Host header is a loopback name or in access.hosts. A page on the
//     internet can point its own name at 127.0.0.1 (DNS rebinding) and then reads
//     what it likes as "same origin"; what it cannot do is to change the Host
//     header, which stays its own name.
//
// A proxy need not say what it is: nginx, as it comes, adds no header and asks
// for 127.0.0.1 itself. What gives it away is HTTP/1.0, which no browser and no
// current program speaks. A proxy that speaks HTTP/1.1 and rewrites the host
// without a trace cannot be told from a local program; a password is for that.

// local reports why the request does not count as coming from this machine.
func local(r *http.Request, hosts []string) error {
	if addr := peer(r); !addr.IsLoopback() {
		return refused("not_local", "no password is set, so only clients on this machine may come in; "+
			"run `lapwing admin set-password`, or make a token with `lapwing token create`")
	}
	host := hostname(r.Host)
	switch {
	case slices.ContainsFunc(hosts, func(allowed string) bool { return strings.EqualFold(hostname(allowed), host) }):
		return nil
	case !isLoopbackName(host):
		return refused("host_not_allowed", "no password is set, so the host must be localhost or a loopback address, got %.100q; "+
			"open the address that Lapwing printed at its start, list the name in `access.hosts`, or run `lapwing admin set-password`", host)
	case forwarded(r), !r.ProtoAtLeast(1, 1):
		return refused("proxied", "no password is set and the request came through a proxy, so it may come from anywhere; "+
			"run `lapwing admin set-password`, or list the proxy's public host name in `access.hosts` and keep the Host header")
	}
	return nil
}

// refused is a fault.KindForbidden with a code of its own.
func refused(code, format string, args ...any) error {
	return &fault.Error{Kind: fault.KindForbidden, Code: code, Message: fmt.Sprintf(format, args...)}
}

// peer is the other end of the connection, invalid when it has no address.
func peer(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr().Unmap()
}

// hostname is the host of a Host header, without port, brackets and the dot of
// a fully qualified name.
func hostname(hostport string) string {
	host := hostport
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.TrimSuffix(host, ".")
}

// isLoopbackName knows localhost, what is below it (RFC 6761 §6.3), and loopback addresses.
func isLoopbackName(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// forwardingHeaders are what proxies add. Only their presence counts.
var forwardingHeaders = []string{
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via", "Cf-Connecting-Ip", "True-Client-Ip",
}

func forwarded(r *http.Request) bool {
	return slices.ContainsFunc(forwardingHeaders, func(name string) bool { return len(r.Header[name]) > 0 })
}
