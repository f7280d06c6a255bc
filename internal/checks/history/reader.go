package history

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"time"
)

// ErrDamaged is returned for bytes that no encoder of this package wrote.
var ErrDamaged = errors.New("the stored history is damaged here")

// Every blob starts with its format's number and a checksum of the rest.
const (
	format     = 1
	headerSize = 5
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // made once by the library

// startBlob reserves the header; finishBlob, given the length of dst before it, fills it in.
func startBlob(dst []byte) []byte { return append(dst, format, 0, 0, 0, 0) }

func finishBlob(dst []byte, start int) []byte {
	sum := crc32.Checksum(dst[start+headerSize:], castagnoli())
	binary.LittleEndian.PutUint32(dst[start+1:], sum)
	return dst
}

// openBlob checks the header and returns a reader of the rest.
func openBlob(data []byte) (reader, error) {
	if len(data) < headerSize || data[0] != format {
		return reader{}, ErrDamaged
	}
	rest := data[headerSize:]
	if crc32.Checksum(rest, castagnoli()) != binary.LittleEndian.Uint32(data[1:]) {
		return reader{}, ErrDamaged
	}
	return reader{data: rest}, nil
}

// reader takes values off the front of data. After the first value that is not
// there it returns zeros and failed stays true, so callers check it once.
type reader struct {
	data   []byte
	failed bool
}

func (r *reader) fail() {
	r.failed = true
	r.data = nil
}

func (r *reader) err() error {
	if r.failed {
		return ErrDamaged
	}
	return nil
}

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		r.fail()
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) varint() int64 { return unzigzag(r.uvarint()) }

// count reads a number that must not exceed most.
func (r *reader) count(most int) int {
	v := r.uvarint()
	if v > uint64(most) { // #nosec G115 -- most is a limit of this package or a length
		r.fail()
		return 0
	}
	return int(v) // #nosec G115 -- at most `most`
}

func (r *reader) uint32() uint32 {
	v := r.uvarint()
	if v > math.MaxUint32 {
		r.fail()
		return 0
	}
	return uint32(v) // #nosec G115 -- it fits
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.data) {
		r.fail()
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) text() string { return string(r.bytes(r.count(len(r.data)))) }

func (r *reader) micros() time.Duration {
	v := r.uvarint()
	if v > maxMicros {
		r.fail()
		return 0
	}
	return fromMicros(v)
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

const maxMicros = math.MaxInt64 / uint64(time.Microsecond)

// toMicros drops what is finer than a microsecond. A negative duration, which a
// monotonic clock never gives, counts as none.
func toMicros(d time.Duration) uint64 {
	return uint64(max(d, 0) / time.Microsecond) // #nosec G115 -- not negative
}

func fromMicros(v uint64) time.Duration {
	return time.Duration(v) * time.Microsecond // #nosec G115 -- callers hold it to maxMicros
}

// Zigzag maps small negative numbers to small positive ones.
func zigzag(v int64) uint64   { return uint64(v)<<1 ^ uint64(v>>63) } // #nosec G115 -- bits, not amounts
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }    // #nosec G115 -- bits, not amounts
