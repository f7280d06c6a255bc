package middleware

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"

	"lapwing.dev/lapwing/middleware/clientip"
	"lapwing.dev/lapwing/middleware/observe"
)

// numKeys is how many clients' keys are remembered as text.
const numKeys = 1024

// clientKeys turns addresses into the texts under which they are counted. The
// busy ones are remembered; two that fall on the same place write over each
// other, so it is never more than this.
type clientKeys struct {
	seed  maphash.Seed
	table [numKeys]atomic.Pointer[clientKeyText]
}

type clientKeyText struct {
	prefix netip.Prefix
	text   string
}

func (k *clientKeys) init() { k.seed = maphash.MakeSeed() }

// of returns "203.0.113.7" or "2001:db8::/64"; "" for an invalid address.
func (k *clientKeys) of(addr netip.Addr) string {
	prefix := clientip.Key(addr)
	if !prefix.IsValid() {
		return ""
	}
	place := &k.table[maphash.Comparable(k.seed, prefix)%numKeys]
	if known := place.Load(); known != nil && known.prefix == prefix {
		return known.text
	}
	text := prefix.String()
	if prefix.IsSingleIP() {
		text = prefix.Addr().String()
	}
	place.Store(&clientKeyText{prefix, text})
	return text
}

// clientKey is who is counted.
func (m *Middleware) clientKey(e *observe.Exchange, id *Identity) string {
	if key := id.key(); key != "" {
		return key
	}
	return m.keys.of(e.Client)
}

// key is the key of an identity, and "" of nobody.
func (id *Identity) key() string {
	switch {
	case id.Key != "":
	case id.APIKey != "":
		id.Key = "key:" + id.APIKey
	case id.User != "":
		id.Key = "sub:" + id.User
	}
	return id.Key
}
