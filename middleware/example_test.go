package middleware_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"lapwing.dev/lapwing/middleware"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

func Example() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "order "+r.PathValue("id"))
	})

	m, err := middleware.New(middleware.Options{
		API:   "orders",
		Sinks: []observe.Sink{observe.SinkFunc(func(e *observe.Exchange) { fmt.Println(e.Operation, e.Status, e.ResponseBytes) })},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := m.Handler(mux) // for http.Server

	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/orders/17", nil))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/nothing", nil))
	// Output:
	// GET /orders/{id} 200 8
	//  404 19
}

// A client may send two requests a minute, those of the tier "pro" three.
func ExampleNew_limits() {
	m, err := middleware.New(middleware.Options{
		API: "orders",
		Identify: func(r *http.Request) middleware.Identity {
			// What the application has verified, never what the request merely claims.
			if r.Header.Get("X-Api-Key") == "the key of our best customer" {
				return middleware.Identity{APIKey: "best-customer"}
			}
			return middleware.Identity{}
		},
		Policies: []limit.Policy{{Name: "default", Key: []limit.KeyPart{limit.APIKeyName()}, Rate: limit.PerMinute(2)}},
		Tiers: []limit.Tier{{
			Name:  "pro",
			When:  func(r *limit.Request) bool { return r.APIKey == "best-customer" },
			Rates: map[string]limit.Rate{"default": limit.PerMinute(3)},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := m.Handler(http.NotFoundHandler())
	for _, key := range []string{"", "the key of our best customer"} {
		var answers []int
		for range 4 {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("X-Api-Key", key)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			answers = append(answers, w.Code)
		}
		fmt.Println(answers)
	}
	// Output:
	// [404 404 429 429]
	// [404 404 404 429]
}

// What is observed goes to a server for as long as Run runs, and what is left at
// the end with Close.
func ExampleMiddleware_Run() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL.Path, r.Header.Get("Content-Type"))
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()

	m, err := middleware.New(middleware.Options{API: "orders", Server: server.URL, Token: "lw_…"})
	if err != nil {
		fmt.Println(err)
		return
	}
	go m.Run(context.Background()) //nolint:errcheck // it fails only when it is called twice

	m.Handler(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := m.Close(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: POST /api/v1/exchanges application/x-ndjson
}

// A handler passes the trace on with its own requests, and tells who was served.
func ExampleFromContext() {
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		observation := middleware.FromContext(r.Context())
		observation.SetUser("4711") // an id, never a credential

		out, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://stock.internal/items/1", nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		trace := observation.Trace()
		tracecontext.Inject(out.Header, &trace, tracecontext.W3C)
		fmt.Println(out.Header.Get("Traceparent")[:35])
	})
	m, err := middleware.New(middleware.Options{Sinks: []observe.Sink{observe.SinkFunc(func(e *observe.Exchange) { fmt.Println("user", e.User) })}})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	m.Handler(handler).ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// 00-4bf92f3577b34da6a3ce929d0e0e4736
	// user 4711
}
