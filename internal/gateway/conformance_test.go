package gateway_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/limit/limittest"
)

// holdHeader makes the upstream of a case hold a request until it is let go.
const holdHeader = "X-Hold"

// TestLimitsMeanWhatTheyMeanEverywhere plays the stories of package limittest by
// requests through the proxy, in real time.
func TestLimitsMeanWhatTheyMeanEverywhere(t *testing.T) {
	for _, c := range limittest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			limittest.Drive(t, c, proxied(t, c.Policies))
		})
	}
}

// proxied sends a case's requests through a gateway with its policies.
func proxied(t *testing.T, policies []limit.Policy) limittest.Driver {
	t.Helper()
	arrived, release := make(chan struct{}), make(chan struct{})
	url := upstreamServer(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get(holdHeader) != "" {
			arrived <- struct{}{}
			<-release
		}
	})
	cfg, named := single(url), map[string]limit.Policy{}
	cfg.Routes[0].Retries = gateway.Retries{Max: new(int)}
	for _, p := range policies {
		named[p.Name] = p
		cfg.Routes[0].Limits = append(cfg.Routes[0].Limits, p.Name)
	}
	s := start(t, around{cfg: cfg, policies: named})
	ask := func(client string, header ...string) (limittest.Answer, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("/orders"), nil)
		if err != nil {
			return limittest.Answer{}, err
		}
		r.Header.Set(limittest.ClientHeader, client)
		for _, name := range header {
			r.Header.Set(name, "1")
		}
		before := time.Now()
		res, err := s.client.Do(r)
		if err != nil {
			return limittest.Answer{}, err
		}
		defer res.Body.Close() //nolint:errcheck // it has none that matters
		return decision(res, time.Since(before))
	}
	return limittest.Driver{
		Take: func(client string) (limittest.Answer, error) { return ask(client) },
		Hold: func(client string) (limittest.Answer, func(), error) {
			type result struct {
				answer limittest.Answer
				err    error
			}
			done := make(chan result, 1)
			before := time.Now()
			go func() {
				answer, err := ask(client, holdHeader)
				done <- result{answer, err}
			}()
			select {
			case <-arrived:
				return limittest.Answer{Waited: time.Since(before)}, func() { release <- struct{}{}; <-done }, nil
			case got := <-done:
				return got.answer, func() {}, got.err
			}
		},
	}
}

// decision is what an answer says of a decision.
func decision(res *http.Response, took time.Duration) (limittest.Answer, error) {
	switch res.StatusCode {
	case http.StatusOK:
		return limittest.Answer{Waited: took}, nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
		if err != nil {
			seconds = 0 // not told
		}
		return limittest.Answer{Rejected: true, RetryAfter: time.Duration(seconds) * time.Second}, nil
	}
	return limittest.Answer{}, fmt.Errorf("the gateway answered %s", res.Status)
}
