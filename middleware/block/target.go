package block

import (
	"fmt"
	"net/netip"
	"strings"
)

// Target is whom a block hits: an address, a prefix, or a key. The zero value
// hits nobody. Targets can be compared with ==.
type Target struct {
	Prefix netip.Prefix // of an address: /32 or /128; invalid for a key
	Key    string       // as in observe.Exchange.ClientKey: "key:mobile-app", "sub:4711"; "" for a prefix
}

// maxKey bounds a key, in bytes.
const maxKey = 256

// ParseTarget reads "203.0.113.7", "10.0.0.0/8", "2001:db8::/64",
// "key:mobile-app" (the name of an API key) or "sub:4711" (the subject of a
// token). Bits behind a prefix's length, a zone, and IPv4 in the form of IPv6
// are errors or made canonical, so that one client has one target.
func ParseTarget(text string) (Target, error) {
	text = strings.TrimSpace(text)
	for _, kind := range []string{"key:", "sub:"} {
		rest, found := strings.CutPrefix(text, kind)
		switch {
		case !found:
		case rest == "":
			return Target{}, fmt.Errorf("%q names nobody; write %s and a name behind it", text, kind)
		case len(text) > maxKey || strings.ContainsFunc(rest, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return Target{}, fmt.Errorf("%.40q is no key; want at most %d bytes of one line", text, maxKey)
		default:
			return Target{Key: text}, nil
		}
	}
	if strings.Contains(text, "/") {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return Target{}, notATarget(text)
		}
		return Of(prefix)
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return Target{}, notATarget(text)
	}
	addr = addr.Unmap()
	return Target{Prefix: netip.PrefixFrom(addr, addr.BitLen())}, nil
}

func notATarget(text string) error {
	return fmt.Errorf("%.60q is no address, network or key; write 203.0.113.7, 10.0.0.0/8, key:NAME or sub:SUBJECT", text)
}

// Of is the target of a whole prefix. A prefix of everything is refused: nobody
// means that.
func Of(prefix netip.Prefix) (Target, error) {
	if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	switch {
	case !prefix.IsValid():
		return Target{}, fmt.Errorf("%s is no network", prefix)
	case prefix.Bits() == 0:
		return Target{}, fmt.Errorf("%s is everybody; write a longer prefix", prefix)
	case prefix.Masked() != prefix:
		return Target{}, fmt.Errorf("%s has bits behind its length; did you mean %s?", prefix, prefix.Masked())
	}
	return Target{Prefix: prefix}, nil
}

// IsZero reports whether the target hits nobody.
func (t Target) IsZero() bool { return t == Target{} }

// String is the text that ParseTarget reads back; an address without its length.
func (t Target) String() string {
	switch {
	case t.Key != "":
		return t.Key
	case t.Prefix.IsSingleIP():
		return t.Prefix.Addr().String()
	case t.Prefix.IsValid():
		return t.Prefix.String()
	}
	return ""
}

// MarshalText implements encoding.TextMarshaler.
func (t Target) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Target) UnmarshalText(text []byte) error {
	parsed, err := ParseTarget(string(text))
	if err == nil {
		*t = parsed
	}
	return err
}

// Hits reports whether a client is the target or in it.
func (t Target) Hits(addr netip.Addr, key string) bool {
	if t.Key != "" {
		return t.Key == key
	}
	return t.Prefix.IsValid() && t.Prefix.Contains(addr.Unmap())
}

// Overlaps reports whether some client could be hit by both.
func (t Target) Overlaps(other Target) bool {
	if t.Key != "" || other.Key != "" {
		return t == other
	}
	return t.Prefix.IsValid() && other.Prefix.IsValid() && t.Prefix.Overlaps(other.Prefix)
}
