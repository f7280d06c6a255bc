package web

import (
	"crypto/rand"
	"fmt"
	"net/http"

	"lapwing.dev/lapwing/internal/web/problem"
)

// identify gives the request an id that the answer, the log and a problem show.
// An id that comes from outside is not taken over: it would be theirs to choose
// what our log says.
func identify() middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id := uuid()
			w.Header().Set("X-Request-Id", id)
			next.ServeHTTP(w, r.WithContext(problem.WithRequestID(r.Context(), id)))
		})
	}
}

// uuid returns a random UUID (RFC 9562 §5.4).
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it crashes the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
