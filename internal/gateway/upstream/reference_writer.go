package upstream

import (
	"bufio"
	"maps"
	"net"
	"net/http"
	"sync/atomic"
)

// referenceWriter is what the reference path writes its answer to: it has a
// header of its own until the answer is committed, so that nothing is left of an
// attempt that failed.
type referenceWriter struct {
	http.ResponseWriter
	header    http.Header
	x         *reference
	committed bool
	hijacked  bool
	bytes     atomic.Int64 // of an upgraded connection, to the client
	sent      atomic.Int64 // and to the server
}

// Header implements http.ResponseWriter. Once committed, it is the client's:
// trailers are set in it.
func (w *referenceWriter) Header() http.Header {
	if w.committed {
		return w.ResponseWriter.Header()
	}
	return w.header
}

// WriteHeader implements http.ResponseWriter.
func (w *referenceWriter) WriteHeader(status int) {
	if w.committed {
		return
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		// The server says 100 by itself when the body is read, which the transport
		// does when the upstream has said it; twice would be once too often.
		if status != http.StatusContinue && w.x.r.ProtoAtLeast(1, 1) {
			inform(w.ResponseWriter, status, w.header)
		}
		return
	}
	w.committed = true
	h := w.ResponseWriter.Header()
	for name, values := range w.header {
		addAnswerField(h, name, values)
	}
	finishHeader(h)
	if b := w.x.body; b != nil && !b.ended.Load() {
		leaveBody(w.ResponseWriter, w.x.r, h)
	}
	if a := w.x.out.Answer; a != nil {
		a.Answering(status, h)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *referenceWriter) Write(b []byte) (int, error) {
	if !w.committed {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(b)
	w.x.res.ResponseBytes += int64(n)
	if err != nil {
		w.x.writeErr = err
	}
	return n, err
}

// FlushError is what http.ResponseController calls.
func (w *referenceWriter) FlushError() error {
	if !w.committed {
		w.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is what http.ResponseController follows.
func (w *referenceWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack hands the connection over for an upgrade. ReverseProxy then writes the
// header of the answer itself.
func (w *referenceWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(w.header, w.ResponseWriter.Header())
	if a := w.x.out.Answer; a != nil {
		a.Answering(http.StatusSwitchingProtocols, w.header)
	}
	w.hijacked = true
	w.x.res.Committed, w.x.res.Upgraded = true, true
	return c, rw, nil
}

// inform passes an interim answer on (RFC 9110 §15.2). Fields that wait for the
// final one stay out of it.
func inform(w http.ResponseWriter, status int, header http.Header) {
	h := w.Header()
	kept := maps.Clone(h)
	clear(h)
	maps.Copy(h, header)
	w.WriteHeader(status)
	clear(h)
	maps.Copy(h, kept)
}

// addAnswerField passes a field of the answer on, unless the gateway has set
// one of that name.
func addAnswerField(h http.Header, name string, values []string) {
	before, ours := h[name]
	switch {
	case !ours:
		h[name] = values
	case name == "Set-Cookie", name == "Vary", name == "Link":
		h[name] = append(before, values...)
	}
}

// finishHeader keeps the server from guessing a type that the upstream did not
// tell: what is sent on is what it said.
func finishHeader(h http.Header) {
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil
	}
}

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte { return *b.lend() }

// Put implements httputil.BufferPool.
func (b *buffers) Put(buffer []byte) { b.pool.Put(&buffer) }
