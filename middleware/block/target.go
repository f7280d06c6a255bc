package block

import "net/netip"

// Target is whom a block hits: an address, a prefix, or a key. The zero value
// hits nobody.
type Target struct {
	Prefix netip.Prefix // of an address: /32 or /128; invalid for a key
	Key    string       // as in Exchange.ClientKey: "key:mobile-app", "sub:4711"; "" for a prefix
}
