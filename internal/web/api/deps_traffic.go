package api

import (
	"net/http"

	"lapwing.dev/lapwing/internal/fault"
)

// Ingest answers the routes of middlewares; *ingest.Receiver does. An error means
// that nothing was written yet.
type Ingest interface {
	// Receive takes a batch of exchanges.
	Receive(w http.ResponseWriter, r *http.Request) error
	// Blocks tells the blocks to keep.
	Blocks(w http.ResponseWriter, r *http.Request) error
}

// absent is the error of routes whose part the server runs without.
func absent(what string) error { return fault.NotFound("this server has no %s", what) }
