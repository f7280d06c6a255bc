package gateway_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/observe"
)

// dial opens a connection to the gateway that the test ends.
func (s *stand) dial() net.Conn {
	s.t.Helper()
	c, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", s.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// fresh is a client with a connection for each request.
func fresh() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

func TestSilentConnectionsMakeRoomForClientsWithRequests(t *testing.T) {
	cfg := single(upstreamServer(t, echo))
	cfg.Bounds.Connections = 20
	s := start(t, around{cfg: cfg})
	for range 100 {
		if _, err := io.WriteString(s.dial(), "GET / HTTP/1.1\r\nHost: a\r\nX-Slow:"); err != nil {
			continue // closed already, for another one
		}
		if n, _ := s.Connections(); n > 20 {
			t.Fatalf("%d connections are open", n)
		}
	}
	for range 10 {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", s.url("/"), http.NoBody)
		if res, _ := s.send(fresh(), r); res.StatusCode != 200 {
			t.Error(res.Status)
		}
	}
	if s.Evicted() < 80 {
		t.Errorf("%d connections were closed", s.Evicted())
	}
}

func TestOneClientCannotTakeAllConnections(t *testing.T) {
	cfg := single(upstreamServer(t, echo))
	cfg.Bounds.ConnectionsPerClient = 5
	s := start(t, around{cfg: cfg})
	closed := 0
	for range 10 {
		c := s.dial()
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) || err != nil && !isTimeout(err) {
			closed++
		}
	}
	if closed != 5 || s.RefusedPerClient() != 5 {
		t.Errorf("%d were closed, %d counted", closed, s.RefusedPerClient())
	}
	cfg.TrustedProxies = networks(t, "127.0.0.1") // which brings the clients of others
	s.reload(around{cfg: cfg})
	if res, _ := s.get("/"); res.StatusCode != 200 {
		t.Error(res.StatusCode)
	}
}

func isTimeout(err error) bool {
	network, ok := errors.AsType[net.Error](err)
	return ok && network.Timeout()
}

func TestConnectionsAreForgottenWhenTheyClose(t *testing.T) {
	cfg := single(upstreamServer(t, echo))
	s := start(t, around{cfg: cfg})
	for range 50 {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", s.url("/"), http.NoBody)
		s.send(fresh(), r)
	}
	s.stop()
	if open, clients := s.Connections(); open != 0 || clients != 0 {
		t.Errorf("%d connections of %d clients are remembered", open, clients)
	}
}

func TestABodyThatComesTooSlowlyIsCutOff(t *testing.T) {
	cfg := single(upstreamServer(t, echo))
	cfg.Bounds.BodyRate, cfg.Bounds.BodyGrace = sizeOf(1<<20), units.Duration(100*time.Millisecond)
	s := start(t, around{cfg: cfg})
	for _, head := range []string{"Content-Length: 1000000", "Transfer-Encoding: chunked"} {
		before := len(s.sink.wait(0))
		answer := s.raw("POST / HTTP/1.1\r\nHost: a\r\n" + head + "\r\n\r\n5\r\nhello\r\n")
		if !strings.HasPrefix(answer, "408") {
			t.Errorf("%s: %s", head, answer)
		}
		if e := s.sink.wait(before + 1)[before]; e.Status != 408 || e.Error != observe.ErrorRequestBody {
			t.Errorf("%s: %+v", head, e)
		}
	}
}

func TestAFloodOfBodyIsNotRead(t *testing.T) {
	read := make(chan int64, 1)
	cfg := single(upstreamServer(t, func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		read <- n
	}))
	cfg.Routes[0].MaxBody = sizeOf(1 << 20)
	s := start(t, around{cfg: cfg})
	res, body := s.do("POST", "/", io.NopCloser(io.LimitReader(zeros{}, 1<<30)))
	if res.StatusCode != 413 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if n := <-read; n > 1<<20 {
		t.Errorf("the upstream got %d bytes", n)
	}
	if e := s.sink.one(t); e.RequestBytes > 4<<20 {
		t.Errorf("%d bytes were read", e.RequestBytes)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// framed is a raw HTTP/2 connection.
func (s *stand) framed(client *http.Client) (*http2.Framer, *tls.Conn) {
	s.t.Helper()
	config := client.Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = []string{"h2"}
	raw, err := (&tls.Dialer{Config: config}).DialContext(s.t.Context(), "tcp", s.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = raw.Close() })
	if _, err := io.WriteString(raw, http2.ClientPreface); err != nil {
		s.t.Fatal(err)
	}
	f := http2.NewFramer(raw, raw)
	if err := f.WriteSettings(); err != nil {
		s.t.Fatal(err)
	}
	return f, raw.(*tls.Conn)
}

func headerBlock(path string) []byte {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", path}} {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) // into memory
	}
	return block.Bytes()
}

// Streams that are opened and reset at once (CVE-2023-44487) must not start more
// work than a connection may have.
func TestRapidResetsStayWithinTheBoundOfStreams(t *testing.T) {
	release := make(chan struct{})
	cfg, client := secure(t, upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
	}))
	cfg.Bounds.Streams = 10
	s := start(t, around{cfg: cfg})
	f, raw := s.framed(client)
	block := headerBlock("/slow")
	most := int64(0)
	for id := uint32(1); id < 20_000; id += 2 {
		if f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true, EndHeaders: true}) != nil {
			break // the gateway has had enough
		}
		if f.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break
		}
		most = max(most, s.InFlight())
	}
	if most > 10 {
		t.Errorf("%d requests were in work at the same time", most)
	}
	_ = raw.Close()
	close(release)
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+s.Addr().String()+"/", http.NoBody)
	if res, _ := s.send(client, r); res.StatusCode != 200 {
		t.Error(res.Status)
	}
}

// Headers that never end (CVE-2023-45288) must not be read for ever.
func TestAFloodOfContinuationsEndsTheConnection(t *testing.T) {
	cfg, client := secure(t, upstreamServer(t, echo))
	s := start(t, around{cfg: cfg})
	f, raw := s.framed(client)
	ended := make(chan struct{})
	go func() { // what the gateway says is read, or it could not
		defer close(ended)
		_, _ = io.Copy(io.Discard, raw)
	}()
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: headerBlock("/"), EndStream: true})
	written := 0
	for written < 64<<20 {
		block.Reset()
		for range 100 {
			_ = e.WriteField(hpack.HeaderField{Name: "x", Value: strings.Repeat("a", 100), Sensitive: true})
		}
		if f.WriteContinuation(1, false, block.Bytes()) != nil {
			break
		}
		written += block.Len()
	}
	if written >= 64<<20 {
		t.Errorf("%d bytes of headers were taken", written)
	}
	_ = raw.Close()
	<-ended
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+s.Addr().String()+"/", http.NoBody)
	if res, _ := s.send(client, r); res.StatusCode != 200 {
		t.Error(res.Status)
	}
}

// Who does not read its answer is not waited for.
func TestAClientThatTakesNothingIsCutOff(t *testing.T) {
	cfg := single(upstreamServer(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.Copy(w, io.LimitReader(zeros{}, 64<<20))
	}))
	cfg.Bounds.WriteTime = units.Duration(200 * time.Millisecond)
	s := start(t, around{cfg: cfg})
	c := s.dial()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if e := s.sink.one(t); e.Error != observe.ErrorClientGone || e.ResponseBytes >= 64<<20 {
		t.Errorf("%+v", e)
	}
}
