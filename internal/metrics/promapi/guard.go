package promapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// The bounds of a request.
const (
	maxForm      = 1 << 20   // bytes of a form
	maxRead      = 256 << 10 // bytes of a request to read, compressed: what others ask has a few hundred
	maxSelectors = 100       // match[]
	maxValues    = 1000      // of a form in all
)

// guarded lets a request through whose form is small and whose query is not
// absurd, for as long as a query may take.
func (a *api) guarded(next http.Handler) http.Handler {
	return a.recovered(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most := int64(maxForm)
		if strings.HasSuffix(r.URL.Path, "/read") {
			most = maxRead
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		if err := a.checkForm(r); err != nil {
			status := http.StatusBadRequest
			if _, large := errors.AsType[*http.MaxBytesError](err); large {
				status, err = http.StatusRequestEntityTooLarge, fmt.Errorf("the form has more than %d bytes", most)
			}
			fail(w, status, "bad_data", err.Error())
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), a.limit())
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	}))
}

// limit is how long a request may take: a query's time, and some to wait for a
// place and to write the answer.
func (a *api) limit() time.Duration { return a.DB.Section().Query.Timeout.Std() + 2*maxWait }

// recovered answers where a handler panics.
func (a *api) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		watched := &watchedWriter{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint,err113 // net/http compares it the same way
				panic(p)
			}
			a.Log.Error("a request panicked", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			if watched.begun {
				panic(http.ErrAbortHandler) // the client must not take what it has for all
			}
			w.Header().Del("Content-Encoding")
			fail(w, http.StatusInternalServerError, "internal", "the request failed for a mistake of Lapwing's, which is in its log")
		}()
		next.ServeHTTP(watched, r)
	})
}

// watchedWriter knows whether an answer has begun.
type watchedWriter struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (w *watchedWriter) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *watchedWriter) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Flush implements http.Flusher: remote read sends frames.
func (w *watchedWriter) Flush() {
	w.begun = true
	_ = http.NewResponseController(w.ResponseWriter).Flush() //nolint:errcheck // a writer that cannot flush need not
}

// Unwrap is for http.ResponseController.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
