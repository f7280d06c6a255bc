package web

import (
	"io"
	"net/http"
	"time"
)

// Limits of a request's body. Lapwing's own requests have a few hundred bytes.
const (
	maxBody     = 1 << 20 // bytes
	bodyTimeout = 30 * time.Second
)

// limitBody refuses bodies that are too large and cuts off those that come too
// slowly. The deadline is the body's alone and not the server's ReadTimeout,
// because that one would also end handlers that work for longer.
func limitBody(fail *failer) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > maxBody {
				w.Header().Set("Connection", "close") // the rest is not worth reading
				fail.write(w, r, &http.MaxBytesError{Limit: maxBody})
				return
			}
			if r.Body != nil && r.Body != http.NoBody {
				body := &timedBody{ReadCloser: r.Body, control: http.NewResponseController(w)}
				r.Body = http.MaxBytesReader(w, body, maxBody)
			}
			next.ServeHTTP(w, r)
		})
	}
}

// timedBody gives the client bodyTimeout from the first read to the last.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
	reading bool
}

func (b *timedBody) Read(p []byte) (int, error) {
	if !b.reading {
		b.reading = true
		// Where a connection has no deadlines (a test's recorder) nobody is slow.
		_ = b.control.SetReadDeadline(time.Now().Add(bodyTimeout))
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
