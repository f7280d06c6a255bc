package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// ask makes one attempt on the reference path.
func (x *reference) ask(m *member, r *http.Request) (*http.Response, error) {
	p := x.try.pool
	ctx, cancel := context.WithCancelCause(r.Context())
	begun := time.Now()
	x.res.Started, x.first = begun, time.Time{}
	x.res.Phases.Connect = 0
	limit := &headerTimer{timer: time.AfterFunc(p.cfg.Timeouts.Connect+p.cfg.Timeouts.Header, func() { cancel(errHeaderTimeout) })}
	if x.body != nil {
		limit.timer.Stop() // the client's time to send it is not the server's
	}
	connected := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			connected = true
			if !info.Reused {
				x.res.Phases.Connect = time.Since(begun)
			}
		},
		WroteRequest: func(httptrace.WroteRequestInfo) { limit.start(p.cfg.Timeouts.Header) },
	})
	q := r.WithContext(ctx)
	if x.body != nil {
		q.Body, q.Trailer = x.body, x.trailer // ReverseProxy's are closed by the first attempt, and lose the values
	}
	q.URL = m.target(x.r, x.out)
	q.Host = x.r.Host
	if p.cfg.UpstreamHost {
		q.Host = m.host
	}
	res, err := m.transport.RoundTrip(q)
	limit.stop()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		if _, dialled := errors.AsType[*dialError](err); !connected && !dialled && r.Context().Err() == nil {
			err = &dialError{err} // the handshake failed
		}
		return nil, err
	}
	res.Request = r
	x.first = time.Now()
	x.res.Phases.Wait = x.first.Sub(begun) - x.res.Phases.Connect
	x.guard(res, cancel)
	return res, nil
}

// headerTimer counts from the end of the request until the answer begins. The
// end may come after the answer did, and must not count anything then.
type headerTimer struct {
	timer *time.Timer
	over  atomic.Bool
}

func (t *headerTimer) start(d time.Duration) {
	if t.over.Load() {
		return
	}
	t.timer.Reset(d)
	if t.over.Load() {
		t.timer.Stop()
	}
}

func (t *headerTimer) stop() {
	t.over.Store(true)
	t.timer.Stop()
}
