package block

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
)

// index finds the prefixes that hold an address: one hash table for each family,
// in which every prefix stands under its length and bits, and which is asked
// once for each length that occurs. Lists of addresses have few lengths, so this
// is one or two cache lines where a trie would walk. The hash is keyed: whoever
// chooses addresses cannot choose collisions.
type index struct{ v4, v6 table }

// table is open addressing with linear probing, at most half full. Two bytes of
// the hash stand apart from the slots: nearly every search that finds nothing
// ends in them, and they fit a processor's cache when the slots do not.
type table struct {
	lengths []int    // that occur, longest first
	tags    []uint16 // of the slots; 0 is an empty one
	slots   []slot
	mask    uint64
	key     [2]uint64
}

type slot struct {
	hi, lo uint64 // the prefix's bits
	length int32
	entry  int32
}

// found is the best that was found.
type found struct {
	entry int32
	rank  rank
}

// newIndex indexes the valid ones of prefixes, by their places.
func newIndex(prefixes []netip.Prefix) index {
	var x index
	count4, count6 := 0, 0
	for _, p := range prefixes {
		switch {
		case !p.IsValid():
		case p.Addr().Is4():
			count4++
		default:
			count6++
		}
	}
	x.v4.grow(count4)
	x.v6.grow(count6)
	for i, p := range prefixes {
		if !p.IsValid() {
			continue
		}
		t := &x.v6
		if p.Addr().Is4() {
			t = &x.v4
		}
		t.add(p, int32(i))
	}
	return x
}

func (t *table) grow(n int) {
	if n == 0 {
		return
	}
	size := uint64(1) << bits.Len(uint(2*n-1))
	t.tags, t.slots, t.mask = make([]uint16, size), make([]slot, size), size-1
	t.key = [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1} //nolint:gosec // math/rand/v2 is seeded by the system and not predictable from outside
}

func (t *table) add(p netip.Prefix, entry int32) {
	if !slices.Contains(t.lengths, p.Bits()) {
		t.lengths = append(t.lengths, p.Bits())
		slices.SortFunc(t.lengths, func(a, b int) int { return b - a })
	}
	hi, lo := words(p.Masked().Addr())
	i, tag := t.hash(hi, lo, p.Bits())
	for t.tags[i&t.mask] != 0 {
		i++
	}
	t.tags[i&t.mask], t.slots[i&t.mask] = tag, slot{hi, lo, int32(p.Bits()), entry} //nolint:gosec // at most 128
}

// find returns the entry of the highest rank among those that hold addr.
func (x *index) find(addr netip.Addr, rankOf func(entry int32) rank) found {
	t, width := &x.v6, 128
	if addr.Is4() {
		t, width = &x.v4, 32
	}
	var best found
	if len(t.lengths) == 0 || !addr.IsValid() {
		return best
	}
	hi, lo := words(addr)
	for _, length := range t.lengths {
		mhi, mlo := masked(hi, lo, width, length)
		for i, tag := t.hash(mhi, mlo, length); t.tags[i&t.mask] != 0; i++ {
			if t.tags[i&t.mask] != tag {
				continue
			}
			s := &t.slots[i&t.mask]
			if s.hi != mhi || s.lo != mlo || int(s.length) != length {
				continue
			}
			if r := rankOf(s.entry); r > best.rank {
				best = found{s.entry, r}
				if r == enforced {
					return best
				}
			}
		}
	}
	return best
}

func (t *table) hash(hi, lo uint64, length int) (place uint64, tag uint16) {
	a, b := bits.Mul64(hi^t.key[0]^uint64(length), t.key[1]) //nolint:gosec // 0 to 128
	c, d := bits.Mul64(lo^a^b, t.key[0])
	h := c ^ d
	return h, uint16(h>>48) | 1
}

// words are an address's bits: an IPv4 address is in the low half.
func words(addr netip.Addr) (hi, lo uint64) {
	if addr.Is4() {
		b := addr.As4()
		return 0, uint64(binary.BigEndian.Uint32(b[:]))
	}
	b := addr.As16()
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
}

// masked clears the bits behind a prefix's length.
func masked(hi, lo uint64, width, length int) (uint64, uint64) {
	switch behind := width - length; {
	case behind >= 64:
		return hi >> (behind - 64) << (behind - 64), 0
	default:
		return hi, lo >> behind << behind
	}
}
