package accesslog

import (
	"fmt"
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// Line is what a format makes of one line of a log. Its texts are parts of that
// line, and nothing is redacted yet.
type Line struct {
	// Exchange has what the line says. Its Time is zero when the line has none; the
	// API, the operation and the source are for others to say.
	observe.Exchange
	// Forwarded is X-Forwarded-For as it was logged; "" without.
	Forwarded string
	// Ended means that Time is when the answer had been sent, and not when the
	// request came: nginx, Caddy and uvicorn log then, Apache does not.
	Ended bool
}

// Mismatch says where a line stops being of a format. The zero value says that it
// is of it.
type Mismatch struct {
	At   int    // byte of the line
	Want string // what should stand there, such as "a status"
}

// OK reports whether the line was of the format.
func (m Mismatch) OK() bool { return m.Want == "" }

// Error implements error.
func (m Mismatch) Error() string { return fmt.Sprintf("at byte %d: %s is expected", m.At+1, m.Want) }

// Parser reads lines of one format. It remembers the last date, so it is for one
// goroutine.
type Parser interface {
	// Format is the name of the format.
	Format() string
	// Parse reads a line, without its end, into l, whatever was in it. After a
	// mismatch nothing in l means anything.
	Parse(line string, l *Line) Mismatch
}

// Bounds of what a line may say.
const (
	maxDuration = 30 * 24 * time.Hour
	maxBytes    = 1 << 53
)

// start moves a time at which the answer had been sent to when the request came.
func (l *Line) start() {
	if l.Ended && l.Duration > 0 && !l.Time.IsZero() {
		l.Time = l.Time.Add(-l.Duration)
		l.Ended = false
	}
}

// judge sets what follows from the status.
func (l *Line) judge() {
	l.Verdict = observe.Allowed
	if l.Status == statusClientGone {
		l.Error = observe.ErrorClientGone
	}
}

const (
	statusClientGone = 499 // nginx: the client went away before the answer
	notHTTP          = "http"
)

// unread notes a request that the server could not read: a handshake of TLS on a
// plain port, a connection without a request.
func (l *Line) unread() {
	l.Method, l.Path, l.Query, l.Protocol = "", "", "", ""
	l.Verdict, l.Policy = observe.Invalid, notHTTP
}
