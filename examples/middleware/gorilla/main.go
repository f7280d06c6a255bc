// Command orders is a small API on gorilla/mux, watched and limited by Lapwing.
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

	"github.com/gorilla/mux"
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
	server := &http.Server{Handler: m.Handler(routes()), ReadHeaderTimeout: 10 * time.Second}
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

// routes has the middleware around the whole router, which otherwise would not
// show it the requests that match no route.
func routes() http.Handler {
	router := mux.NewRouter()
	router.Use(tellRoute)
	router.HandleFunc("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"id": mux.Vars(r)["id"]})
	}).Methods("GET")
	router.HandleFunc("/broken", func(http.ResponseWriter, *http.Request) { panic("a defect") })
	return router
}

// tellRoute tells the middleware which route the router has found.
func tellRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if template, err := mux.CurrentRoute(r).GetPathTemplate(); err == nil {
			middleware.FromContext(r.Context()).SetOperation(template)
		}
		next.ServeHTTP(w, r)
	})
}
