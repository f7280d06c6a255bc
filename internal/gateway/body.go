package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// pacedBody is a request's body that must keep coming: a client that sends a
// byte now and then holds a connection to an upstream for as long as it likes
// otherwise. Only the time in which we wait for the client counts, not that in
// which the upstream is slow to take what there is.
//
// Each byte buys time, up to the grace that there was at the beginning.
type pacedBody struct {
	body    io.ReadCloser
	control *http.ResponseController
	rate    int64 // bytes a second
	grace   time.Duration
	left    time.Duration // that may be waited
	ended   bool          // nothing more comes
	slow    bool          // because it was too slow
}

// pace returns a body that must keep coming, or nil when the request has none
// that could be slow: gRPC streams may be silent for as long as they like.
func pace(w http.ResponseWriter, r *http.Request, t *table) *pacedBody {
	if t.bodyRate <= 0 || r.Body == nil || r.Body == http.NoBody || isGRPC(r.Header) {
		return nil
	}
	return &pacedBody{
		body: r.Body, control: http.NewResponseController(w),
		rate: t.bodyRate, grace: t.bodyGrace, left: t.bodyGrace,
	}
}

func isGRPC(h http.Header) bool {
	rest, ok := strings.CutPrefix(h.Get("Content-Type"), "application/grpc")
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';' || rest[0] == '-')
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	if b.ended {
		return b.body.Read(p)
	}
	began := time.Now()
	_ = b.control.SetReadDeadline(began.Add(b.left)) // what cannot have one, waits
	n, err := b.body.Read(p)
	earned := time.Duration(float64(n) / float64(b.rate) * float64(time.Second))
	b.left = min(b.left-time.Since(began)+earned, b.grace)
	if err != nil {
		b.ended = true
		b.slow = errors.Is(err, os.ErrDeadlineExceeded)
		// net/http goes on reading to learn when the client goes: without a deadline.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// Close implements io.Closer.
func (b *pacedBody) Close() error { return b.body.Close() }

// lingering is how long the rest of a body that nobody wants may take: net/http
// reads some of it to keep the connection.
const lingering = 5 * time.Second

// abandon bounds how long the rest of the body may take to come.
func (b *pacedBody) abandon() {
	if !b.ended {
		_ = b.control.SetReadDeadline(time.Now().Add(lingering))
	}
}
