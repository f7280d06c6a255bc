// Command orders is a small API on go-chi/chi, watched and limited by Lapwing.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	"lapwing.dev/lapwing/middleware"
	"lapwing.dev/lapwing/middleware/limit"
)

func main() {
	if err := run(); err != nil {
		slog.Error("the server ended", "error", err)
		os.Exit(1)
	}
}

// run serves until a signal comes, and sends what is left before it returns.
func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	m, err := middleware.New(middleware.Options{
		API:    "orders",
		Server: os.Getenv("LAPWING_URL"), // nothing is sent without it
		Token:  os.Getenv("LAPWING_TOKEN"),
		// chi knows the route when the handler has returned.
		Operation: func(r *http.Request) string { return chi.RouteContext(r.Context()).RoutePattern() },
		Policies: []limit.Policy{{
			Name: "default", Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerSecond(20), Burst: 40,
		}},
		OnError: func(err error) { slog.Warn("exchanges not sent", "error", err) },
	})
	if err != nil {
		return err
	}
	go m.Run(context.Background()) // until Close

	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:8000"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: routes(m), ReadHeaderTimeout: 10 * time.Second}
	serving := make(chan error, 1)
	go func() { serving <- server.Serve(listener) }()
	slog.Info("listening", "url", "http://"+listener.Addr().String())

	select {
	case err := <-serving:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(last), m.Close(last)) // the last requests first, then what is known of them
}
func routes(m *middleware.Middleware) http.Handler {
	router := chi.NewRouter()
	router.Use(m.Handler) // first, so that it sees what the others do
	router.Route("/orders", func(orders chi.Router) {
		orders.Get("/{id}", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]string{"id": chi.URLParam(r, "id")})
		})
	})
	router.Get("/broken", func(http.ResponseWriter, *http.Request) { panic("a defect") })
	return router
}
