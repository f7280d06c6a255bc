package limit

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// identify is the hash of who is counted. Parts that a request lacks become its
// address, so that leaving a header out does not free from a limit.
func (h *hasher) identify(seed uint64, parts []KeyPart, q *Request) uint64 {
	key := seed
	for i := range parts {
		key = h.join(key, h.part(&parts[i], q))
	}
	if key == 0 {
		return 1 // 0 is no key in the table
	}
	return key
}

func (h *hasher) part(k *KeyPart, q *Request) uint64 {
	if k.kind == partAddress {
		return h.address(q.Client, int(k.v4), int(k.v6))
	}
	text := k.text(q)
	if text == "" {
		return h.address(q.Client, DefaultIPv4Prefix, DefaultIPv6Prefix)
	}
	return h.join(h.text(text), uint64(k.kind))
}

// text is what a part that is not an address has in a request; "" when nothing.
func (k *KeyPart) text(q *Request) string {
	var from Values
	switch k.kind {
	case partHeader:
		from = q.Headers
	case partClaim:
		from = q.Token
	case partCookie:
		from = q.Cookies
	case partAPIKey:
		return q.APIKey
	case partOperation:
		return q.Operation
	case partMethod:
		return q.Method
	case partAPI:
		return q.API
	}
	if from == nil {
		return ""
	}
	return from.Get(k.name)
}

// address is the hash of the network that an address is in.
func (h *hasher) address(a netip.Addr, v4, v6 int) uint64 {
	b := a.As16()
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	switch {
	case !a.IsValid():
		return h.words(1, 0)
	case a.Is4() || a.Is4In6():
		return h.words(0, lo&^(1<<(32-v4)-1))
	case v6 <= 64:
		return h.words(hi&^(1<<(64-v6)-1), 2)
	}
	return h.words(hi, lo&^(1<<(128-v6)-1))
}

// maxLabel is how much of who waits is kept for people to read.
const maxLabel = 64

// appendLabel writes who is counted so that people know him, and never a
// credential: of headers and cookies there is only a hash.
func (h *hasher) appendLabel(to []byte, parts []KeyPart, q *Request) []byte {
	for i := range parts {
		if i > 0 {
			to = append(to, ' ')
		}
		k := &parts[i]
		text := k.text(q)
		shown := text[:min(len(text), maxLabel)]
		switch {
		case k.kind == partAddress:
			to = appendNetwork(to, q.Client, int(k.v4), int(k.v6))
		case text == "":
			to = appendNetwork(to, q.Client, DefaultIPv4Prefix, DefaultIPv6Prefix)
		case k.kind == partHeader || k.kind == partCookie:
			to = append(to, k.name...)
			to = append(to, '#')
			to = strconv.AppendUint(to, h.public(h.text(text))>>32, 16)
		case k.kind == partAPIKey:
			to = append(append(to, "key:"...), shown...)
		case k.kind == partClaim:
			to = append(append(append(to, k.name...), ':'), shown...)
		default:
			to = append(to, shown...)
		}
		if len(to) >= maxLabel {
			return to[:maxLabel]
		}
	}
	return to
}

func appendNetwork(to []byte, a netip.Addr, v4, v6 int) []byte {
	if !a.IsValid() {
		return append(to, "unknown"...)
	}
	a = a.Unmap().WithZone("")
	length := v6
	if a.Is4() {
		length = v4
	}
	if length == a.BitLen() {
		return a.AppendTo(to)
	}
	p, err := a.Prefix(length)
	if err != nil {
		return append(to, "unknown"...)
	}
	return p.AppendTo(to)
}
