package ingest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"

	"lapwing.dev/lapwing/internal/fault"
)

// readBatch reads the whole body. It is bounded by what comes out of it, so that
// a small body that unpacks to much (a gzip bomb) costs no more than a large one.
func readBatch(r *http.Request) ([]byte, error) {
	switch kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); {
	case err == nil && (kind == "application/x-ndjson" || kind == "application/jsonl" || kind == "application/json"):
	default:
		return nil, fault.Invalid("the body must be lines of JSON, with the header Content-Type: application/x-ndjson")
	}
	var body io.Reader = r.Body
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, broken(err)
		}
		body = unpacked
	default:
		return nil, fault.Invalid("Content-Encoding %.20q is not known; send gzip or nothing", encoding)
	}
	var raw bytes.Buffer
	n, err := raw.ReadFrom(io.LimitReader(body, maxRaw+1))
	switch {
	case err != nil:
		return nil, broken(err)
	case n > maxRaw:
		return nil, &http.MaxBytesError{Limit: maxRaw}
	}
	return raw.Bytes(), nil
}

// broken tells a body that is too large, or was not read to its end, from one
// that is wrong.
func broken(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	return fault.Invalid("the body cannot be read: %w", err)
}
