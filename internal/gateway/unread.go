package gateway

import (
	"time"

	"lapwing.dev/lapwing/middleware/observe"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

// observeUnread records a request that net/http has answered by itself, because
// it could not be read: a malformed line, contradictory lengths, headers that are
// too large. Of such a request nothing is known but who sent it.
func (g *Gateway) observeUnread(c *conn) {
	e := observe.Exchange{
		Time: time.Now(), Source: observe.SourceGateway, Protocol: "HTTP/1.1", Scheme: "http",
		Status: int(c.status.Load()), Client: c.peer, ClientKey: c.key,
		Verdict: observe.Invalid, Policy: unreadPolicy, RequestID: tracecontext.NewRequestID(),
	}
	if c.tls {
		e.Scheme = "https"
	}
	g.deps.Sink.Observe(&e)
}

// unreadPolicy is what refuses requests that cannot be read.
const unreadPolicy = "http"
