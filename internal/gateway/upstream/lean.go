package upstream

import (
	"context"
	"errors"
	"net/http"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// leanRequest reports whether a request can take the lean path. What it cannot
// do goes to the reference, for good: upgrades, Expect, trailers.
func leanRequest(r *http.Request) bool {
	h := r.Header
	return len(h["Upgrade"]) == 0 && len(h["Expect"]) == 0 && len(h["Te"]) == 0 && r.Trailer == nil &&
		r.Method != http.MethodConnect
}

// exchange is one request and its answer on the lean path. It is used again.
type exchange struct {
	pool *Pool
	w    http.ResponseWriter
	r    *http.Request
	out  *Outbound
	res  *Result
	try  attempt

	head   fieldWriter // of the request
	answer answer
	c      *conn
	ours   []string // names of fields that the gateway has set
	pump   *pump    // sends the request's body; nil: it has none
	big    *[]byte  // for bodies that are longer than what came with the head

	method  string
	first   time.Time // the answer's first byte
	reused  bool      // the connection was kept from before
	came    bool      // any byte of an answer came
	clean   bool      // the answer ended where it should
	header  bool      // the answer's head is waited for, not its body
	eager   bool      // nothing is held back while more is waited for
	pending bool      // something was written and not flushed
	watched bool      // the client's going away is noticed
	unwatch func() bool
}

func (p *Pool) forwardLean(w http.ResponseWriter, r *http.Request, out *Outbound, res *Result) {
	x, _ := p.registry.exchanges.Get().(*exchange)
	head, fields, trailers, ours := x.head.head, x.answer.fields, x.answer.trailers, x.ours
	*x = exchange{pool: p, w: w, r: r, out: out, res: res, try: attempt{pool: p}, method: r.Method}
	x.head.head, x.answer.fields, x.answer.trailers, x.ours = head, fields, trailers, ours
	defer x.end()
	if hasBody(r) {
		x.pump = newPump(w, r, out.MaxBody, &p.registry.buffers)
	}
	if err := x.run(); err != nil {
		if x.pump != nil && x.pump.failure() != nil {
			err = x.pump.failure()
		}
		res.fail(classify(r.Context(), err), err)
	}
}

func hasBody(r *http.Request) bool {
	return r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
}

// run makes attempts until there is an answer, and passes it on.
func (x *exchange) run() error {
	ctx := x.r.Context()
	for {
		m, err := x.try.next(ctx)
		if err != nil {
			return err
		}
		writeRequest(&x.head, m, x.r, x.out, x.pool.cfg.UpstreamHost)
		err = x.ask(ctx, m)
		if err == nil {
			if !x.try.worthAnother(x.r, x.answer.status, x.answer.retry, x.pump.repeatable()) {
				break
			}
			x.try.settle(x.answer.status, nil, observe.NoError)
		} else {
			if x.pump != nil && x.pump.failure() != nil {
				return x.pump.failure()
			}
			if !x.try.mayRepeat(x.r, err, x.pump.repeatable()) {
				return err
			}
			x.try.settle(0, err, classify(ctx, err))
		}
		x.release()
		x.try.leave()
	}
	return x.passOn()
}

// ask sends the request to a server and reads the head of its answer.
func (x *exchange) ask(ctx context.Context, m *member) error {
	for kept := true; ; kept = false {
		if err := x.connect(ctx, m, kept); err != nil {
			return err
		}
		err := x.send()
		if err == nil {
			err = x.readHead()
		}
		if err == nil {
			return nil
		}
		// A kept connection may have been closed by the server in the very moment
		// in which it was used. That is no failure of the server's, and the request
		// is sent again where it is sure, or does no harm, that it was not handled.
		if !x.reused || x.came || !gone(err) || ctx.Err() != nil || !idempotent(x.r) || !x.pump.repeatable() {
			return err
		}
		x.pool.standing.stale.Add(1)
		x.release()
	}
}

// connect gets a connection to the server, a kept one if wanted and there.
func (x *exchange) connect(ctx context.Context, m *member, kept bool) error {
	now := time.Now()
	x.res.Started, x.res.Phases.Connect, x.came, x.clean = now, 0, false, false
	for kept {
		c := m.server.idle.take()
		if c == nil {
			break
		}
		if c.fit() {
			x.c, x.reused = c, true
			return nil
		}
		c.close()
	}
	names := m.server.names.version.Load()
	raw, err := x.pool.registry.dial(ctx, m.server, x.pool.cfg.Timeouts.Connect)
	if err != nil {
		return err
	}
	x.c, x.reused = newConn(raw, m.server, names), false
	x.res.Phases.Connect = time.Since(now)
	return nil
}

// send writes the request's head, and starts to send its body.
func (x *exchange) send() error {
	if len(x.head.head) > connBuffer {
		// It may not fit into the socket's buffer; a server that reads nothing
		// must not hold us.
		if err := x.c.net.SetWriteDeadline(time.Now().Add(x.pool.cfg.Timeouts.Header)); err != nil {
			return err
		}
		defer x.c.net.SetWriteDeadline(time.Time{}) //nolint:errcheck // a connection that is gone is noticed soon
	}
	if _, err := x.c.net.Write(x.head.head); err != nil {
		return err
	}
	if x.pump != nil {
		x.pump.start(x.c)
	}
	return nil
}

// readHead reads the head of the final answer, and passes interim ones on.
func (x *exchange) readHead() error {
	x.header, x.eager = true, false
	most := x.pool.cfg.MaxHeader
	for interim := 0; ; interim++ {
		seen := 0
		end := headEnd(x.c.buffered(), 0)
		for end == 0 {
			if len(x.c.buffered()) >= most || !x.c.room(most) {
				return protocolError("its header is too long")
			}
			seen = max(len(x.c.buffered())-3, 0)
			if err := x.fill(); err != nil {
				return err
			}
			end = headEnd(x.c.buffered(), seen)
		}
		if err := x.answer.parse(x.c.buffered()[:end]); err != nil {
			return err
		}
		x.c.r += end
		switch status := x.answer.status; {
		case status == http.StatusSwitchingProtocols:
			return protocolError("it switches protocols unasked")
		case status >= 200:
			x.header = false
			x.res.Status = status
			return nil
		case interim >= maxInterim:
			return protocolError("too many interim answers")
		case status != http.StatusContinue && x.r.ProtoAtLeast(1, 1): // 100: nobody waits for it
			x.inform()
		}
	}
}

// maxInterim bounds answers that come before the final one.
const maxInterim = 16

func (x *exchange) inform() {
	h := make(http.Header, len(x.answer.fields))
	for _, f := range x.answer.fields {
		if !isAnswerHop(f.Name) {
			h[f.Name] = append(h[f.Name], f.Value)
		}
	}
	inform(x.w, x.answer.status, h)
}

// fill reads once into the connection's buffer, which has room.
func (x *exchange) fill() error {
	n, err := x.read(x.c.buf[x.c.w:])
	x.c.w += n
	if n > 0 {
		return nil
	}
	return err
}

// read reads from the server, as long as the phase may take.
func (x *exchange) read(p []byte) (int, error) {
	if x.eager {
		if err := x.flush(); err != nil {
			return 0, err
		}
	}
	limit := patience
	if x.watched {
		limit = x.limit()
	}
	for {
		if err := x.c.wait(limit); err != nil {
			return 0, err
		}
		n, err := x.c.net.Read(p)
		if n > 0 {
			if !x.came {
				x.came, x.first = true, time.Now()
			}
			return n, nil
		}
		switch {
		case err == nil:
			continue
		case !isTimeout(err):
			return 0, err
		case x.c.aborted.Load():
			return 0, context.Canceled
		case !x.watched:
			x.watch()
			if err := x.flush(); err != nil {
				return 0, err
			}
		case x.header:
			if x.limit() <= 0 {
				return 0, errHeaderTimeout
			}
		default:
			return 0, errIdleTimeout
		}
		limit = x.limit()
		if x.header {
			limit = max(limit, time.Millisecond)
		}
	}
}

// limit is how long the next read may take from now on; 0: as long as it likes,
// while a body is read; nothing more, while a head is.
func (x *exchange) limit() time.Duration {
	t := &x.pool.cfg.Timeouts
	switch {
	case !x.header && x.answer.stream:
		return 0
	case !x.header:
		return t.Idle
	case x.pump != nil:
		return t.Header - x.pump.quiet()
	default:
		return t.Header - time.Since(x.res.Started) + x.res.Phases.Connect
	}
}

// watch begins to notice when the client goes away.
func (x *exchange) watch() {
	x.watched = true
	if ctx := x.r.Context(); ctx.Done() != nil {
		x.unwatch = context.AfterFunc(ctx, x.c.abort)
	}
}

// flush sends what was written to the client.
func (x *exchange) flush() error {
	if !x.pending {
		return nil
	}
	x.pending = false
	if err := http.NewResponseController(x.w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return &clientError{err}
	}
	return nil
}

// release gives the connection back, or closes it if it cannot be used again.
func (x *exchange) release() {
	if x.pump != nil && x.c != nil {
		if x.res.Committed && x.res.Error == "" {
			_ = x.flush() //nolint:errcheck // the client that is gone is noticed by the pump
		}
		x.pump.stop(x.c, x.res.Committed)
	}
	if x.big != nil {
		x.pool.registry.buffers.giveBack(x.big)
		x.big = nil
	}
	c := x.c
	if c == nil {
		return
	}
	x.c = nil
	fit := x.clean && !x.answer.last && len(c.buffered()) == 0 && (x.pump == nil || x.pump.complete())
	if x.unwatch != nil && !x.unwatch() {
		fit = false // abort was called, or is being called
	}
	x.watched, x.unwatch = false, nil
	if !fit || c.aborted.Load() || c.moved() {
		c.close()
		return
	}
	c.rest()
	if !c.server.idle.put(c, x.pool.registry.now()) {
		c.close()
	}
}

// end completes the result, and breaks the answer off if only a part of it
// was passed on.
func (x *exchange) end() {
	caught := recover()
	res := x.res
	if caught != nil && res.Error == "" {
		res.fail(observe.ErrorInternal, errPanic)
	}
	if !x.first.IsZero() && x.came {
		res.Phases.Wait = x.first.Sub(res.Started) - res.Phases.Connect
		if res.Committed {
			res.Phases.Transfer = time.Since(x.first)
		}
	}
	x.try.settle(res.Status, res.Err, res.Error)
	if res.Error != "" && res.Error != observe.ErrorClientGone && res.Committed && caught == nil {
		_ = x.flush() //nolint:errcheck // the client gets what came, and then sees that it broke off
	}
	x.release()
	x.try.end(res)
	if x.pump != nil {
		res.RequestBytes = x.pump.read.Load()
		x.pump.end()
	}
	broken := res.Error != "" && res.Committed
	pool := x.pool.registry
	*x = exchange{
		head:   fieldWriter{head: smaller(x.head.head)},
		answer: answer{fields: forget(x.answer.fields), trailers: forget(x.answer.trailers)},
		ours:   x.ours[:0],
	}
	pool.exchanges.Put(x)
	if caught != nil {
		panic(caught)
	}
	if broken {
		panic(http.ErrAbortHandler)
	}
}

// smaller keeps a buffer for the next exchange unless it became large.
func smaller(b []byte) []byte {
	if cap(b) > 2*connBuffer {
		return nil
	}
	return b
}

func forget(fields []Field) []Field {
	if cap(fields) > 128 {
		return nil
	}
	fields = fields[:cap(fields)]
	clear(fields)
	return fields[:0]
}
