package upstream_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/gateway/upstream"
)

func TestARequestGoesThroughAndItsAnswerComesBack(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Saw", r.Method+" "+r.RequestURI+" "+string(body)+" "+r.Header.Get("X-Forwarded-For"))
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "hello")
	}))
	defer server.Close()
	registry := upstream.NewRegistry(slog.New(slog.DiscardHandler))
	pool, err := upstream.NewPool(upstream.Config{Name: "p", Servers: []upstream.Server{{URL: server.URL}}}, upstream.Deps{Registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	registry.Use(pool)
	var res upstream.Result
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pool.Forward(w, r, &upstream.Outbound{}, &res)
	}))
	defer front.Close()
	answer, err := http.Post(front.URL+"/a%2Fb?c=d", "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if got := answer.Header.Get("X-Saw"); answer.StatusCode != 201 || string(body) != "hello" || got != "POST /a%2Fb?c=d body 127.0.0.1" {
		t.Errorf("status %d, body %q, upstream saw %q", answer.StatusCode, body, got)
	}
	if res.Status != 201 || res.Error != "" || res.Attempts != 1 || res.RequestBytes != 4 || res.ResponseBytes != 5 || !res.Committed {
		t.Errorf("result %+v", res)
	}
	registry.Use()
}
