package middleware

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// The forms of a writer. Applications ask a ResponseWriter what else it can do
// by its methods, so each combination that exists is a type of its own: one
// pointer in size, which an interface holds without memory.
type (
	plain       struct{ *writer }
	flusher     struct{ *writer }
	hijacker    struct{ *writer }
	readerFrom  struct{ *writer }
	pusher      struct{ *writer }
	flushHijack struct{ flusher }
	flushRead   struct{ flusher }
	flushPush   struct{ flusher } // HTTP/2
	hijackRead  struct{ hijacker }
	all         struct{ flushHijack } // HTTP/1
)

const (
	canFlush = 1 << iota
	canHijack
	canReadFrom
	canPush
)

// exposed is the writer in the form that can do what the one below can.
func (w *writer) exposed() http.ResponseWriter {
	can := 0
	if reaches[http.Flusher](w.inner) {
		can |= canFlush
	}
	if reaches[http.Hijacker](w.inner) {
		can |= canHijack
	}
	if _, ok := w.inner.(io.ReaderFrom); ok {
		can |= canReadFrom
	}
	if can&(canHijack|canReadFrom) == 0 { // only HTTP/2 pushes
		if _, ok := w.inner.(http.Pusher); ok {
			can |= canPush
		}
	}
	switch can {
	case canFlush | canHijack | canReadFrom:
		return all{flushHijack{flusher{w}}}
	case canFlush | canPush:
		return flushPush{flusher{w}}
	case canFlush:
		return flusher{w}
	case canFlush | canHijack:
		return flushHijack{flusher{w}}
	case canFlush | canReadFrom:
		return flushRead{flusher{w}}
	case canHijack:
		return hijacker{w}
	case canHijack | canReadFrom:
		return hijackRead{hijacker{w}}
	case canReadFrom:
		return readerFrom{w}
	case canPush:
		return pusher{w}
	}
	return plain{w}
}

// reaches reports whether the writer, or one that it wraps, is a T.
func reaches[T any](w http.ResponseWriter) bool {
	for range 16 {
		if _, ok := w.(T); ok {
			return true
		}
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = wrapper.Unwrap()
	}
	return false
}

// Flush implements http.Flusher.
func (f flusher) Flush() { _ = f.flush() } //nolint:errcheck // the interface has no error; FlushError has

// FlushError is what http.ResponseController asks for.
func (f flusher) FlushError() error { return f.flush() }

// Hijack implements http.Hijacker.
func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.hijack() }

// Hijack implements http.Hijacker.
func (h flushHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.hijack() }

// ReadFrom implements io.ReaderFrom.
func (r readerFrom) ReadFrom(src io.Reader) (int64, error) { return r.readFrom(src) }

// ReadFrom implements io.ReaderFrom.
func (r flushRead) ReadFrom(src io.Reader) (int64, error) { return r.readFrom(src) }

// ReadFrom implements io.ReaderFrom.
func (r hijackRead) ReadFrom(src io.Reader) (int64, error) { return r.readFrom(src) }

// ReadFrom implements io.ReaderFrom.
func (a all) ReadFrom(src io.Reader) (int64, error) { return a.readFrom(src) }

// Push implements http.Pusher.
func (p pusher) Push(target string, opts *http.PushOptions) error { return p.push(target, opts) }

// Push implements http.Pusher.
func (p flushPush) Push(target string, opts *http.PushOptions) error { return p.push(target, opts) }
