package untrusted

import (
	"net/http"
	"time"
)

// patience is how long a body may take to arrive.
const patience = 30 * time.Second

// Hurry bounds the time in which the body of a request has to arrive: a sender
// that dawdles must not keep its place from others. The caller calls done when
// it has read the body.
func Hurry(w http.ResponseWriter) (done func()) {
	c := http.NewResponseController(w)
	if c.SetReadDeadline(time.Now().Add(patience)) != nil { // not a connection, but a test
		return func() {}
	}
	return func() { _ = c.SetReadDeadline(time.Time{}) } //nolint:errcheck // it could be set before
}
