package middleware

import (
	"bytes"
	"compress/gzip"

	"lapwing.dev/lapwing/middleware/observe"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

const (
	batchCount = 1000      // exchanges
	batchBytes = 512 << 10 // before compression; one line may be over it
)

// batch is one piece of work for the server: exchanges as lines of JSON,
// compressed. Its memory is used again.
type batch struct {
	id    string // the same each time that it is sent
	count int
	line  []byte
	body  bytes.Buffer
	gzip  *gzip.Writer
}

// fill takes exchanges out of the ring; it reports false when there are none.
func (b *batch) fill(from *ring) bool {
	b.reset()
	var e observe.Exchange
	for raw := 0; b.count < batchCount && raw < batchBytes && from.pop(&e); b.count++ {
		if b.count == 0 {
			b.begin()
		}
		b.line = append(observe.AppendJSON(b.line[:0], &e), '\n')
		raw += len(b.line)
		_, _ = b.gzip.Write(b.line) //nolint:errcheck // into memory
	}
	if b.count == 0 {
		return false
	}
	_ = b.gzip.Close() //nolint:errcheck // into memory
	b.id = tracecontext.NewRequestID()
	return true
}

func (b *batch) begin() {
	if b.gzip == nil {
		b.gzip, _ = gzip.NewWriterLevel(&b.body, gzip.BestSpeed) //nolint:errcheck // the level exists
		return
	}
	b.gzip.Reset(&b.body)
}

func (b *batch) reset() {
	b.count = 0
	b.body.Reset()
}
