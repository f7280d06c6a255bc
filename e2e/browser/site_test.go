package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"lapwing.dev/lapwing/internal/web/live"
	"lapwing.dev/lapwing/internal/web/ui"
)

// policy is what package web sends with every page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// stream is the events of the API. It counts how many times it was opened, so
// that tests see how many tabs share one.
type stream struct {
	hub  *live.Hub
	open chan struct{} // receives one for each stream that is opened
	ends chan struct{}
	// refuse makes the stream answer 503, as a server that is starting does.
	refuse atomic.Bool
}

// startSite serves the pages and a stream of events with the headers of package web.
func startSite(t *testing.T, deps ui.Deps) (*httptest.Server, *stream) {
	t.Helper()
	pages, err := ui.New(deps)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{hub: live.NewHub(100), open: make(chan struct{}, 1000), ends: make(chan struct{})}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.Handle("GET /api/v1/events", s)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "same-origin")
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		close(s.ends)
		site.Close()
	})
	return site, s
}

func (s *stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.refuse.Load() {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	s.open <- struct{}{}
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w)
	_, _ = fmt.Fprint(w, ": hello\n\n")
	_ = flush.Flush()
	id := s.hub.Last()
	if last := r.URL.Query().Get("last_event_id"); last != "" {
		_, _ = fmt.Sscan(last, &id)
	}
	for {
		events, _, more := s.hub.Since(id)
		for _, e := range events {
			_, _ = fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Type, e.Data)
			id = e.ID
		}
		_ = flush.Flush()
		select {
		case <-r.Context().Done():
			return
		case <-s.ends:
			return
		case <-more:
		}
	}
}
