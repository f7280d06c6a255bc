package ingest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/ingest"
	"lapwing.dev/lapwing/middleware"
	"lapwing.dev/lapwing/middleware/block"
)

// TestAMiddlewareSendsAndKeepsBlocks is both ends of the wire at once.
func TestAMiddlewareSendsAndKeepsBlocks(t *testing.T) {
	var sink heard
	receiver := ingest.New(ingest.Deps{Sink: &sink, Blocks: func() ([]block.Entry, []block.Target) {
		return []block.Entry{{ID: "b1", Target: mustTarget(t, "203.0.113.0/24")}}, []block.Target{mustTarget(t, "203.0.113.9")}
	}})
	mux := http.NewServeMux()
	for pattern, answer := range map[string]func(http.ResponseWriter, *http.Request) error{
		"POST /api/v1/exchanges": receiver.Receive, "GET /api/v1/exchanges/blocks": receiver.Blocks,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := answer(w, r); err != nil {
				t.Error(err)
			}
		})
	}
	server := httptest.NewServer(mux)
	defer server.Close()

	m, err := middleware.New(middleware.Options{
		API: "orders", Server: server.URL, ServerBlocks: true, Interval: 10 * time.Millisecond,
		OnError: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	status := func(addr string) int {
		r := httptest.NewRequest("GET", "/orders/17?token=x", nil)
		r.RemoteAddr = addr + ":80"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	blocked := false
	for range 1000 { // until the list has come
		if blocked = status("203.0.113.7") == http.StatusForbidden; blocked {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if !blocked || status("203.0.113.9") != http.StatusOK {
		t.Error("the blocks of the server are not kept")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	last := sink.list[len(sink.list)-1]
	if last.API != "orders" || last.Query != "token=[redacted]" || last.ClientKey != "203.0.113.9" || last.Status != 200 {
		t.Errorf("%+v", last)
	}
	if got := m.Stats(); got.Dropped != 0 || got.Sent != uint64(len(sink.list)) {
		t.Errorf("%+v, %d heard", got, len(sink.list))
	}
}
