package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"lapwing.dev/lapwing/middleware"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/limit/limittest"
)

// TestLimitsMeanWhatTheyMeanEverywhere plays the stories of package limittest by
// requests through the middleware.
func TestLimitsMeanWhatTheyMeanEverywhere(t *testing.T) {
	for _, c := range limittest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				limittest.Drive(t, c, driver(t, c.Policies))
			})
		})
	}
}

// driver makes requests through a middleware with these policies.
func driver(t *testing.T, policies []limit.Policy) limittest.Driver {
	// A request with a channel in its context runs until that is closed.
	type held struct{ started, end chan struct{} }
	type heldKey struct{}
	h, _ := around(t, middleware.Options{Policies: policies}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if hold, ok := r.Context().Value(heldKey{}).(held); ok {
			close(hold.started)
			<-hold.end
		}
	}))
	take := func(r *http.Request, client string) (limittest.Answer, error) {
		r.Header.Set(limittest.ClientHeader, client)
		w := httptest.NewRecorder()
		before := time.Now()
		h.ServeHTTP(w, r)
		return read(w, time.Since(before))
	}
	return limittest.Driver{
		Take: func(client string) (limittest.Answer, error) { return take(get("/"), client) },
		Hold: func(client string) (limittest.Answer, func(), error) {
			hold := held{make(chan struct{}), make(chan struct{})}
			r := get("/").WithContext(context.WithValue(t.Context(), heldKey{}, hold))
			type result struct {
				answer limittest.Answer
				err    error
			}
			done := make(chan result, 1)
			before := time.Now()
			go func() {
				answer, err := take(r, client)
				done <- result{answer, err}
			}()
			select {
			case <-hold.started:
				return limittest.Answer{Waited: time.Since(before)}, func() { close(hold.end); <-done }, nil
			case got := <-done:
				return got.answer, func() {}, got.err
			}
		},
	}
}

// read is what an answer says of a decision.
func read(w *httptest.ResponseRecorder, took time.Duration) (limittest.Answer, error) {
	switch w.Code {
	case http.StatusOK:
		return limittest.Answer{Waited: took}, nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		seconds, err := strconv.Atoi(w.Header().Get("Retry-After"))
		if err != nil {
			seconds = 0 // not told
		}
		return limittest.Answer{Rejected: true, RetryAfter: time.Duration(seconds) * time.Second}, nil
	}
	return limittest.Answer{}, errors.New("status " + strconv.Itoa(w.Code))
}
