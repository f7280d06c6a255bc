package demo

import (
	"context"
	_ "embed"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Document is the API's OpenAPI 3.1 document, as served at /openapi.json.
//
//go:embed openapi.json
var Document []byte

// API serves the demo shop. The same seed gives the same delays and the same
// failures in the same order of requests. It keeps no data of its callers and
// may be served to any number of them.
func API(seed uint64) http.Handler {
	s := &shop{random: rand.New(rand.NewPCG(seed, 0x5109)), tokens: newTokens()} //nolint:gosec // delays, not secrets
	mux := http.NewServeMux()
	mux.HandleFunc("GET /openapi.json", s.document)
	for pattern, endpoint := range map[string]endpoint{
		"GET /health":            {1, 4, s.health},
		"GET /orders":            {8, 35, s.orders},
		"GET /orders/{order_id}": {5, 22, s.order},
		"GET /items":             {4, 18, s.items},
		"GET /items/{item_id}":   {3, 12, s.item},
		"GET /search":            {15, 70, s.search},
		"GET /inventory":         {6, 25, s.inventory},
		"GET /reports/daily":     {350, 600, s.report},
		"GET /refunds":           {3, 9, s.refunds},
		"POST /login":            {20, 45, s.login},
		"GET /users/me":          {4, 15, s.me},
	} {
		mux.HandleFunc(pattern, s.slowed(endpoint))
	}
	return fastAPIErrors(mux)
}

// shop answers the requests.
type shop struct {
	tokens tokens

	mu     sync.Mutex
	random *rand.Rand
	failed bool // the last /inventory did
}

// endpoint takes between least and most milliseconds.
type endpoint struct {
	least, most int
	answer      http.HandlerFunc
}

func (s *shop) slowed(e endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if pause(r.Context(), s.delay(e)) {
			e.answer(w, r)
		}
	}
}

// delay is skewed to the short side, as delays of real servers are.
func (s *shop) delay(e endpoint) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.random.Float64()
	return time.Duration((float64(e.least) + float64(e.most-e.least)*x*x) * float64(time.Millisecond))
}

// unlucky reports a failure about once in eight times, never twice in a row.
func (s *shop) unlucky() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = !s.failed && s.random.IntN(8) == 0
	return s.failed
}

// pause waits; false when the caller has gone.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error here means that the caller has gone; nobody is left to be told.
	_ = json.NewEncoder(w).Encode(body)
}

// detail is how FastAPI tells an error.
type detail struct {
	Detail any `json:"detail"`
}

// invalid is one entry of FastAPI's answer to a request that does not fit.
type invalid struct {
	Loc  []any  `json:"loc"`
	Msg  string `json:"msg"`
	Type string `json:"type"`
}

func refuse(w http.ResponseWriter, where, name, message, kind string) {
	answer(w, http.StatusUnprocessableEntity, detail{[]invalid{{[]any{where, name}, message, kind}}})
}

// fastAPIErrors gives unknown paths and methods the answers that FastAPI would.
func fastAPIErrors(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != "" {
				w.Header().Set("Allow", method)
				answer(w, http.StatusMethodNotAllowed, detail{"Method Not Allowed"})
				return
			}
		}
		answer(w, http.StatusNotFound, detail{"Not Found"})
	})
}
