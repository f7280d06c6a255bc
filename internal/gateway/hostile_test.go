package gateway_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"lapwing.dev/lapwing/middleware/observe"
)

// Shapes by which one request is smuggled past whoever understands it in another
// way. What gets through must reach the upstream as exactly one request.
func TestAmbiguousRequestsAreRefusedOrMadePlain(t *testing.T) {
	host := "Host: a\r\n"
	for _, test := range []struct {
		name, request string
		status        string // beginning of the answer
		upstream      string // what the upstream must have got; "" for nothing
	}{
		{"both lengths", "POST /x HTTP/1.1\r\n" + host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "200", "POST /x hello"},
		{"two different lengths", "POST /x HTTP/1.1\r\n" + host + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nhello", "400", ""},
		{"two equal lengths", "POST /x HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", "200", "POST /x hello"},
		{"list of lengths", "POST /x HTTP/1.1\r\n" + host + "Content-Length: 5, 5\r\n\r\nhello", "400", ""},
		{"signed length", "POST /x HTTP/1.1\r\n" + host + "Content-Length: +5\r\n\r\nhello", "400", ""},
		{"negative length", "POST /x HTTP/1.1\r\n" + host + "Content-Length: -5\r\n\r\nhello", "400", ""},
		{"length in hex", "POST /x HTTP/1.1\r\n" + host + "Content-Length: 0x5\r\n\r\nhello", "400", ""},
		{"unknown coding", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\nhello", "501", ""},
		{"chunked twice", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "501", ""},
		{"chunked in two lines", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", "501", ""},
		{"space before the colon", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400", ""},
		{"folded header", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding:\r\n chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "200", "POST /x hello"},
		{"vertical tab", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "400", ""},
		{"null in a header", "GET /x HTTP/1.1\r\n" + host + "X: a\x00b\r\n\r\n", "400", ""},
		{"two hosts", "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", ""},
		{"a host with two ports", "GET /x HTTP/1.1\r\nHost: a:80:90\r\nConnection: close\r\n\r\n", "400", ""},
		{"no host", "GET /x HTTP/1.1\r\n\r\n", "400", ""},
		{"bad chunk size", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", "400", ""},
		{"chunk extension", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n", "200", "POST /x hello"},
		{"chunk size of 17 digits", "POST /x HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n", "400", ""},
		{"control in the target", "GET /x\x01 HTTP/1.1\r\n" + host + "\r\n", "400", ""},
		{"space in the target", "GET /x y HTTP/1.1\r\n" + host + "\r\n", "400", ""},
		{"encoded line break in the path", "GET /x%0d%0aX:y HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", "400", ""},
		{"target of another host", "GET http://b/x HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", "200", "GET /x "},
		{"tunnel", "CONNECT b:443 HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n", "405", ""},
		{"whole server", "OPTIONS * HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", "400", ""},
		{"version 3", "GET /x HTTP/3.0\r\n" + host + "\r\n", "505", ""},
		{"version 0.9", "GET /x\r\n\r\n", "400", ""},
		{"beginning of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := make(chan string, 10)
			s := start(t, around{cfg: single(upstreamServer(t, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return // the client's fault; nothing has arrived
				}
				if len(r.TransferEncoding) > 0 && r.Header.Get("Content-Length") != "" {
					t.Error("the upstream got both lengths")
				}
				got <- r.Method + " " + r.RequestURI + " " + string(body)
			}))})
			if answer := s.raw(test.request); !strings.HasPrefix(answer, test.status) {
				t.Errorf("got %s, want %s", answer, test.status)
			}
			// Whatever it was, it was observed once, and the gateway goes on.
			e := s.sink.one(t)
			if want := strings.HasPrefix(test.status, "200"); (e.Verdict == observe.Allowed) != want && e.Error == "" {
				t.Errorf("observed as %+v", e)
			}
			if res, _ := s.get("/after"); res.StatusCode != 200 {
				t.Errorf("afterwards: %d", res.StatusCode)
			}
			close(got)
			var all []string
			for text := range got {
				all = append(all, text)
			}
			want := []string{"GET /after "}
			if test.upstream != "" {
				want = slices.Insert(want, 0, test.upstream)
			}
			if !slices.Equal(all, want) {
				t.Errorf("the upstream got %q, want %q", all, want)
			}
		})
	}
}

// A request that cannot be read is observed even if it came in one piece with
// one that could.
func TestARequestRightBehindAnotherIsObserved(t *testing.T) {
	good, bad := "GET /good HTTP/1.1\r\nHost: a\r\n\r\n", "GET /bad HTTP/1.1\r\nContent-Length: x\r\nHost: a\r\n\r\n"
	cfg, client := secure(t, upstreamServer(t, echo))
	config := client.Transport.(*http.Transport).TLSClientConfig
	plain, hidden := start(t, around{cfg: single(cfg.Routes[0].Upstreams["default"][0].URL)}), start(t, around{cfg: cfg})
	for name, dial := range map[string]func() (net.Conn, *stand, error){
		"http": func() (net.Conn, *stand, error) {
			c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", plain.Addr().String())
			return c, plain, err
		},
		"https": func() (net.Conn, *stand, error) {
			c, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", hidden.Addr().String())
			return c, hidden, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, s, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, good+good+bad); err != nil {
				t.Fatal(err)
			}
			answers, _ := io.ReadAll(c)
			if n := strings.Count(string(answers), "HTTP/1.1 200"); n != 2 || !strings.Contains(string(answers), "HTTP/1.1 400") {
				t.Errorf("got %s", answers)
			}
			all := s.sink.wait(3)
			if len(all) != 3 || all[2].Status != 400 || all[2].Policy != "http" || all[2].Scheme != name {
				t.Errorf("observed %+v", all)
			}
			// One that was answered and left in peace is no further request.
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, name+"://"+s.Addr().String()+"/after", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			one := &http.Client{Transport: &http.Transport{TLSClientConfig: config}} // of HTTP/1
			_, _ = s.send(one, r)
			one.CloseIdleConnections()
			s.stop()
			if n := len(s.sink.wait(4)); n != 4 {
				t.Errorf("%d exchanges", n)
			}
		})
	}
}

func TestAForgedForwardedForIsHearsay(t *testing.T) {
	s := start(t, around{cfg: single(upstreamServer(t, echo))})
	_, body := s.get("/", "X-Forwarded-For", "203.0.113.7", "X-Forwarded-Host", "evil", "X-Forwarded-Proto", "https", "Forwarded", "for=203.0.113.7")
	if !strings.Contains(body, "X-Forwarded-For: 127.0.0.1\n") {
		t.Error(body)
	}
	e := s.sink.one(t)
	if e.ClientKey != "127.0.0.1" || e.Scheme != "http" || e.Host == "evil" {
		t.Errorf("%+v", e)
	}
}

func TestTheWordOfATrustedProxyCounts(t *testing.T) {
	cfg := single(upstreamServer(t, echo))
	cfg.TrustedProxies = networks(t, "127.0.0.0/8", "10.0.0.0/8")
	s := start(t, around{cfg: cfg})
	_, body := s.get("/", "X-Forwarded-For", "198.51.100.1, 203.0.113.7, 10.1.2.3", "X-Forwarded-Host", "api.example.com", "X-Forwarded-Proto", "https")
	if !strings.Contains(body, "X-Forwarded-For: 198.51.100.1, 203.0.113.7, 10.1.2.3, 127.0.0.1\n") {
		t.Error(body)
	}
	e := s.sink.one(t)
	if e.ClientKey != "203.0.113.7" || e.Scheme != "https" || e.Host != "api.example.com" {
		t.Errorf("%+v", e)
	}
}

func TestTooManyHeadersAreRefusedAndObserved(t *testing.T) {
	cfg := single(upstreamServer(t, echo))
	cfg.Bounds.Headers = 8 << 10
	s := start(t, around{cfg: cfg})
	var request strings.Builder
	request.WriteString("GET / HTTP/1.1\r\nHost: a\r\n")
	for i := range 2000 {
		fmt.Fprintf(&request, "X-%d: aaaaaaaaaaaaaaaa\r\n", i)
	}
	if answer := s.raw(request.String() + "\r\n"); !strings.HasPrefix(answer, "431") {
		t.Error(answer)
	}
	if e := s.sink.one(t); e.Status != 431 || e.Verdict != observe.Invalid || e.ClientKey != "127.0.0.1" {
		t.Errorf("%+v", e)
	}
}
