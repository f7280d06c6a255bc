package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/web/problem"
)

// recoverer turns a panic into an answer and one line in the log. When the
// answer has begun it cuts the connection instead, so that half an answer is
// not taken for a whole one.
func recoverer(log *slog.Logger, fail *failer) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			out := &started{ResponseWriter: w}
			defer func() {
				cause := recover()
				if cause == nil {
					return
				}
				if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(cause) // meant: net/http cuts the connection and says nothing
				}
				log.ErrorContext(r.Context(), "handler panicked", "method", r.Method, "path", r.URL.Path,
					"request", problem.RequestID(r.Context()), "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
				if out.began {
					panic(http.ErrAbortHandler)
				}
				// With a code, so that nobody logs it a second time.
				fail.write(w, r, &fault.Error{Code: "internal", Message: "the request could not be answered; the log of Lapwing has the cause"})
			}()
			next.ServeHTTP(out, r)
		})
	}
}

// started knows whether an answer has begun.
type started struct {
	http.ResponseWriter
	began bool
}

func (s *started) WriteHeader(status int) {
	s.began = s.began || status >= http.StatusOK // 1xx are not the answer yet
	s.ResponseWriter.WriteHeader(status)
}

func (s *started) Write(p []byte) (int, error) {
	s.began = true
	return s.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *started) Unwrap() http.ResponseWriter { return s.ResponseWriter }
