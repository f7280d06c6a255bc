package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"lapwing.dev/lapwing/middleware/observe"
)

var (
	errNotInUse      = errors.New("the pool is not in use")
	errOpen          = errors.New("the breaker is open: too many exchanges with this pool failed")
	errQueueFull     = errors.New("every server is at its limit of connections, and the queue is full")
	errQueueWait     = errors.New("every server is at its limit of connections, and none became free in time")
	errHeaderTimeout = errors.New("the upstream's answer did not begin in time")
	errIdleTimeout   = errors.New("the upstream's answer stood still for too long")
	errCut           = fmt.Errorf("the upstream ended the connection within its answer: %w", io.ErrUnexpectedEOF)
	errShort         = errors.New("the upstream ended its answer before the length that it had told")
)

// protocolError is an answer that is not HTTP as it should be.
type protocolError string

func (e protocolError) Error() string { return "malformed answer of the upstream: " + string(e) }

// dialError is a connection that could not be made: nothing was sent.
type dialError struct{ err error }

func (e *dialError) Error() string { return "connect to upstream: " + e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// bodyError is a failure to read the client's body.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "read request body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// clientError is a failure to write to the client.
type clientError struct{ err error }

func (e *clientError) Error() string { return "write to client: " + e.err.Error() }
func (e *clientError) Unwrap() error { return e.err }

// classify says which part of the way failed. ctx is the client's request's.
func classify(ctx context.Context, err error) observe.ErrorClass {
	var (
		body     *bodyError
		client   *clientError
		dial     *dialError
		protocol protocolError
		network  net.Error
	)
	switch {
	case err == nil:
		return observe.NoError
	case errors.As(err, &body) && (isTooLarge(err) || isTimeout(body.err) || ctx.Err() == nil && !gone(body.err)):
		return observe.ErrorRequestBody
	case errors.As(err, &body), errors.As(err, &client):
		return observe.ErrorClientGone
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return observe.ErrorTimeout
	case ctx.Err() != nil:
		return observe.ErrorClientGone
	case errors.Is(err, errOpen), errors.Is(err, errQueueFull), errors.Is(err, errQueueWait):
		return observe.ErrorNoUpstream
	case errors.Is(err, errHeaderTimeout), errors.Is(err, errIdleTimeout):
		return observe.ErrorTimeout
	case errors.As(err, &dial):
		return observe.ErrorConnect
	case errors.As(err, &protocol), errors.Is(err, errShort):
		return observe.ErrorProtocol
	case errors.As(err, &network) && network.Timeout():
		return observe.ErrorTimeout
	case gone(err), errors.Is(err, net.ErrClosed):
		return observe.ErrorReset
	default:
		return observe.ErrorProtocol
	}
}

// gone reports an error that means that the other side closed the connection.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED)
}

func isTooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
