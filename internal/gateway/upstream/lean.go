package upstream

import (
	"net/http"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// leanRequest reports whether a request can take the lean path. What it cannot
// do goes to the reference, for good: upgrades, Expect, trailers.
func leanRequest(r *http.Request) bool {
	h := r.Header
	return !passesUpgrade(h) && len(h["Expect"]) == 0 && len(h["Te"]) == 0 && r.Trailer == nil &&
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
	unsent  bool      // no byte of the request was written
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
