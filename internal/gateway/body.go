package gateway

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// pacedBody is a request's body that must keep coming: a client that sends a
// byte now and then holds a connection to an upstream for as long as it likes
// otherwise. Only the time in which we wait for the client counts, not that in
// which the upstream is slow to take what there is.
//
// Each byte buys time, up to the grace that there was at the beginning.
type pacedBody struct {
	body    io.ReadCloser
	control *http.ResponseController
	rate    int64 // bytes a second
	grace   time.Duration
	left    time.Duration // that may be waited
	watch   *time.Timer   // nil before the first read
	ended   atomic.Bool   // nothing more comes

	mu   sync.Mutex
	over bool // the request has ended: its connection is another's
	slow bool // it was cut off
}

// pace returns a body that must keep coming, or nil when the request has none
// that could be slow.
func pace(w http.ResponseWriter, r *http.Request, t *table) *pacedBody {
	if t.bodyRate <= 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	return &pacedBody{
		body: r.Body, control: http.NewResponseController(w),
		rate: t.bodyRate, grace: t.bodyGrace, left: t.bodyGrace,
	}
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	if b.ended.Load() {
		return b.body.Read(p)
	}
	// A timer and not a deadline, which whoever takes the body on has uses of its own for.
	if b.watch == nil {
		b.watch = time.AfterFunc(b.left, b.cut)
	} else {
		b.watch.Reset(b.left)
	}
	began := time.Now()
	n, err := b.body.Read(p)
	b.watch.Stop()
	earned := time.Duration(float64(n) / float64(b.rate) * float64(time.Second))
	b.left = min(b.left-time.Since(began)+earned, b.grace)
	if err != nil {
		b.ended.Store(true)
	}
	return n, err
}

// cut ends the read that takes too long.
func (b *pacedBody) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.slow = true
		_ = b.control.SetReadDeadline(time.Unix(1, 0)) // what cannot have one, waits
	}
}

// tooSlow reports whether the body was cut off.
func (b *pacedBody) tooSlow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.slow
}

// Close implements io.Closer.
func (b *pacedBody) Close() error { return b.body.Close() }

// lingering is how long the rest of a body that nobody wants may take: net/http
// reads some of it, so that the client can read the answer.
const lingering = time.Second

// abandon ends the watch, and bounds how long the rest of the body may take to come.
func (b *pacedBody) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	if !b.ended.Load() && !b.slow {
		_ = b.control.SetReadDeadline(time.Now().Add(lingering)) // what cannot have one, takes its time
	}
}
