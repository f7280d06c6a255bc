package history

import (
	"encoding/binary"
	"math/bits"
)

// A column is a list of numbers whose length is known from elsewhere, in
// whichever of these forms is shortest:
//
//	constant  uvarint value
//	runs      (uvarint value, uvarint repetitions)…
//	packed    uvarint smallest, byte width, uvarint number of outliers,
//	          (uvarint index minus the outlier before, uvarint bits above width)…,
//	          then width bits of value−smallest for each, least significant first
//
// Packing cuts off the few values (a timeout among answers) that would widen all others.
const (
	constantColumn = 0
	runsColumn     = 1
	packedColumn   = 2
)

func appendColumn(dst []byte, values []uint64) []byte {
	if len(values) == 0 {
		return dst
	}
	start := len(dst)
	repeats := countRuns(values)
	if repeats == 1 {
		return binary.AppendUvarint(append(dst, constantColumn), values[0])
	}
	dst = appendPacked(append(dst, packedColumn), values)
	// A run takes two bytes at least, so only few runs can be shorter.
	if packed := len(dst) - start; 2*repeats < packed {
		asRuns := appendRuns(append(dst, runsColumn), values)
		if len(asRuns)-len(dst) < packed {
			return append(dst[:start], asRuns[len(dst):]...)
		}
	}
	return dst
}

func countRuns(values []uint64) int {
	n := 1
	for i := 1; i < len(values); i++ {
		if values[i] != values[i-1] {
			n++
		}
	}
	return n
}

func appendRuns(dst []byte, values []uint64) []byte {
	for i := 0; i < len(values); {
		end := i + 1
		for end < len(values) && values[end] == values[i] {
			end++
		}
		dst = binary.AppendUvarint(dst, values[i])
		dst = binary.AppendUvarint(dst, uint64(end-i)) // #nosec G115 -- positive
		i = end
	}
	return dst
}

func appendPacked(dst []byte, values []uint64) []byte {
	smallest := values[0]
	for _, v := range values {
		smallest = min(smallest, v)
	}
	width, outliers := bestWidth(values, smallest)
	dst = binary.AppendUvarint(dst, smallest)
	dst = append(dst, byte(width))                    // #nosec G115 -- at most 64
	dst = binary.AppendUvarint(dst, uint64(outliers)) // #nosec G115 -- a count
	before := 0
	for i, v := range values {
		if high := (v - smallest) >> width; high != 0 {
			dst = binary.AppendUvarint(dst, uint64(i-before)) // #nosec G115 -- ascending
			dst = binary.AppendUvarint(dst, high)
			before = i
		}
	}
	return appendBits(dst, values, smallest, width)
}

// bestWidth weighs the bits of all values against the bytes of the outliers.
func bestWidth(values []uint64, smallest uint64) (width uint, outliers int) {
	var byLength [65]int
	for _, v := range values {
		byLength[bits.Len64(v-smallest)]++
	}
	longest := 64
	for longest > 0 && byLength[longest] == 0 {
		longest--
	}
	best := len(values) * longest
	width = uint(longest) // #nosec G115 -- 0 to 64
	above := 0
	for w := longest - 1; w >= 0; w-- {
		above += byLength[w+1]
		each := 8 + 8*((longest-w+6)/7) // its index and its upper bits
		if cost := len(values)*w + above*each; cost < best {
			best, width, outliers = cost, uint(w), above // #nosec G115 -- 0 to 64
		}
	}
	return width, outliers
}

func appendBits(dst []byte, values []uint64, smallest uint64, width uint) []byte {
	mask := uint64(1)<<width - 1 // all ones for 64
	var word uint64
	var used uint
	for _, v := range values {
		low := (v - smallest) & mask
		word |= low << used
		used += width
		if used >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, word)
			used -= 64
			word = low >> (width - used)
		}
	}
	for ; used > 0; used -= min(used, 8) {
		dst = append(dst, byte(word)) // #nosec G115 -- the lowest byte is meant
		word >>= 8
	}
	return dst
}

// column reads len(values) numbers.
func (r *reader) column(values []uint64) {
	if len(values) == 0 {
		return
	}
	switch r.byte() {
	case constantColumn:
		v := r.uvarint()
		for i := range values {
			values[i] = v
		}
	case runsColumn:
		for i := 0; i < len(values); {
			v, n := r.uvarint(), r.count(len(values)-i)
			if n == 0 {
				r.fail()
				return
			}
			for end := i + n; i < end; i++ {
				values[i] = v
			}
		}
	case packedColumn:
		r.packed(values)
	default:
		r.fail()
	}
}

func (r *reader) packed(values []uint64) {
	smallest := r.uvarint()
	width := uint(r.byte())
	outliers := r.count(len(values))
	if width > 64 {
		r.fail()
		return
	}
	clear(values)
	at := 0
	for range outliers {
		at += r.count(len(values) - 1 - at)
		values[at] = r.uvarint() << width
	}
	packed := r.bytes((len(values)*int(width) + 7) / 8) // #nosec G115 -- at most 64
	if r.failed {
		return
	}
	for i := range values {
		values[i] = (values[i] | bitsAt(packed, uint(i)*width, width)) + smallest // #nosec G115 -- an index
	}
}

// bitsAt returns width bits of packed from the given one on.
func bitsAt(packed []byte, from, width uint) uint64 {
	first, shift := from/8, from%8
	var word uint64
	rest := packed[first:]
	if len(rest) >= 8 {
		word = binary.LittleEndian.Uint64(rest)
	} else {
		for i, b := range rest {
			word |= uint64(b) << (8 * i)
		}
	}
	word >>= shift
	if shift+width > 64 { // they reach into a ninth byte
		word |= uint64(rest[8]) << (64 - shift)
	}
	return word & (uint64(1)<<width - 1)
}
