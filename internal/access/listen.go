package access

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// CheckListen refuses to listen beyond loopback when nobody could log in:
// hasCredential says whether a password or a token exists. An address that
// names no host, such as ":7480", is every interface.
func CheckListen(addr string, hasCredential bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen address %q: want host:port, such as 127.0.0.1:7480", addr)
	}
	if hasCredential || listensOnLoopback(host) {
		return nil
	}
	return fmt.Errorf("refusing to listen on %s: anybody on the network could come in, as there is no password and no token; "+
		"run `lapwing admin set-password` or `lapwing token create` first, or listen on 127.0.0.1", addr)
}

// listensOnLoopback does not resolve names: what a name means may change
// between this check and the bind. localhost is loopback by RFC 6761.
func listensOnLoopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}
