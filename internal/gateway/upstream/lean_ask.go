package upstream

import (
	"context"
	"net/http"
	"time"
)

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
		x.pump.broke(x.c)
		// A kept connection may have been closed by the server in the very moment
		// in which it was used. That is no failure of the server's, and the request
		// is sent again where it is sure, or does no harm, that it was not handled.
		if !x.reused || x.came || !gone(err) || ctx.Err() != nil || !x.unsent && !idempotent(x.r) || !x.pump.repeatable() {
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
	n, err := x.c.net.Write(x.head.head)
	x.unsent = n == 0
	if err != nil {
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
