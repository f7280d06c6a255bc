package access

import (
	"net/netip"
	"strconv"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

// Config is the `access:` section: who may use the web interface and the API.
type Config struct {
	// PasswordFile holds the password of the user `admin`; it replaces one set by `lapwing admin set-password`.
	PasswordFile string `yaml:"password_file"`
	// Hosts under which the web interface may be reached without a password, besides loopback names. Example: [monitor.internal]
	Hosts []string `yaml:"hosts"`
	// SecureCookies marks session cookies Secure; for HTTPS in front of Lapwing.
	SecureCookies bool `yaml:"secure_cookies"`
}

// Validate reports what is wrong in the section without reading any file.
func (c *Config) Validate() fault.Problems {
	var problems fault.Problems
	for i, host := range c.Hosts {
		if hint := hostHint(host); hint != "" {
			problems.Add(index("hosts", i), hint, "%q is not a host name", host)
		}
	}
	return problems
}

// hostHint says what would be right instead of host; "" when host is a name or
// an address, alone.
func hostHint(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	switch {
	case host == "":
		return "write a name such as monitor.internal"
	case strings.Contains(host, "*"):
		return "write each name out; patterns are not allowed here"
	case strings.Contains(host, "://"):
		return "write the name alone, without the scheme"
	case strings.ContainsAny(host, ":"):
		return "write the name alone, without the port"
	case len(host) > 253 || strings.ContainsFunc(host, notInHost):
		return "write a name such as monitor.internal"
	}
	return ""
}

// notInHost allows what DNS names hold in practice, underscores included.
func notInHost(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '.', r == '_':
		return false
	}
	return true
}

// index is the path of a list's element.
func index(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }
