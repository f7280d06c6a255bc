package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"lapwing.dev/lapwing/internal/fault"
)

// answer writes body as JSON.
func answer(w http.ResponseWriter, status int, body any) error {
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false) // "latency < 300ms" is read by people too; the type is JSON and nosniff holds it
	if err := encoder.Encode(body); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data.Bytes()) // the client has gone: nobody to tell
	return nil
}

// readBody reads a JSON object into body. Members that body does not have are
// refused; package web has bounded the size.
func readBody(r *http.Request, body any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return fault.Invalid("the body must be JSON, with the header Content-Type: application/json")
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(body); err != nil {
		return badBody(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fault.Invalid("the body has something after its JSON object")
	}
	return nil
}

func badBody(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	if errors.Is(err, io.EOF) {
		return fault.Invalid("the body is empty; want a JSON object")
	}
	return fault.Invalid("the body is not valid: %w", err)
}
