package web

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// Limits of a request's body. Lapwing's own requests have a few hundred bytes;
// what brings samples has many, and bounds of its own.
const (
	maxBody     = 1 << 20  // bytes
	maxSamples  = 32 << 20 // bytes
	bodyTimeout = 30 * time.Second
)

// limitBody refuses bodies that are too large and cuts off those that come too
// slowly. The deadline is the body's alone and not the server's ReadTimeout,
// because that one would also end handlers that work for longer. It begins
// before anybody reads: what a handler leaves, net/http reads to the end.
func limitBody(fail *failer) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			most := int64(maxBody)
			if takesSamples(r.URL.Path) {
				most = maxSamples
			}
			if r.Body != nil && r.Body != http.NoBody {
				control := http.NewResponseController(w)
				// Where a connection has no deadlines (a test's recorder) nobody is slow.
				_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
				r.Body = http.MaxBytesReader(w, &timedBody{r.Body, control}, most)
			}
			if r.ContentLength > most {
				w.Header().Set("Connection", "close") // the rest is not worth reading
				fail.write(w, r, &http.MaxBytesError{Limit: most})
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// takesSamples reports whether samples are written at a path.
func takesSamples(path string) bool {
	return path == "/prometheus/api/v1/write" || path == "/prometheus/api/v1/otlp/v1/metrics"
}

// timedBody takes the deadline away once the whole body is there: net/http then
// listens for the client to go, and must not take the deadline for that. After
// any other error it stays, so that nobody waits for the rest.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
