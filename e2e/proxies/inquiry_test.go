package proxies

import (
	"net/http"
	"testing"
)

// A proxy writes one kind of headers and may pass on the other as its client
// sent it: who believed that one would decide about another request.
func TestAnInquiryIsAboutOneRequest(t *testing.T) {
	s := &stand{t: t, sink: &recorder{}, client: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(s.client.CloseIdleConnections)
	s.startGateway()
	s.proxy = s.gateway.Addr().String()
	for _, test := range []struct {
		name   string
		header []string
		status int
	}{
		{"as nginx asks", []string{"X-Original-URI", "/private/x", "X-Original-Method", "GET"}, http.StatusUnauthorized},
		{"as Caddy asks", []string{"X-Forwarded-Uri", "/private/x", "X-Forwarded-Method", "GET"}, http.StatusUnauthorized},
		{"a client of Caddy's names another target", []string{"X-Forwarded-Uri", "/private/x", "X-Original-URI", "/plain/x"}, http.StatusBadRequest},
		{"a client of nginx's names another target", []string{"X-Original-URI", "/private/x", "X-Forwarded-Uri", "/plain/x"}, http.StatusBadRequest},
		{"another method", []string{"X-Forwarded-Uri", "/get-only/x", "X-Forwarded-Method", "DELETE", "X-Original-Method", "GET"}, http.StatusBadRequest},
		{"another host", []string{"X-Forwarded-Uri", "/plain/x", "X-Forwarded-Host", "a.example", "X-Original-Host", "b.example"}, http.StatusBadRequest},
		{"both, and the same", []string{"X-Forwarded-Uri", "/plain/x", "X-Original-URI", "/plain/x"}, http.StatusOK},
		{"no target", nil, http.StatusBadRequest},
	} {
		if res, text := s.must(http.MethodGet, "/.lapwing/decide", "", test.header...); res.StatusCode != test.status {
			t.Errorf("%s: %s: %s", test.name, res.Status, text)
		}
	}
}
