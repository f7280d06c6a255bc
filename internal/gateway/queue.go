package gateway

import (
	"context"
	"net/http"
	"time"

	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// goneLook is how often a queue looks whether clients with a body are still there.
const goneLook = 500 * time.Millisecond

// queue holds a request back until it is its turn; false when its client has
// gone, who then leaves the queue.
//
// While a body is not read, net/http does not notice that over HTTP/1: without
// a look of our own a request would be served that its client has given up, and
// perhaps sent again.
func (c *call) queue(r *http.Request) bool {
	if !c.decided || c.decision.Verdict != limit.Delay {
		return true
	}
	client, ok := r.Context().Value(connKey{}).(*conn)
	if !ok || r.ProtoMajor != 1 || r.ContentLength == 0 {
		return c.wait(r.Context())
	}
	ctx, stop := client.attend(r.Context())
	served := c.wait(ctx)
	stop()
	if served && client.gone() {
		c.decision.Cancel()
		c.decided = false
		c.exchange.Error = observe.ErrorClientGone
		return false
	}
	return served
}

// attend returns a context that also ends when the client has gone. stop must
// be called, and waits for what attend started.
func (c *conn) attend(ctx context.Context) (attended context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(goneLook)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if c.gone() {
					cancel()
					return
				}
			}
		}
	}()
	return ctx, func() {
		cancel()
		<-ended
	}
}
