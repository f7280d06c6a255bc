package promapi

import (
	"encoding/json"
	"net/http"
)

// answer is the form of Prometheus' answers.
type answer struct {
	Status    string `json:"status"`
	Data      any    `json:"data,omitempty"`
	ErrorType string `json:"errorType,omitempty"`
	Error     string `json:"error,omitempty"`
}

// succeed writes data.
func succeed(w http.ResponseWriter, data any) {
	write(w, http.StatusOK, answer{Status: "success", Data: data})
}

// fail writes an error; kind is one of Prometheus' words: bad_data, timeout,
// unavailable, internal, not_found.
func fail(w http.ResponseWriter, status int, kind, text string) {
	write(w, status, answer{Status: "error", ErrorType: kind, Error: text})
}

// failing always fails.
func failing(status int, kind, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fail(w, status, kind, text) })
}

func write(w http.ResponseWriter, status int, a answer) {
	body, err := json.Marshal(a)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"status":"error","errorType":"internal","error":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:errcheck // the client went away
}
