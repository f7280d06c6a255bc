package upstream

import (
	"bytes"
	"errors"
	"net/http"
	"net/textproto"
)

// maxChunkLine bounds the line before a chunk, with its extensions.
const maxChunkLine = 4 << 10

// passChunks sends a chunked body on (RFC 9112 §7.1), without the chunks, which
// our server makes again. Here only CRLF ends a line: readers that disagree on
// where a chunk begins disagree on where the answer ends.
func (x *exchange) passChunks() error {
	for {
		line, err := x.line(maxChunkLine)
		if err != nil {
			return err
		}
		size, ok := parseChunkSize(line)
		if !ok {
			return protocolError("a chunk without a size")
		}
		if size == 0 {
			break
		}
		if err := x.pass(size); err != nil {
			return unexpected(err)
		}
		if line, err = x.line(2); err != nil {
			return err
		}
		if len(line) > 0 {
			return protocolError("a chunk that is longer than its size")
		}
	}
	if err := x.readTrailers(); err != nil {
		return err
	}
	x.clean = true
	return x.passTrailers()
}

// unexpected is the end of the connection where no length was promised.
func unexpected(err error) error {
	if errors.Is(err, errShort) {
		return errCut
	}
	return err
}

// line reads a line without its CRLF. With it, it has at most most bytes. It
// is good until the next read.
func (x *exchange) line(most int) ([]byte, error) {
	c := x.c
	for {
		b := c.buffered()
		if i := bytes.IndexByte(b, '\n'); i >= 0 && i < most {
			if i == 0 || b[i-1] != '\r' {
				return nil, protocolError("a line of a chunk that does not end with CRLF")
			}
			c.r += i + 1
			return b[:i-1], nil
		}
		if len(b) >= most {
			return nil, protocolError("a line of a chunk that is too long, or a chunk longer than its size")
		}
		c.room(connBuffer) // a line is shorter than the buffer
		if err := x.fill(); err != nil {
			return nil, unexpected(ended(err))
		}
	}
}

// parseChunkSize reads the size, and skips extensions: nobody uses them, and
// they are about one hop.
func parseChunkSize(line []byte) (size int64, ok bool) {
	i := 0
	for ; i < len(line); i++ {
		digit, isHex := hexDigit(line[i])
		if !isHex {
			break
		}
		if i == 15 {
			return 0, false
		}
		size = size<<4 | digit
	}
	if i == 0 {
		return 0, false
	}
	rest := bytes.TrimLeft(line[i:], " \t")
	if len(rest) > 0 && rest[0] != ';' {
		return 0, false
	}
	for _, c := range rest {
		if bytesOf[c]&valueByte == 0 {
			return 0, false
		}
	}
	return size, true
}

func hexDigit(c byte) (int64, bool) {
	switch {
	case '0' <= c && c <= '9':
		return int64(c - '0'), true
	case 'a' <= c && c <= 'f':
		return int64(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return int64(c-'A') + 10, true
	}
	return 0, false
}

// readTrailers reads the fields after a chunked body, and its end.
func (x *exchange) readTrailers() error {
	a := &x.answer
	for left := x.pool.cfg.MaxHeader; ; {
		line, err := x.line(min(left, connBuffer))
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return nil
		}
		if left -= len(line) + 2; left <= 0 {
			return protocolError("its trailers are too long")
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || len(name) == 0 {
			return protocolError("a trailer without a name")
		}
		if a.trailers, err = addField(a.trailers, string(name), string(value)); err != nil {
			return err
		}
	}
}

// announce tells the client of trailers to come, as the upstream did.
func (a *answer) announce(h http.Header) {
	if !a.chunked {
		return
	}
	for i := range a.fields {
		if a.fields[i].Name == "Trailer" {
			h["Trailer"] = append(h["Trailer"], a.fields[i].Value)
		}
	}
}

func (a *answer) announced(name string) bool {
	for i := range a.fields {
		if a.fields[i].Name == "Trailer" && hasOption(a.fields[i].Value, name) {
			return true
		}
	}
	return false
}

// passTrailers sends them on. Fields about framing or routing cannot come so
// late (RFC 9110 §6.5.1).
func (x *exchange) passTrailers() error {
	a := &x.answer
	if len(a.trailers) == 0 {
		return nil
	}
	x.pending = true
	if err := x.flush(); err != nil { // a body with trailers is chunked, however short
		return err
	}
	h := x.w.Header()
	for _, f := range a.trailers {
		name := f.Name
		if isHop(name) || name == "Host" || textproto.CanonicalMIMEHeaderKey(name) != name {
			continue
		}
		if !a.announced(name) {
			name = http.TrailerPrefix + name
		} else if _, sent := x.sentField(name); sent {
			continue // it stood in the header already
		}
		h[name] = append(h[name], f.Value)
	}
	return nil
}

func (x *exchange) sentField(name string) (string, bool) {
	for i := range x.answer.fields {
		if x.answer.fields[i].Name == name {
			return x.answer.fields[i].Value, true
		}
	}
	return "", false
}
