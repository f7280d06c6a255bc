package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/middleware/observe"
)

// contract wants bodies that begin with a brace, and notes what it was asked.
type contract struct{ asked chan string }

func (c contract) ValidateRequest(_ context.Context, api, method string, u *url.URL, _ http.Header, body []byte) error {
	c.asked <- api + " " + method + " " + u.RequestURI() + " " + string(body)
	if body != nil && !strings.HasPrefix(string(body), "{") {
		return errors.New("body: want an object")
	}
	return nil
}

func TestRequestsAreHeldToTheDocument(t *testing.T) {
	const bad, good = `[1]`, `{"id":1}`
	large := `{"x":"` + strings.Repeat("a", 2<<20) + `"}`
	for _, test := range []struct {
		name, mode, kind, body string
		status                 int
		asked                  string
		want                   observe.Exchange
	}{
		{"off", "off", "application/json", bad, 200, "", observe.Exchange{Verdict: observe.Allowed}},
		{"report, bad", "report", "application/json", bad, 200, `orders POST /base/x?y=1 [1]`, observe.Exchange{Verdict: observe.Allowed, Shadow: "contract"}},
		{"enforce, good", "enforce", "application/json; charset=utf-8", good, 200, `orders POST /base/x?y=1 {"id":1}`, observe.Exchange{Verdict: observe.Allowed}},
		{"enforce, bad", "enforce", "application/problem+json", bad, 400, `orders POST /base/x?y=1 [1]`, observe.Exchange{Verdict: observe.Invalid, Policy: "contract"}},
		{"enforce, no JSON", "enforce", "text/plain", bad, 200, `orders POST /base/x?y=1 `, observe.Exchange{Verdict: observe.Allowed}},
		{"enforce, large", "enforce", "application/json", large, 413, "", observe.Exchange{Verdict: observe.Invalid}},
		{"report, large", "report", "application/json", large, 200, `orders POST /base/x?y=1 `, observe.Exchange{Verdict: observe.Allowed}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := contract{make(chan string, 1)}
			cfg := single(upstreamServer(t, echo) + "/base")
			cfg.Routes[0].Validate, cfg.Routes[0].Path, cfg.Routes[0].Strip = test.mode, "/v1", true
			s := start(t, around{cfg: cfg, deps: gateway.Deps{Validator: c}})
			res, body := s.do("POST", "/v1/x?y=1", strings.NewReader(test.body), "Content-Type", test.kind)
			if res.StatusCode != test.status {
				t.Fatalf("%d %.200s", res.StatusCode, body)
			}
			if test.status == 200 && (!strings.HasPrefix(body, "POST /base/x?y=1\n") || !strings.HasSuffix(body, test.body)) {
				t.Errorf("the upstream got %.200s", body)
			}
			if test.status == 400 && !strings.Contains(body, "want an object") {
				t.Error(body)
			}
			asked := ""
			select {
			case asked = <-c.asked:
			default:
			}
			if asked != test.asked {
				t.Errorf("asked %q, want %q", asked, test.asked)
			}
			if e := s.sink.one(t); e.Verdict != test.want.Verdict || e.Policy != test.want.Policy || e.Shadow != test.want.Shadow {
				t.Errorf("%+v", e)
			}
		})
	}
}
