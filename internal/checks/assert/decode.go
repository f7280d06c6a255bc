package assert

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
)

// Limits of a JSON document from outside.
const (
	maxJSONDepth  = 200
	maxJSONValues = 1_000_000
)

// decodeJSON reads one JSON document. Whole numbers become int, so that ids
// beyond 2^53 compare exactly; other numbers, and whole ones beyond 64 bits,
// become float64. Objects are map[string]any, lists []any.
func decodeJSON(text []byte) (any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, faultf("body is empty, not JSON")
	}
	if err := checkJSONSize(text); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, faultf("body is not JSON: it ends too early")
		}
		return nil, faultf("body is not JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, faultf("body is not JSON: more follows after the first value")
	}
	return numbers(v), nil
}

// checkJSONSize refuses what would cost much more memory than its text, before
// anything is built of it.
func checkJSONSize(text []byte) error {
	depth, values := 0, 1
	quoted, escaped := false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped = c == '\\'
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '[', c == '{':
			values++
			if depth++; depth > maxJSONDepth {
				return faultf("body is JSON nested more than %d deep", maxJSONDepth)
			}
		case c == ']', c == '}':
			depth--
		case c == ',':
			if values++; values > maxJSONValues {
				return faultf("body is JSON of more than %d values", maxJSONValues)
			}
		}
	}
	return nil
}

// numbers replaces each json.Number in v. Its depth is bounded by maxJSONDepth.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(string(v))
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

func number(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	f, _ := strconv.ParseFloat(text, 64) // ±Inf beyond its range, which is what compares best
	return f
}
