package upstream

import (
	"context"
	"errors"
	"net/http"
	"time"
)

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
