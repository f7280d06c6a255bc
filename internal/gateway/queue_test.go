package gateway_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// Whoever gives up while it waits is not served later, body or not: it may have
// sent the same again.
func TestAClientThatGivesUpLeavesTheQueueWithItsBody(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells of an end behind a body that was not read")
	}
	paths := make(chan string, 10)
	cfg := single(upstreamServer(t, func(_ http.ResponseWriter, r *http.Request) { paths <- r.URL.Path }))
	cfg.Routes[0].Limits = []string{"slow"}
	s := start(t, around{cfg: cfg, policies: map[string]limit.Policy{"slow": {
		Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerSecond(1), Burst: 1, Mode: limit.Throttle, Queue: limit.Queue{Depth: 10, Wait: time.Minute},
	}}})
	if res, _ := s.get("/first"); res.StatusCode != 200 {
		t.Fatal(res.Status)
	}
	for i, framing := range []string{"Content-Length: 100000", "Transfer-Encoding: chunked"} {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		// A part of the body has come when the client goes.
		if _, err := fmt.Fprintf(c, "POST /gone HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n5\r\nhello\r\n", framing); err != nil {
			t.Fatal(err)
		}
		for s.InFlight() != int64(i+1) {
			runtime.Gosched()
		}
		if i == 1 { // the other one goes in the same moment
			_ = c.Close()
			continue
		}
		defer func() { _ = c.Close() }()
		_ = c.(*net.TCPConn).CloseWrite()
	}
	for _, e := range s.sink.wait(3)[1:] {
		if e.Path != "/gone" || e.Error != observe.ErrorClientGone || e.Status != 0 || e.Attempts != 0 {
			t.Errorf("%+v", e)
		}
	}
	res, _ := s.do("POST", "/last", io.NopCloser(http.NoBody))
	if res.StatusCode != 200 {
		t.Error(res.Status)
	}
	if first, last := <-paths, <-paths; first != "/first" || last != "/last" || len(paths) > 0 {
		t.Errorf("the upstream got %s, %s and %d more", first, last, len(paths))
	}
}
