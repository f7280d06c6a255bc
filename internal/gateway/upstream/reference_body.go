package upstream

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// guard watches an answer's body: how long it stands still, why it ended.
func (x *reference) guard(res *http.Response, cancel context.CancelCauseFunc) {
	g := &guardedBody{body: res.Body, x: x, cancel: cancel}
	if res.StatusCode == http.StatusSwitchingProtocols {
		if both, ok := res.Body.(io.ReadWriteCloser); ok {
			res.Body = &guardedConn{guardedBody: g, both: both}
			return
		}
	}
	if !isStream(res.Header) {
		idle := x.try.pool.cfg.Timeouts.Idle
		g.idle = idle
		g.timer = time.AfterFunc(idle, func() { cancel(errIdleTimeout); g.timedOut.Store(true) })
	}
	res.Body = g
}

// isStream reports answers that may be silent for as long as they like.
func isStream(h http.Header) bool {
	if len(h["Content-Type"]) == 0 {
		return false
	}
	return streamType(h["Content-Type"][0])
}

func streamType(contentType string) bool {
	const events, grpc = "text/event-stream", "application/grpc"
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.TrimSpace(kind)
	return strings.EqualFold(kind, events) ||
		len(kind) >= len(grpc) && strings.EqualFold(kind[:len(grpc)], grpc)
}

type guardedBody struct {
	body     io.ReadCloser
	x        *reference
	cancel   context.CancelCauseFunc
	idle     time.Duration
	timer    *time.Timer // nil: no limit
	timedOut atomic.Bool
}

func (g *guardedBody) Read(b []byte) (int, error) {
	if g.timer != nil {
		g.timer.Reset(g.idle)
	}
	n, err := g.body.Read(b)
	if g.timer != nil {
		g.timer.Stop() // a client that takes its time does not count
	}
	if err != nil && err != io.EOF {
		if g.timedOut.Load() {
			err = errIdleTimeout
		}
		g.x.readErr = err
	}
	return n, err
}

func (g *guardedBody) Close() error {
	if g.timer != nil {
		g.timer.Stop()
	}
	err := g.body.Close()
	g.cancel(nil)
	return err
}

// guardedConn is the connection of an upgraded exchange.
type guardedConn struct {
	*guardedBody
	both io.ReadWriteCloser
}

func (g *guardedConn) Read(b []byte) (int, error) {
	n, err := g.both.Read(b)
	g.x.w.bytes.Add(int64(n))
	return n, err
}

func (g *guardedConn) Write(b []byte) (int, error) {
	n, err := g.both.Write(b)
	g.x.w.sent.Add(int64(n))
	return n, err
}

// countedBody is the client's body on its way to the server. The transport may
// read it in a goroutine of its own, even while the answer is passed on.
type countedBody struct {
	body  io.ReadCloser
	most  int64 // 0: no bound
	n     atomic.Int64
	begun atomic.Bool
	ended atomic.Bool // it was read to its end
	atEnd func()      // is called before that is told

	busy sync.Mutex  // held while it is read
	shut atomic.Bool // the exchange is over: it must not be read anymore

	mu  sync.Mutex
	err error
}

// Read implements io.Reader.
func (b *countedBody) Read(p []byte) (int, error) {
	b.busy.Lock()
	defer b.busy.Unlock()
	if b.shut.Load() {
		return 0, errQuit
	}
	b.begun.Store(true)
	if b.most > 0 {
		if left := b.most - b.n.Load() + 1; int64(len(p)) > left {
			p = p[:max(left, 0)]
		}
	}
	n, err := b.body.Read(p)
	if total := b.n.Add(int64(n)); b.most > 0 && total > b.most {
		return 0, b.fail(&http.MaxBytesError{Limit: b.most})
	}
	if b.shut.Load() && err != nil {
		b.ended.Store(err == io.EOF)
		return n, err
	}
	if err != nil && err != io.EOF {
		return n, b.fail(err)
	}
	if err != nil {
		b.ended.Store(true)
		b.atEnd()
	}
	return n, err
}

func (b *countedBody) fail(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = &bodyError{err}
	}
	return b.err
}

func (b *countedBody) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// stop ends reading, and waits for a read that is under way: the transport may
// still send what nobody wants anymore.
func (b *countedBody) stop(w http.ResponseWriter, r *http.Request, answered bool) {
	b.shut.Store(true)
	if b.busy.TryLock() {
		b.busy.Unlock()
		return
	}
	if answered {
		_ = http.NewResponseController(w).Flush() //nolint:errcheck // the client sees the answer, or is gone
	}
	hurry(w, r, answered, &b.ended, func() {
		b.busy.Lock()
		b.busy.Unlock() //nolint:staticcheck // SA2001: it is only waited for
	})
}

// Close implements io.Closer. The server closes the client's body.
func (b *countedBody) Close() error { return nil }
