package probe

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"lapwing.dev/lapwing/internal/units"
)

// errTooLarge ends a compressed body that is larger than max_body.
var errTooLarge = errors.New("body too large")

// bodyReader has the buffers to read one body; they are reused.
type bodyReader struct {
	buf     [8 << 10]byte
	wire    counter
	inflate *gzip.Reader
	ahead   *bufio.Reader // what inflate reads through
}

func newBodyReader() *bodyReader { return &bodyReader{} }

// counter counts what comes over the wire, and stops at the limit: members of
// a gzip stream that decode to nothing could otherwise go on for ever.
type counter struct {
	a     *attempt
	r     io.Reader
	limit int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.a.received += int64(n)
	if c.a.received > c.limit {
		return n, errTooLarge
	}
	return n, err
}

// readBody reads a body to its end, counts it, and keeps as much of it as the
// input asks for. A gzip body is decoded; the limit holds for the decoded size,
// chunk by chunk, so a bomb is defused before it unfolds.
func (a *attempt) readBody(body io.Reader, length int64, header http.Header) error {
	a.stage, a.received, a.expected = stageBody, 0, length
	r := a.http.bodies.Get().(*bodyReader)
	r.wire = counter{a, body, a.probe.maxBody}
	defer func() {
		r.wire = counter{}
		a.http.bodies.Put(r)
	}()
	var source io.Reader = &r.wire
	if a.probe.decompress && isGzip(header) && length != 0 {
		decoder, err := r.gunzip()
		if errors.Is(err, io.EOF) && a.received == 0 {
			return nil // an answer to HEAD, a 304: no body, so nothing to decode
		}
		if err != nil {
			return a.gzipFailed(err)
		}
		source = decoder
	}
	keep := int64(EvidenceSize)
	if a.in.Body == KeepAll {
		keep = a.probe.maxBody
	}
	a.resp.Body, a.resp.Size = nil, 0
	for {
		n, err := source.Read(r.buf[:])
		if n > 0 {
			a.keep(r.buf[:n], keep, length)
		}
		switch {
		case a.resp.Size > a.probe.maxBody, errors.Is(err, errTooLarge):
			return failure(ClassBody, nil, "answer larger than %s (max_body)", units.Size(a.probe.maxBody))
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		case source != &r.wire:
			return a.gzipFailed(err)
		default:
			return a.bodyFailed(err)
		}
	}
}

// keep counts a piece of the body and keeps what is still wanted of it.
func (a *attempt) keep(piece []byte, most, length int64) {
	a.resp.Size += int64(len(piece))
	want := min(most-int64(len(a.resp.Body)), int64(len(piece)))
	if want <= 0 {
		return
	}
	if a.resp.Body == nil {
		// What the server announces is believed up to a size that costs nothing.
		const trusted = 64 << 10
		a.resp.Body = slices.Grow([]byte(nil), int(max(want, min(length, most, trusted))))
	}
	a.resp.Body = append(a.resp.Body, piece[:want]...)
}

func isGzip(header http.Header) bool {
	switch strings.ToLower(header.Get("Content-Encoding")) {
	case "gzip", "x-gzip":
		return true
	}
	return false
}

// gunzip returns a reader of the decoded body.
func (r *bodyReader) gunzip() (io.Reader, error) {
	if r.inflate == nil {
		r.inflate, r.ahead = new(gzip.Reader), bufio.NewReader(nil)
	}
	r.ahead.Reset(&r.wire)
	if err := r.inflate.Reset(r.ahead); err != nil {
		return nil, err
	}
	return r.inflate, nil
}

// gzipFailed explains a body that cannot be decoded, unless it is the
// connection that failed.
func (a *attempt) gzipFailed(err error) error {
	switch {
	case errors.Is(err, errTooLarge):
		return failure(ClassBody, nil, "answer larger than %s (max_body)", units.Size(a.probe.maxBody))
	case a.ended() != nil, isReset(err):
		return a.bodyFailed(err)
	case isEOF(err):
		return failure(ClassBody, err, "the gzip body is cut short after %d bytes", a.received)
	default:
		return failure(ClassBody, err, "the body is not the gzip that Content-Encoding says: %s", rootText(err))
	}
}

func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
