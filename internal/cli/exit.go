package cli

import (
	"context"
	"errors"
	"fmt"

	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/fault"
)

// The exit statuses.
const (
	ExitOK          = 0
	ExitFailed      = 1  // a check failed, or the command could not do its work
	ExitConfig      = 3  // the configuration has mistakes
	ExitUnreachable = 4  // no server answered, or it refused the credentials
	ExitUsage       = 64 // the command line has mistakes
	ExitInterrupted = 130
)

// exitError is an error with its exit status. silent errors have been explained already.
type exitError struct {
	status int
	err    error
	silent bool
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

var errChecksFailed = errors.New("checks failed")

func usageError(format string, args ...any) error {
	return &exitError{status: ExitUsage, err: fmt.Errorf(format, args...)}
}

func unreachable(format string, args ...any) error {
	return &exitError{status: ExitUnreachable, err: fmt.Errorf(format, args...)}
}

// statusOf maps an error to its exit status.
func statusOf(err error) int {
	var exit *exitError
	var mistakes *config.Errors
	var problems fault.Problems
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &exit):
		return exit.status
	case errors.As(err, &mistakes), errors.As(err, &problems):
		return ExitConfig
	case fault.KindOf(err) == fault.KindInvalid:
		return ExitUsage
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	default:
		return ExitFailed
	}
}
