package upstream_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/gateway/upstream"
)

// What may not come in a header from a client may not come after a body either.
func TestTrailersOfARequestGoOnButForgeNothing(t *testing.T) {
	got := make(chan http.Header, 1)
	p := newProxy(t, upstream.Config{}, serverOf(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got <- r.Trailer
	}))
	p.out = func(*http.Request) *upstream.Outbound {
		return &upstream.Outbound{RequestID: "r1", Remove: []string{"X-Api-Key"}, Set: []upstream.Field{{Name: "X-User", Value: "joe"}}}
	}
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const names = "X-Sum, X-Forwarded-For, Host, X-Api-Key, X_User, X-Request-Id, X-Named"
	if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nConnection: X-Named\r\nTransfer-Encoding: chunked\r\nTrailer: %s\r\n\r\n5\r\nhello\r\n0\r\n"+
		"X-Sum: 42\r\nX-Forwarded-For: 6.6.6.6\r\nHost: evil\r\nX-Api-Key: k\r\nX_User: root\r\nX-Request-Id: forged\r\nX-Named: 1\r\nX-Sudden: 1\r\n\r\n", names); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(http.Header{"X-Sum": {"42"}}, <-got); diff != "" {
		t.Error(diff)
	}
	if res := p.result(t); res.Error != "" {
		t.Errorf("%+v", res)
	}
}
