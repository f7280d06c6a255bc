package limit

import (
	"crypto/rand"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

// hasher makes 64-bit keyed hashes. Without a secret it is hash/maphash, which
// is fastest; with one it is SipHash-1-3, whose hashes are the same wherever
// the secret is.
type hasher struct {
	seed   maphash.Seed
	k0, k1 uint64
	sip    bool
	mixKey uint64
}

func newHasher(secret [16]byte) hasher {
	h := hasher{seed: maphash.MakeSeed(), sip: secret != [16]byte{}}
	if !h.sip {
		_, _ = rand.Read(secret[:]) // never fails, see its documentation
	}
	h.k0, h.k1 = binary.LittleEndian.Uint64(secret[:8]), binary.LittleEndian.Uint64(secret[8:])
	h.mixKey = sipHash(h.k0, h.k1, "mix") | 1
	return h
}

// text is the hash of a text.
func (h *hasher) text(s string) uint64 {
	if h.sip {
		return sipHash(h.k0, h.k1, s)
	}
	return maphash.String(h.seed, s)
}

// words is the hash of two words.
func (h *hasher) words(a, b uint64) uint64 {
	var buf [16]byte
	binary.LittleEndian.PutUint64(buf[:8], a)
	binary.LittleEndian.PutUint64(buf[8:], b)
	if h.sip {
		return sipHash(h.k0, h.k1, buf[:])
	}
	return maphash.Bytes(h.seed, buf[:])
}

// join makes one hash of two. Neither of them is known outside, nor is mixKey.
func (h *hasher) join(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^h.mixKey, b^bits.RotateLeft64(h.mixKey, 32))
	return hi ^ lo ^ a
}

// public is a hash of a hash that may be shown.
func (h *hasher) public(a uint64) uint64 {
	var buf [8]byte
	binary.LittleEndian.PutUint64(buf[:], a)
	return sipHash(h.k1, h.k0, buf[:])
}

// sipHash is SipHash-1-3 (Aumasson and Bernstein, 2012), a keyed hash for short
// inputs that resists flooding; one and three rounds are what hash tables use.
func sipHash[T string | []byte](k0, k1 uint64, p T) uint64 {
	v0, v1 := k0^0x736f6d6570736575, k1^0x646f72616e646f6d
	v2, v3 := k0^0x6c7967656e657261, k1^0x7465646279746573
	last := uint64(len(p)) << 56
	for len(p) >= 8 {
		m := uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
			uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56
		v3 ^= m
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= m
		p = p[8:]
	}
	for i := range len(p) {
		last |= uint64(p[i]) << (8 * i)
	}
	v3 ^= last
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0 ^= last
	v2 ^= 0xff
	for range 3 {
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	}
	return v0 ^ v1 ^ v2 ^ v3
}

func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v0 = bits.RotateLeft64(v0, 32)
	v2 += v3
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 += v3
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}
