package upstream_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/middleware/observe"
)

// resetter is an upstream that reads requests and hangs up.
func resetter(t *testing.T, asked *atomic.Int32) string {
	return rawUpstream(t, func(_ int, c *net.TCPConn) {
		if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			asked.Add(1)
		}
		_ = c.SetLinger(0)
	})
}

func TestWhichRequestsAreRepeatedOnAnotherServer(t *testing.T) {
	for _, c := range []struct {
		name     string
		method   string
		body     string
		header   string
		first    string // what the first server does
		repeated bool
	}{
		{name: "a GET that was cut off", method: "GET", first: "reset", repeated: true},
		{name: "a PUT whose body is still here", method: "PUT", body: "small", first: "refuse", repeated: true},
		{name: "a POST that was cut off", method: "POST", body: "order", first: "reset"},
		{name: "a POST that nobody got", method: "POST", body: "order", first: "refuse", repeated: true},
		{name: "a POST with a key", method: "POST", header: "Idempotency-Key", first: "reset", repeated: true},
		{name: "a GET that was answered with 503", method: "GET", first: "503", repeated: true},
		{name: "a POST that was answered with 503", method: "POST", first: "503"},
		{name: "a GET that was told when to come back", method: "GET", first: "503 later"},
		{name: "a GET that was answered with 500", method: "GET", first: "500"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bothPaths(t, func(t *testing.T, start starter) {
				var asked atomic.Int32
				good := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					fmt.Fprintf(w, "good %s", body)
				})
				var bad string
				switch c.first {
				case "reset":
					bad = resetter(t, &asked)
				case "refuse":
					bad = nobody
				default:
					bad = serverOf(t, func(w http.ResponseWriter, r *http.Request) {
						if strings.HasSuffix(c.first, "later") {
							w.Header().Set("Retry-After", "5")
						}
						w.WriteHeader(map[string]int{"500": 500}[c.first] + map[bool]int{true: 503}[c.first[:3] == "503"])
					})
				}
				// The bad one gets all that is drawn by weight.
				p := start(upstream.Config{Servers: []upstream.Server{{URL: bad, Weight: 1_000_000_000}}, SlowStart: -1}, good)
				req, _ := http.NewRequestWithContext(t.Context(), c.method, p.URL, strings.NewReader(c.body))
				if c.header != "" {
					req.Header.Set(c.header, "1")
				}
				res, err := p.Client().Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				text, _ := io.ReadAll(res.Body)
				got := p.result(t)
				if repeated := string(text) == "good "+c.body; repeated != c.repeated {
					t.Errorf("status %d, body %q, result %+v", res.StatusCode, text, got)
				}
				if want := map[bool]int{false: 1, true: 2}[c.repeated]; got.Attempts != want {
					t.Errorf("%d attempts, want %d", got.Attempts, want)
				}
				if c.repeated && got.Upstream != good {
					t.Errorf("answered by %s, not by %s", got.Upstream, good)
				}
			})
		})
	}
}

func TestABodyThatIsStillHereIsSentAgain(t *testing.T) {
	for _, c := range []struct {
		size     int
		repeated bool
	}{{1000, true}, {30_000, true}, {100_000, false}} {
		var asked atomic.Int32
		good := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, n)
		})
		p := newProxy(t, upstream.Config{Servers: []upstream.Server{{URL: resetter(t, &asked), Weight: 1_000_000_000}}, SlowStart: -1}, good)
		for _, body := range []io.Reader{strings.NewReader(strings.Repeat("x", c.size)), io.MultiReader(strings.NewReader(strings.Repeat("x", c.size)))} {
			req, _ := http.NewRequestWithContext(t.Context(), "PUT", p.URL, body)
			res, err := p.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if repeated := string(text) == itoa(c.size); repeated != c.repeated {
				t.Errorf("%d bytes: status %d, %q, result %+v", c.size, res.StatusCode, text, p.result(t))
			} else {
				p.result(t)
			}
		}
	}
}

func TestARequestOverAConnectionThatWasJustClosedIsRepeated(t *testing.T) {
	for _, c := range []struct{ method, want string }{{"GET", "200 hello"}, {"POST", "502 reset"}} {
		t.Run(c.method, func(t *testing.T) {
			// Each connection answers once; the next request over it meets its end.
			p := newProxy(t, upstream.Config{}, rawUpstream(t, func(n int, c *net.TCPConn) {
				in := bufio.NewReader(c)
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
				_, _ = http.ReadRequest(in)
				_ = c.SetLinger(0)
			}))
			_, _ = io.Copy(io.Discard, p.do(t, "GET", "/").Body)
			p.result(t)
			res := p.do(t, c.method, "/")
			text, _ := io.ReadAll(res.Body)
			if got := fmt.Sprint(res.StatusCode, " ", strings.TrimSpace(string(text))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := p.result(t); got.Attempts != 1 {
				t.Errorf("result %+v: a connection that was closed is no attempt", got)
			}
		})
	}
}

func TestRetriesHaveABudget(t *testing.T) {
	var asked atomic.Int32
	bad1, bad2 := resetter(t, &asked), resetter(t, &asked)
	p := newProxy(t, upstream.Config{
		Retries:  upstream.Retries{Budget: 0.1, Minimum: 0.0001},
		Ejection: upstream.Ejection{After: -1},
	}, bad1, bad2)
	for range 100 {
		p.do(t, "GET", "/")
		if got := p.result(t); got.Error != observe.ErrorReset {
			t.Fatalf("result %+v", got)
		}
	}
	s := p.pool.Status()
	if s.Retries < 8 || s.Retries > 12 || s.RetriesDenied < 80 || asked.Load() != int32(100+s.Retries) {
		t.Errorf("%d retries, %d denied, %d requests reached a server; want about a tenth repeated", s.Retries, s.RetriesDenied, asked.Load())
	}
}

func TestWhatFollowsAnAnswerNeverBecomesTheNextOne(t *testing.T) {
	for _, c := range []struct {
		name, first string
		reused      bool
	}{
		{"a good answer", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst", true},
		{"a second answer", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", false},
		{"one byte more", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst!", false},
		{"more after chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", false},
		{"a body of a 204", "HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\nforged", false},
		{"length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n", false},
		{"lines that end with LF", "HTTP/1.1 200 OK\nContent-Length: 5\n\nfirst", false},
		{"a folded line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nfirst", false},
		{"Connection: close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nfirst", false},
		{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nfirst", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, upstream.Config{}, rawUpstream(t, func(n int, conn *net.TCPConn) {
				in := bufio.NewReader(conn)
				for i := 0; ; i++ {
					if _, err := http.ReadRequest(in); err != nil {
						return
					}
					if n == 1 && i == 0 {
						fmt.Fprint(conn, c.first)
						continue
					}
					fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nconnection %d", n)
				}
			}))
			_, _ = io.Copy(io.Discard, p.do(t, "GET", "/").Body)
			text, _ := io.ReadAll(p.do(t, "GET", "/").Body)
			if want := map[bool]string{true: "connection 1", false: "connection 2"}[c.reused]; string(text) != want {
				t.Errorf("the second request got %q, want %q", text, want)
			}
		})
	}
}

func TestWhatComesUnaskedOverAKeptConnectionIsNoAnswer(t *testing.T) {
	said := make(chan struct{})
	p := newProxy(t, upstream.Config{}, rawUpstream(t, func(n int, conn *net.TCPConn) {
		in := bufio.NewReader(conn)
		for i := 0; ; i++ {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nconnection %d", n)
			if n == 1 {
				go func() {
					<-said
					fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
					said <- struct{}{}
				}()
			}
		}
	}))
	_, _ = io.Copy(io.Discard, p.do(t, "GET", "/").Body)
	p.result(t)
	said <- struct{}{}
	<-said
	text, _ := io.ReadAll(p.do(t, "GET", "/").Body)
	if string(text) != "connection 2" {
		t.Errorf("the second request got %q", text)
	}
}
