package upstream

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// pump sends a request's body in a goroutine of its own: servers may answer
// before they have read it, or even in dialogue with it.
type pump struct {
	w       http.ResponseWriter // whose connection the body comes over
	r       *http.Request
	body    io.Reader
	most    int64 // 0: no bound
	chunked bool
	buffers *buffers

	read     atomic.Int64 // bytes from the client
	waiting  atomic.Bool  // for the client
	progress atomic.Int64 // when the server took something last, since begun
	begun    time.Time
	quit     atomic.Bool // nobody wants the rest
	ended    atomic.Bool // the client's body was read to its end
	failed   atomic.Pointer[bodyError]

	done   chan struct{} // of the present run; nil: never started
	buffer *[]byte
	kept   int  // the body's beginning is buffer[:kept], all of what was read unless lost
	lost   bool // it did not fit
	sent   bool // all of it, and its end
}

func newPump(w http.ResponseWriter, r *http.Request, most int64, b *buffers) *pump {
	return &pump{w: w, r: r, body: r.Body, most: most, chunked: r.ContentLength < 0, buffers: b}
}

// start begins to send the body from its beginning; repeatable said so.
func (p *pump) start(c *conn) {
	if p.buffer == nil {
		p.buffer = p.buffers.lend()
	}
	p.begun = time.Now()
	p.progress.Store(0)
	p.quit.Store(false)
	p.sent = false
	p.done = make(chan struct{})
	go p.run(c)
}

func (p *pump) run(c *conn) {
	defer close(p.done)
	err := p.send(c)
	switch {
	case err == nil:
		p.sent = true
	case p.quit.Load():
	default:
		if failure, ok := errors.AsType[*bodyError](err); ok {
			p.failed.Store(failure)
			c.abort() // the server will not get what it was promised
		}
	}
	p.progress.Store(int64(time.Since(p.begun)))
	for p.quit.Load() && p.read.Load() < lingerMost && !p.ended.Load() {
		if _, err := p.fetch((*p.buffer)[:]); err != nil {
			break
		}
	}
}

// send writes the body to the server.
func (p *pump) send(c *conn) error {
	if p.kept > 0 {
		if err := p.write(c, (*p.buffer)[:p.kept]); err != nil {
			return err
		}
	}
	for !p.ended.Load() {
		at := p.kept
		if at == len(*p.buffer) {
			at, p.lost = 0, true
		}
		if p.lost {
			at = 0
		}
		n, err := p.fetch((*p.buffer)[at:])
		if !p.lost {
			p.kept += n
		}
		if n > 0 {
			if err := p.write(c, (*p.buffer)[at:at+n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		if p.quit.Load() && !p.ended.Load() {
			return errQuit
		}
	}
	if p.chunked {
		_, err := c.net.Write([]byte("0\r\n\r\n"))
		return err
	}
	return nil
}

var errQuit = errors.New("nobody wants the rest of the request's body")

// fetch reads from the client; at the body's end it sets ended.
func (p *pump) fetch(b []byte) (int, error) {
	if p.most > 0 {
		if left := p.most - p.read.Load() + 1; int64(len(b)) > left {
			b = b[:left]
		}
	}
	p.waiting.Store(true)
	n, err := p.body.Read(b)
	p.waiting.Store(false)
	p.progress.Store(int64(time.Since(p.begun)))
	total := p.read.Add(int64(n))
	if p.most > 0 && total > p.most {
		return 0, &bodyError{&http.MaxBytesError{Limit: p.most}}
	}
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		p.ended.Store(true)
		return n, nil
	default:
		return n, &bodyError{err}
	}
}

func (p *pump) write(c *conn, b []byte) error {
	var err error
	if p.chunked {
		var size [18]byte
		line := append(strconv.AppendInt(size[:0], int64(len(b)), 16), "\r\n"...)
		parts := net.Buffers{line, b, []byte("\r\n")}
		_, err = parts.WriteTo(c.net)
	} else {
		_, err = c.net.Write(b)
	}
	p.progress.Store(int64(time.Since(p.begun)))
	return err
}

// How much of a body that nobody wants is read, and for how long, so that its
// client sees the answer and not the closing of its connection while it sends.
const (
	lingerMost = 256 << 10
	lingerTime = 500 * time.Millisecond
)

// stop ends the pump and waits for it. When the answer has been passed on, the
// client gets a moment to see it; otherwise it is the caller who answers, soon.
func (p *pump) stop(c *conn, answered bool) {
	if p.done == nil || p.isDone() {
		return
	}
	p.quit.Store(true)
	_ = c.net.SetWriteDeadline(time.Unix(1, 0)) //nolint:errcheck // a closed connection writes nothing
	if p.ended.Load() {
		<-p.done // it waits for the server alone
	} else {
		hurry(p.w, p.r, answered, &p.ended, func() { <-p.done })
	}
	if p.sent { // it was about to end by itself, and the connection is good for more
		_ = c.net.SetWriteDeadline(time.Time{}) //nolint:errcheck // a connection that is gone is noticed soon
	}
}

// hurry ends the reading of a client's body that nobody wants, and waits for it.
//
// Over HTTP/1 the client's connection is not used again: where the next request
// begins is unknown, and if the body ended in this very moment, the deadline has
// met net/http's own reading ahead, which takes it for the client's leaving and
// cancels all that follows. An answer that has begun says so already (leaveBody).
func hurry(w http.ResponseWriter, r *http.Request, answered bool, ended *atomic.Bool, wait func()) {
	until := time.Unix(1, 0)
	switch {
	case answered:
		until = time.Now().Add(lingerTime)
	case r.ProtoMajor == 1:
		w.Header()["Connection"] = []string{"close"}
	}
	client := http.NewResponseController(w)
	limited := client.SetReadDeadline(until) == nil
	wait()
	if !limited {
		return
	}
	after := time.Time{}
	if !ended.Load() {
		after = time.Now().Add(lingerTime) // the server may read on to be able to answer
	}
	_ = client.SetReadDeadline(after) //nolint:errcheck // it worked a moment ago
}

// broke is told that the connection to the server failed. A body that has come
// whole can be sent again as soon as the pump has noticed, too.
func (p *pump) broke(c *conn) {
	if p != nil && p.done != nil && p.ended.Load() && c != nil {
		_ = c.net.SetWriteDeadline(time.Unix(1, 0)) //nolint:errcheck // a closed connection writes nothing
		<-p.done
	}
}

func (p *pump) isDone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// end gives the buffer back. The pump has stopped, or never ran.
func (p *pump) end() {
	if p.buffer != nil {
		p.buffers.giveBack(p.buffer)
		p.buffer = nil
	}
}

// repeatable reports whether the body can be sent from its beginning. A nil
// pump has none.
func (p *pump) repeatable() bool {
	return p == nil || p.done == nil || p.isDone() && !p.lost && p.failed.Load() == nil
}

// complete reports whether all of the body was sent.
func (p *pump) complete() bool { return p.done != nil && p.isDone() && p.sent }

// sawEnd reports whether the client sent all of it.
func (p *pump) sawEnd() bool { return p.ended.Load() }

// failure is why the client's body could not be read; nil when it could.
func (p *pump) failure() error {
	if err := p.failed.Load(); err != nil {
		return err
	}
	return nil
}

// quiet is how long the server has been the one that is waited for.
func (p *pump) quiet() time.Duration {
	if p.waiting.Load() {
		return 0
	}
	return time.Since(p.begun) - time.Duration(p.progress.Load())
}
