package untrusted

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/golang/snappy"
)

// TooLargeError is of a body that is larger than is taken, packed or unpacked.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the body is larger than %d MiB; send less at once", e.Limit>>20)
}

// Body reads a body of the encoding ("", identity or gzip), which may have limit
// bytes, packed and unpacked. The errors are the sender's mistakes, or that it
// went away.
func Body(body io.Reader, encoding string, limit int64) ([]byte, error) {
	switch encoding {
	case "", "identity":
		return read(body, limit)
	case "gzip":
		unpacked, err := gzip.NewReader(io.LimitReader(body, limit))
		if err != nil {
			return nil, fmt.Errorf("the body is not gzip: %w", err)
		}
		return read(unpacked, limit)
	default:
		return nil, fmt.Errorf("content encoding %.20q is not known; send gzip or none", encoding)
	}
}

// Snappy reads a body in Snappy's block format, which says its unpacked size in
// front: it is refused before it is unpacked when that is more than limit bytes.
func Snappy(body io.Reader, limit int64) ([]byte, error) {
	packed, err := read(body, limit)
	if err != nil {
		return nil, err
	}
	size, err := snappy.DecodedLen(packed)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the body is not Snappy's block format: %w", err)
	case int64(size) > limit:
		return nil, &TooLargeError{limit}
	// A byte of Snappy makes 64 at most, so that a longer promise is a lie that
	// would only cost memory.
	case size > 64*len(packed):
		return nil, errors.New("the body is not Snappy's block format: it promises more than it can hold")
	}
	unpacked, err := snappy.Decode(nil, packed)
	if err != nil {
		return nil, fmt.Errorf("the body is not Snappy's block format: %w", err)
	}
	return unpacked, nil
}

func read(from io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(from, limit+1))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &TooLargeError{tooLarge.Limit}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("the body cannot be read: %w", err)
	case int64(len(body)) > limit:
		return nil, &TooLargeError{limit}
	}
	return body, nil
}
