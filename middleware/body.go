package middleware

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// body counts what is read of a request's body. An outgoing request that was
// given the body may still read it when the handler has returned, therefore the
// atomics.
type body struct {
	inner  io.ReadCloser
	read   atomic.Int64
	broken atomic.Bool // what came was malformed, or too slow
	cut    atomic.Bool // the client went away before its end
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.inner.Read(p)
	b.read.Add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, http.ErrBodyReadAfterClose) {
		b.failed(err)
	}
	return n, err
}

// failed tells a client that went away from one that sent something wrong.
func (b *body) failed(err error) {
	var network net.Error
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) && !network.Timeout() {
		b.cut.Store(true)
		return
	}
	b.broken.Store(true)
}

// Close implements io.Closer.
func (b *body) Close() error { return b.inner.Close() }
