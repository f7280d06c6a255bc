package upstream

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// newReference makes the path that everything can take: the standard library's
// proxy, with our choice of server and our header fields.
func (p *Pool) newReference() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:       rewriteReference,
		Transport:     roundTripper{},
		FlushInterval: patience,
		BufferPool:    &p.registry.buffers,
		ErrorLog:      slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		ModifyResponse: func(res *http.Response) error {
			referenceOf(res.Request.Context()).answered(res)
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, r *http.Request, err error) {
			referenceOf(r.Context()).lost(err)
		},
	}
}

// reference is one exchange on the reference path.
type reference struct {
	try  attempt
	w    *referenceWriter
	out  *Outbound
	res  *Result
	body *countedBody // nil: the request has none
	r    *http.Request

	trailer http.Header // that goes out after the body; the values come when it has ended

	first    time.Time
	readErr  error // of the answer's body
	writeErr error // to the client
}

type referenceKey struct{}

func referenceOf(ctx context.Context) *reference {
	x, _ := ctx.Value(referenceKey{}).(*reference)
	return x
}

func (p *Pool) forwardReference(w http.ResponseWriter, r *http.Request, out *Outbound, res *Result) {
	x := &reference{try: attempt{pool: p}, out: out, res: res, r: r}
	x.w = &referenceWriter{ResponseWriter: w, header: http.Header{}, x: x}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	in := r.WithContext(context.WithValue(ctx, referenceKey{}, x))
	if r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody {
		x.body = &countedBody{body: r.Body, most: out.MaxBody, atEnd: x.fillTrailer}
		x.announceTrailer()
		in.Body = x.body
	}
	defer x.finish()
	p.proxy.ServeHTTP(x.w, in)
}

// rewriteReference makes the outgoing request's fields. What ReverseProxy needs
// for upgrades and trailers stays as it set it.
func rewriteReference(pr *httputil.ProxyRequest) {
	x := referenceOf(pr.In.Context())
	h := make(http.Header, len(pr.In.Header)+6)
	writeFields(&fieldWriter{header: h}, pr.In, x.out)
	if values, ok := pr.Out.Header["Te"]; ok {
		h["Te"] = values
	}
	if passesUpgrade(pr.Out.Header) {
		h["Connection"], h["Upgrade"] = pr.Out.Header["Connection"], pr.Out.Header["Upgrade"]
	}
	pr.Out.Header = h
}

// finish fills the result, whichever way the proxy ended.
func (x *reference) finish() {
	res := x.res
	caught := recover()
	res.Committed = res.Committed || x.w.committed
	if x.body != nil {
		if !x.w.hijacked {
			x.body.stop(x.w.ResponseWriter, x.r, x.w.committed && caught == nil)
		}
		res.RequestBytes = x.body.n.Load()
		if err := x.body.failure(); err != nil && res.Err == nil && (caught != nil || !res.Committed) {
			x.readErr = err
		}
	}
	if x.w.hijacked {
		res.RequestBytes, res.ResponseBytes = x.w.sent.Load(), x.w.bytes.Load()
	}
	if !x.first.IsZero() {
		res.Phases.Transfer = time.Since(x.first)
	}
	if err := x.failure(caught); err != nil {
		res.fail(x.classify(err), err)
	}
	if caught != nil && !isAbort(caught) {
		res.fail(observe.ErrorInternal, errPanic)
	}
	x.try.settle(res.Status, res.Err, res.Error)
	x.try.end(res)
	switch {
	case caught != nil:
		panic(caught)
	case res.Error != "" && res.Committed && !res.Upgraded:
		panic(http.ErrAbortHandler)
	}
}

// failure is what broke the exchange off; nil: nothing did.
func (x *reference) failure(caught any) error {
	switch {
	case x.readErr != nil:
		return x.readErr
	case x.writeErr != nil:
		return &clientError{x.writeErr}
	case caught != nil && isAbort(caught): // no error was seen: ReverseProxy could not flush
		return &clientError{io.ErrClosedPipe}
	}
	return nil
}

func isAbort(caught any) bool {
	err, ok := caught.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

var errPanic = errors.New("a panic while an answer was passed on")

func (x *reference) classify(err error) observe.ErrorClass {
	if cause := context.Cause(x.r.Context()); cause == nil {
		if errors.Is(err, context.Canceled) { // cancelled by us: the reason is the inner context's
			return observe.ErrorTimeout
		}
	}
	return classify(x.r.Context(), err)
}

// lost is told when there is no answer, or when an upgrade failed.
func (x *reference) lost(err error) {
	if x.w.hijacked {
		x.res.Upgraded = true
		return // the connection is gone for both
	}
	x.readErr = err
}

// answered is told of the final answer before it is passed on.
func (x *reference) answered(res *http.Response) {
	x.res.Status = res.StatusCode
	if res.StatusCode == http.StatusSwitchingProtocols {
		for name := range x.w.ResponseWriter.Header() {
			delete(res.Header, name)
		}
	}
}

// roundTripper makes the attempts of one exchange.
type roundTripper struct{}

func (roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	x := referenceOf(r.Context())
	for {
		m, err := x.try.next(x.r.Context())
		if err != nil {
			return nil, err
		}
		res, err := x.ask(m, r)
		if err == nil && !x.try.worthAnother(x.r, res.StatusCode, res.Header.Get("Retry-After") != "", x.unread()) {
			return res, nil
		}
		if err != nil {
			err = x.cause(err)
			if !x.try.mayRepeat(x.r, err, x.unread()) {
				return nil, err
			}
			x.try.settle(0, err, classify(x.r.Context(), err))
		} else {
			x.try.settle(res.StatusCode, nil, "")
			res.Body.Close()
		}
		x.try.leave()
	}
}

// unread reports whether nothing of the request's body was read yet.
func (x *reference) unread() bool { return x.body == nil || !x.body.begun.Load() }

// cause prefers why we cancelled an attempt to that it was cancelled, and a
// failure of the client's body to what the server made of it.
func (x *reference) cause(err error) error {
	if x.body != nil {
		if failure := x.body.failure(); failure != nil {
			return failure
		}
	}
	return err
}
