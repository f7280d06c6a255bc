package upstream

import (
	"net/http"
	"net/netip"
	"strings"
)

// isForwarding reports fields by which proxies tell of the client. They are
// never copied: writeForwarded writes those that may be believed.
func isForwarding(name string) bool {
	switch name {
	case "Forwarded", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip",
		"Fastly-Client-Ip", "X-Envoy-External-Address", "X-Original-Forwarded-For":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-")
}

// writeForwarded tells the server who asks (RFC 7239 and the older X-Forwarded-*
// fields). From a trusted proxy both chains are continued, each with what it
// has; one that the proxy does not use begins with the client. From anybody else
// they begin anew, since what a client says of itself proves nothing.
func writeForwarded(dst fieldWriter, r *http.Request, out *Outbound) {
	peer := out.Peer
	if !peer.IsValid() {
		if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			peer = ap.Addr()
		}
	}
	peer = peer.Unmap().WithZone("")
	client := out.Client.Unmap().WithZone("")
	if !client.IsValid() {
		client = peer
	}
	scheme, host := out.Scheme, out.Host
	if scheme == "" {
		scheme = "http"
		if r.TLS != nil {
			scheme = "https"
		}
	}
	if host == "" {
		host = r.Host
	}
	if !out.TrustForwarded {
		if peer.IsValid() {
			dst.add("X-Forwarded-For", peer.String())
		}
		dst.add("X-Forwarded-Host", clean(host))
		dst.add("X-Forwarded-Proto", clean(scheme))
		dst.add("Forwarded", element(peer, host, scheme))
		return
	}

	for name, values := range r.Header {
		if isForwarding(name) && name != "X-Forwarded-For" && name != "Forwarded" {
			for _, v := range values {
				dst.add(name, v)
			}
		}
	}
	if len(r.Header["X-Forwarded-Host"]) == 0 {
		dst.add("X-Forwarded-Host", clean(host))
	}
	if len(r.Header["X-Forwarded-Proto"]) == 0 {
		dst.add("X-Forwarded-Proto", clean(scheme))
	}
	dst.add("X-Forwarded-For", chain(r.Header["X-Forwarded-For"], client, peer, peer.String()))
	dst.add("Forwarded", chain(r.Header["Forwarded"], client, peer, element(peer, host, scheme)))
}

// chain appends the last hop to what came in. When nothing did although the
// peer is a proxy, the client is told first.
func chain(before []string, client, peer netip.Addr, last string) string {
	if len(before) > 0 {
		return strings.Join(before, ", ") + ", " + last
	}
	if client == peer {
		return last
	}
	if strings.HasPrefix(last, "for=") {
		return "for=" + node(client) + ", " + last
	}
	return client.String() + ", " + last
}

// element is one hop in Forwarded.
func element(peer netip.Addr, host, scheme string) string {
	return "for=" + node(peer) + ";host=" + quoted(clean(host)) + ";proto=" + scheme
}

// node writes an address as RFC 7239 §6 wants it.
func node(addr netip.Addr) string {
	switch {
	case !addr.IsValid():
		return "unknown"
	case addr.Is6():
		return `"[` + addr.String() + `]"`
	default:
		return addr.String()
	}
}

// quoted puts what is no token into quotes (RFC 9110 §5.6.4).
func quoted(s string) string {
	token := s != ""
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			token = false
		}
	}
	if token {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
