package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/heartbeats"
)

// Heartbeats are signs of life of jobs; *heartbeats.Manager takes them.
type Heartbeats interface {
	// List returns all that are waited for, in the order of the configuration.
	List() []heartbeats.View
	// Beat takes a sign of life; fault.NotFound: nobody waits for it.
	Beat(ctx context.Context, name string, ok bool, message, by string) error
}

type heartbeatDTO struct {
	Name    string  `json:"name"`
	API     string  `json:"api,omitempty"`
	State   string  `json:"state"`
	Since   stamp   `json:"since"`
	EveryMS float64 `json:"every_ms"`
	GraceMS float64 `json:"grace_ms"`
	Last    stamp   `json:"last,omitzero"` // absent: never
	Due     stamp   `json:"due"`
	Message string  `json:"message,omitempty"`
	By      string  `json:"by,omitempty"`
	Count   uint64  `json:"count"`
}

type heartbeatList struct {
	Heartbeats []heartbeatDTO `json:"heartbeats"`
}

// listHeartbeats answers GET /heartbeats.
func (a *API) listHeartbeats(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Heartbeats == nil {
		return absent("heartbeats")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	list := heartbeatList{Heartbeats: []heartbeatDTO{}}
	for _, v := range a.deps.Heartbeats.List() {
		list.Heartbeats = append(list.Heartbeats, heartbeatDTO{
			v.Name, v.API, string(v.State), stamp(v.Since), millis(v.Every), millis(v.Grace), stamp(v.Last), stamp(v.Due), v.Message, v.By, v.Count,
		})
	}
	return answer(w, http.StatusOK, list)
}

// beat answers POST /heartbeats/{name}. It is called at the end of scripts, so
// the body is whatever text the job has to say.
func (a *API) beat(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Heartbeats == nil {
		return absent("heartbeats")
	}
	q := readQuery(r, "status")
	if q.err != nil {
		return q.err
	}
	ok := true
	switch status := q.text("status"); status {
	case "", "ok":
	case "fail":
		ok = false
	default:
		return fault.Invalid("status %.40q: want ok or fail", status)
	}
	message, err := io.ReadAll(io.LimitReader(r.Body, heartbeats.MaxMessage+4))
	if err != nil && !errors.Is(err, io.EOF) {
		return fault.Invalid("the body could not be read: %w", err)
	}
	text := string(message)
	if quoted := ""; json.Unmarshal(message, &quoted) == nil { // from a client that sends JSON
		text = quoted
	}
	if err := a.deps.Heartbeats.Beat(r.Context(), r.PathValue("name"), ok, text, caller(r.Context())); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
