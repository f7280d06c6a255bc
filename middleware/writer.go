package middleware

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// writer watches an answer pass. What the application gets is one of the forms
// of it in forms.go, which can do what the writer below can do.
type writer struct {
	inner    http.ResponseWriter
	start    time.Time     // when the request came
	first    time.Duration // from start until the answer began
	status   int           // 0: not yet
	bytes    int64
	head     bool // no body is sent, whatever is written
	hijacked bool
	failed   bool // a write did not reach the client
}

func (w *writer) begin(inner http.ResponseWriter, r *http.Request) {
	w.inner, w.start, w.head = inner, time.Now(), r.Method == http.MethodHead
}

// Unwrap is what http.ResponseController asks for.
func (w *writer) Unwrap() http.ResponseWriter { return w.inner }

// Header implements http.ResponseWriter.
func (w *writer) Header() http.Header { return w.inner.Header() }

// WriteHeader implements http.ResponseWriter. Informational answers may come
// before the one that counts.
func (w *writer) WriteHeader(status int) {
	w.inner.WriteHeader(status)
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.answered(status)
	}
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	w.answered(http.StatusOK)
	n, err := w.inner.Write(p)
	w.wrote(int64(n), err)
	return n, err
}

// WriteString implements io.StringWriter.
func (w *writer) WriteString(s string) (int, error) {
	w.answered(http.StatusOK)
	n, err := io.WriteString(w.inner, s)
	w.wrote(int64(n), err)
	return n, err
}

// answered notes the status, once, and the time.
func (w *writer) answered(status int) {
	if w.status == 0 && !w.hijacked {
		w.status, w.first = status, time.Since(w.start)
	}
}

func (w *writer) wrote(n int64, err error) {
	if !w.head {
		w.bytes += n
	}
	if err != nil && !errors.Is(err, http.ErrBodyNotAllowed) && !errors.Is(err, http.ErrContentLength) && !errors.Is(err, http.ErrHijacked) {
		w.failed = true
	}
}

func (w *writer) flush() error {
	w.answered(http.StatusOK)
	return http.NewResponseController(w.inner).Flush()
}

// hijack gives the connection away as it is: what passes over it from now on is
// not counted.
func (w *writer) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(w.inner).Hijack()
	if err == nil {
		w.answered(http.StatusSwitchingProtocols)
		w.hijacked = true
	}
	return conn, buffer, err
}

// readFrom lets the writer below take a file to the socket without copying it.
func (w *writer) readFrom(src io.Reader) (int64, error) {
	w.answered(http.StatusOK)
	n, err := w.inner.(io.ReaderFrom).ReadFrom(src) //nolint:errcheck // exposed asked
	if err == nil {
		w.wrote(n, nil)
		return n, nil
	}
	// Reading may have failed as well as writing; the context tells of a client
	// that went away.
	w.wrote(n, nil)
	return n, err
}

func (w *writer) push(target string, opts *http.PushOptions) error {
	return w.inner.(http.Pusher).Push(target, opts) //nolint:errcheck // exposed asked
}
