package upstream_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/gateway/upstream"
)

func TestARequestGoesThroughAndItsAnswerComesBack(t *testing.T) {
	bothPaths(t, func(t *testing.T, start starter) {
		server := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("X-Saw", r.Method+" "+r.RequestURI+" "+string(body)+" "+r.Header.Get("X-Forwarded-For"))
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "hello")
		})
		p := start(upstream.Config{}, server)
		answer, err := p.Client().Post(p.URL+"/a%2Fb?c=d", "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		if got := answer.Header.Get("X-Saw"); answer.StatusCode != 201 || string(body) != "hello" || got != "POST /a%2Fb?c=d body 127.0.0.1" {
			t.Errorf("status %d, body %q, upstream saw %q", answer.StatusCode, body, got)
		}
		res := p.result(t)
		if res.Upstream != server || res.Status != 201 || res.Error != "" || res.Attempts != 1 || res.RequestBytes != 4 || res.ResponseBytes != 5 || !res.Committed {
			t.Errorf("result %+v", res)
		}
		if ph := res.Phases; ph.Connect <= 0 || ph.Wait <= 0 || ph.Transfer <= 0 || res.Started.IsZero() {
			t.Errorf("phases %+v since %v", ph, res.Started)
		}
	})
}
