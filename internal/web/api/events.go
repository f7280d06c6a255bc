package api

import "net/http"

// streamEvents answers GET /events with server-sent events.
func (a *API) streamEvents(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r, "last_event_id").err; err != nil {
		return err
	}
	return a.deps.Events.Serve(w, r)
}
