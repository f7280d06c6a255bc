// Package fault holds the kinds of errors on which a caller decides, and the
// problems that a configuration can have.
//
// Everything else is a plain wrapped error. A domain returns
// fault.NotFound("check %q", id); the HTTP surface turns it into a 404 with a
// stable code, the command line into an exit status.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what a caller can do about an error.
type Kind string

// The kinds. They double as the stable codes of problem+json answers.
const (
	KindInvalid     Kind = "invalid"     // the caller sent something wrong: 400
	KindNotFound    Kind = "not_found"   // there is no such thing: 404
	KindConflict    Kind = "conflict"    // it is there, but in another state: 409
	KindForbidden   Kind = "forbidden"   // known caller, not allowed: 403
	KindUnauthentic Kind = "unauthentic" // unknown caller: 401
	KindUnavailable Kind = "unavailable" // try again later: 503
)

// Error is an error with a kind.
type Error struct {
	Kind    Kind
	Message string // a sentence for a human, lower case, no full stop
	Err     error  // the cause, already part of Message; may be nil

	Code       string        // a finer stable code than Kind; "" means Kind
	RetryAfter time.Duration // when the same call may work, 0 is not known
}

func (e *Error) Error() string { return e.Message }

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first *Error in err's chain, or "" if none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// Invalid reports that the caller sent something wrong.
func Invalid(format string, args ...any) error { return newError(KindInvalid, format, args) }

// NotFound reports that there is no such thing.
func NotFound(format string, args ...any) error { return newError(KindNotFound, format, args) }

// Conflict reports that the thing is in a state that does not allow the call.
func Conflict(format string, args ...any) error { return newError(KindConflict, format, args) }

// Forbidden reports that a known caller may not do this.
func Forbidden(format string, args ...any) error { return newError(KindForbidden, format, args) }

// Unauthentic reports that the caller did not prove who it is.
func Unauthentic(format string, args ...any) error { return newError(KindUnauthentic, format, args) }

// Unavailable reports that the same call may work later.
func Unavailable(format string, args ...any) error { return newError(KindUnavailable, format, args) }

// newError keeps a wrapped cause (%w) reachable.
func newError(kind Kind, format string, args []any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), Err: err}
}
