package upstream

import "net/http"

// announceTrailer notes which fields go out after the body: those that the
// client has announced and that could stand in its header. A server may join
// trailers and header (RFC 9110 §6.5.1), so what is ours there is ours here.
func (x *reference) announceTrailer() {
	trace := x.out.Trace.Valid()
	for name := range x.r.Trailer {
		if !x.out.passes(name, trace) || listed(x.r.Header["Connection"], name) {
			continue
		}
		if x.trailer == nil {
			x.trailer = http.Header{}
		}
		x.trailer[name] = nil
	}
}

// fillTrailer puts in what came after the body.
func (x *reference) fillTrailer() {
	for name := range x.trailer {
		x.trailer[name] = x.r.Trailer[name]
	}
}
