package slo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// codecVersion is the first byte of encoded counts.
const codecVersion = 1

// The most that counts can hold, so that what is read from a disk cannot ask for
// more memory than it is worth.
const maxBad = 1000

// AppendBinary appends the counts without their names to dst. A busy operation
// takes some hundred bytes, an idle one ten: zeros of the histogram are counted,
// not written.
//
//	version, requests, errors, 6 × status,
//	pairs of histogram, each: zeros before, count
//	bad, each: latency, requests
//
// All numbers are varints.
func (c *Counts) AppendBinary(dst []byte) ([]byte, error) {
	dst = append(dst, codecVersion)
	dst = binary.AppendUvarint(dst, c.Requests)
	dst = binary.AppendUvarint(dst, c.Errors)
	for _, n := range c.Status {
		dst = binary.AppendUvarint(dst, n)
	}
	latency := c.Latency[:min(len(c.Latency), Buckets)]
	pairs := uint64(0)
	for _, n := range latency {
		if n != 0 {
			pairs++
		}
	}
	dst = binary.AppendUvarint(dst, pairs)
	zeros := uint64(0)
	for _, n := range latency {
		if n == 0 {
			zeros++
			continue
		}
		dst = binary.AppendUvarint(dst, zeros)
		dst = binary.AppendUvarint(dst, uint64(n))
		zeros = 0
	}
	bad := c.Bad[:min(len(c.Bad), maxBad)]
	dst = binary.AppendUvarint(dst, uint64(len(bad)))
	for _, b := range bad {
		if b.Latency < 0 {
			return nil, fmt.Errorf("a latency of %s cannot be stored", b.Latency)
		}
		dst = binary.AppendUvarint(dst, uint64(b.Latency)) // #nosec G115 -- not negative
		dst = binary.AppendUvarint(dst, b.Requests)
	}
	return dst, nil
}

var errCut = errors.New("counts end too early")

// UnmarshalBinary reads what AppendBinary wrote; names stay as they are. The data
// may be anything: the error says what is wrong with it, and c is then undefined.
func (c *Counts) UnmarshalBinary(data []byte) error {
	if len(data) == 0 {
		return errCut
	}
	if data[0] != codecVersion {
		return fmt.Errorf("counts of version %d; this program knows version %d", data[0], codecVersion)
	}
	r := reader{rest: data[1:]}
	c.Requests, c.Errors = r.next(), r.next()
	for i := range c.Status {
		c.Status[i] = r.next()
	}
	c.Latency, c.Bad = nil, nil
	if pairs := r.next(); pairs > Buckets {
		return fmt.Errorf("counts have %d buckets, more than the %d that there are", pairs, Buckets)
	} else if err := r.latency(c, pairs); err != nil {
		return err
	}
	bad := r.next()
	if bad > maxBad {
		return fmt.Errorf("counts have %d latencies, more than %d", bad, maxBad)
	}
	for range bad {
		latency := r.next()
		if latency > math.MaxInt64 {
			return errors.New("counts have a latency that no duration can be")
		}
		c.Bad = append(c.Bad, Bad{time.Duration(latency), r.next()})
		if r.failed {
			break
		}
	}
	switch {
	case r.failed:
		return errCut
	case len(r.rest) > 0:
		return fmt.Errorf("%d bytes follow the counts", len(r.rest))
	}
	return nil
}

// reader takes numbers off some bytes. After a failure it returns zeros.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) next() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) latency(c *Counts, pairs uint64) error {
	at := uint64(0)
	for range pairs {
		zeros, n := r.next(), r.next()
		switch {
		case r.failed:
			return errCut
		case n == 0 || n > math.MaxUint32:
			return fmt.Errorf("a bucket cannot count %d", n)
		case zeros >= Buckets || at+zeros >= Buckets:
			return errors.New("counts have a bucket beyond the last one")
		}
		at += zeros
		c.Latency = append(c.Latency, make([]uint32, int(at)+1-len(c.Latency))...) // #nosec G115 -- below Buckets
		c.Latency[at] = uint32(n)                                                  // #nosec G115 -- bounded above
		at++
	}
	return nil
}
