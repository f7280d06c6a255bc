package upstream

import (
	"errors"
	"io"
	"net/http"
	"slices"
)

// passOn sends the answer to the client.
func (x *exchange) passOn() error {
	a := &x.answer
	hasBody := a.hasBody(x.method)
	if hasBody && a.length < 0 && !a.chunked {
		a.last = true // it ends when the connection does
	}
	x.commit()
	switch {
	case !hasBody:
		x.clean = true
		return nil
	case a.chunked:
		x.eager = true
		return x.passChunks()
	case a.length >= 0:
		x.eager = a.stream
		if err := x.pass(a.length); err != nil {
			return err
		}
		x.clean = true
		return nil
	default:
		x.eager = true
		return x.passAll()
	}
}

// commit hands the answer's header over.
func (x *exchange) commit() {
	a, h := &x.answer, x.w.Header()
	x.ours = x.ours[:0]
	for name := range h {
		x.ours = append(x.ours, name)
	}
	values := make([]string, len(a.fields)) // one allocation for all
	for i := range a.fields {
		f := &a.fields[i]
		if isAnswerHop(f.Name) || a.named && a.isNamed(f.Name) {
			continue
		}
		values[i] = f.Value
		one := values[i : i+1 : i+1]
		switch before, exists := h[f.Name]; {
		case !exists:
			h[f.Name] = one
		case slices.Contains(x.ours, f.Name):
			addAnswerField(h, f.Name, one)
		default:
			h[f.Name] = append(before, f.Value)
		}
	}
	a.announce(h)
	finishHeader(h)
	if x.pump != nil && !x.pump.sawEnd() {
		leaveBody(x.w, x.r, h)
	}
	if x.out.Answer != nil {
		x.out.Answer.Answering(a.status, h)
	}
	x.res.Committed, x.pending = true, true
	x.w.WriteHeader(a.status)
}

// leaveBody lets an answer begin although the client's body was not read to its
// end. Over HTTP/1 the connection cannot be used again then: nobody could tell
// where the next request begins.
func leaveBody(w http.ResponseWriter, r *http.Request, h http.Header) {
	if r.ProtoMajor != 1 {
		return
	}
	h["Connection"] = []string{"close"}
	_ = http.NewResponseController(w).EnableFullDuplex() //nolint:errcheck // without it the server reads the body first
}

// isAnswerHop is isHop for answers, whose length is the same for the next hop.
func isAnswerHop(name string) bool { return name != "Content-Length" && isHop(name) }

// pass sends n bytes of the body on.
func (x *exchange) pass(n int64) error {
	for n > 0 {
		b, err := x.next(n)
		if err != nil {
			return err
		}
		if err := x.write(b); err != nil {
			return err
		}
		n -= int64(len(b))
	}
	return nil
}

// passAll sends on what comes until the server closes the connection.
func (x *exchange) passAll() error {
	for {
		b, err := x.next(maxLength)
		switch {
		case errors.Is(err, errShort):
			x.clean = true
			return nil
		case err != nil:
			return err
		}
		if err := x.write(b); err != nil {
			return err
		}
	}
}

// next returns the next part of the body, of at most n bytes; it is good until
// the next call. A long body does not go through the connection's small buffer.
func (x *exchange) next(n int64) ([]byte, error) {
	c := x.c
	if c.r == c.w {
		c.r, c.w = 0, 0
		if n >= int64(len(c.buf)) {
			if x.big == nil {
				x.big = x.pool.registry.buffers.lend()
			}
			got, err := x.read((*x.big)[:min(n, bufferSize)])
			if got > 0 {
				return (*x.big)[:got], nil
			}
			return nil, ended(err)
		}
		if err := x.fill(); err != nil {
			return nil, ended(err)
		}
	}
	b := c.buffered()
	if int64(len(b)) > n {
		b = b[:n]
	}
	c.r += len(b)
	return b, nil
}

// ended names the end of the connection within a body.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return errShort
	}
	return err
}

func (x *exchange) write(b []byte) error {
	n, err := x.w.Write(b)
	x.res.ResponseBytes += int64(n)
	x.pending = true
	if err != nil {
		return &clientError{err}
	}
	return nil
}
