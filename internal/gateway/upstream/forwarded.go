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
func writeForwarded(dst *fieldWriter, r *http.Request, out *Outbound) {
	hop := hopOf(r, out)
	var scratch [192]byte
	if !out.TrustForwarded {
		if hop.peer.IsValid() {
			dst.addBytes("X-Forwarded-For", hop.peer.AppendTo(scratch[:0]))
		}
		dst.add("X-Forwarded-Host", hop.host)
		dst.add("X-Forwarded-Proto", hop.scheme)
		dst.addBytes("Forwarded", hop.appendElement(scratch[:0]))
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
		dst.add("X-Forwarded-Host", hop.host)
	}
	if len(r.Header["X-Forwarded-Proto"]) == 0 {
		dst.add("X-Forwarded-Proto", hop.scheme)
	}

	chain := appendChain(scratch[:0], r.Header["X-Forwarded-For"])
	if len(chain) == 0 && hop.client != hop.peer {
		chain = append(hop.client.AppendTo(chain), ", "...)
	}
	dst.addBytes("X-Forwarded-For", hop.appendPeer(chain))

	chain = appendChain(scratch[:0], r.Header["Forwarded"])
	if len(chain) == 0 && hop.client != hop.peer {
		chain = append(appendNode(append(chain, "for="...), hop.client), ", "...)
	}
	dst.addBytes("Forwarded", hop.appendElement(chain))
}

// appendChain begins a list with what came in.
func appendChain(dst []byte, before []string) []byte {
	for _, line := range before {
		dst = append(append(dst, line...), ", "...)
	}
	return dst
}

// hop is who talks to us and how.
type hop struct {
	peer, client netip.Addr
	scheme, host string
}

func hopOf(r *http.Request, out *Outbound) hop {
	h := hop{peer: out.Peer, client: out.Client, scheme: clean(out.Scheme), host: clean(out.Host)}
	if !h.peer.IsValid() {
		if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			h.peer = ap.Addr()
		}
	}
	h.peer = h.peer.Unmap().WithZone("")
	if h.client = h.client.Unmap().WithZone(""); !h.client.IsValid() {
		h.client = h.peer
	}
	if h.scheme == "" {
		h.scheme = "http"
		if r.TLS != nil {
			h.scheme = "https"
		}
	}
	if h.host == "" {
		h.host = clean(r.Host)
	}
	return h
}

func (h *hop) appendPeer(dst []byte) []byte {
	if !h.peer.IsValid() {
		return append(dst, "unknown"...)
	}
	return h.peer.AppendTo(dst)
}

// appendElement writes the hop as Forwarded wants it.
func (h *hop) appendElement(dst []byte) []byte {
	dst = appendNode(append(dst, "for="...), h.peer)
	dst = appendQuoted(append(dst, ";host="...), h.host)
	return append(append(dst, ";proto="...), h.scheme...)
}

// appendNode writes an address (RFC 7239 §6).
func appendNode(dst []byte, addr netip.Addr) []byte {
	switch {
	case !addr.IsValid():
		return append(dst, "unknown"...)
	case addr.Is6():
		return append(addr.AppendTo(append(dst, `"[`...)), `]"`...)
	default:
		return addr.AppendTo(dst)
	}
}

// appendQuoted puts what is no token into quotes (RFC 9110 §5.6.4).
func appendQuoted(dst []byte, s string) []byte {
	token := s != ""
	for i := range len(s) {
		token = token && isToken(s[i])
	}
	if token {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}
