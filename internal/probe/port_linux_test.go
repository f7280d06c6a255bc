package probe

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"syscall"
	"testing"
)

// TestOnePortServesManyTargets leaves the kernel a single local port: it is
// enough for connections to different targets, as long as the port is not bound
// before connecting. A prober with thousands of targets would run out of ports
// otherwise, and the kernel would search longer and longer for a free one.
func TestOnePortServesManyTargets(t *testing.T) {
	const localPortRange = 51 // IP_LOCAL_PORT_RANGE: lowest and highest, 16 bits each
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	h := NewHTTP(Options{})
	h.dialer.Control = func(_, _ string, c syscall.RawConn) error {
		var refused error
		err := c.Control(func(fd uintptr) {
			refused = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, localPortRange, port<<16|port)
		})
		if refused != nil {
			return refused
		}
		return err
	}
	var came [2]string
	for i := range came {
		arrived, done := make(chan string), make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			arrived <- r.RemoteAddr
			<-done
		}))
		p, err := h.Prepare(HTTPRequest{URL: server.URL}, Target{})
		if err != nil {
			t.Fatal(err)
		}
		result := make(chan error, 1)
		go func() {
			_, err := p.Do(context.Background(), Input{})
			result <- err
		}()
		select {
		case came[i] = <-arrived:
		case err := <-result:
			t.Fatalf("connection %d: %v", i+1, err)
		}
		t.Cleanup(func() { // both connections stay open until both have been made
			close(done)
			<-result
			server.Close()
		})
	}
	for _, from := range came {
		if _, got, _ := net.SplitHostPort(from); got != strconv.Itoa(port) {
			t.Skipf("the kernel chooses ports on its own (IP_LOCAL_PORT_RANGE came with Linux 6.3): %s", from)
		}
	}
}
