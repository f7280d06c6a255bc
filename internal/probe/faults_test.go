package probe_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/units"
)

// TestFaults meets every way in which a plain HTTP target can be broken: each
// must end with a class and a sentence, in bounded time and memory.
func TestFaults(t *testing.T) {
	ok := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	tests := []struct {
		name   string
		server func(net.Conn)
		edit   func(*probe.HTTPRequest)
		class  probe.Class
		want   string // ADDR stands for the server's address
		status int
	}{
		{
			name:   "accepts and says nothing",
			server: hang,
			class:  probe.ClassTimeout, want: "no answer within *ms: waiting for the first byte",
		},
		{
			name:   "headers that drip",
			server: func(c net.Conn) { answer("HTTP/1.1 200 OK\r\nX-Slow: ")(c); hang(c) },
			class:  probe.ClassTimeout, want: "no answer within *ms: reading the headers",
		},
		{
			name: "body that drips",
			server: func(c net.Conn) {
				answer("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n" + strings.Repeat("x", 120))(c)
				hang(c)
			},
			class: probe.ClassTimeout, want: "no complete answer within *ms: reading the body, 120 of 4096 bytes", status: 200,
		},
		{
			name: "chunks that drip",
			server: func(c net.Conn) {
				answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")(c)
				hang(c)
			},
			class: probe.ClassTimeout, want: "no complete answer within *ms: reading the body, 3 bytes so far", status: 200,
		},
		{
			name: "endless interim answers",
			server: func(c net.Conn) {
				readRequest(c)
				for {
					if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"); err != nil {
						return
					}
				}
			},
			class: probe.ClassProtocol, want: "the answer's headers are larger than 256KiB",
		},
		{
			name: "endless header",
			server: func(c net.Conn) {
				readRequest(c)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-Endless: ")
				for {
					if _, err := c.Write(bytes.Repeat([]byte("a"), 8<<10)); err != nil {
						return
					}
				}
			},
			class: probe.ClassProtocol, want: "the answer's headers are larger than 256KiB",
		},
		{
			name: "endless body",
			server: func(c net.Conn) {
				readRequest(c)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
				for {
					if _, err := c.Write(bytes.Repeat([]byte("a"), 8<<10)); err != nil {
						return
					}
				}
			},
			edit:  func(r *probe.HTTPRequest) { r.MaxBody = units.MiB },
			class: probe.ClassBody, want: "answer larger than 1MiB (max_body)", status: 200,
		},
		{
			name:   "closes at once, as TLS servers do to plain requests",
			server: func(c net.Conn) { readRequest(c) },
			class:  probe.ClassProtocol, want: "connection closed by ADDR without an answer; is the URL https://?",
		},
		{
			name:   "closes in the headers",
			server: answer("HTTP/1.1 200 OK\r\nContent-Ty"),
			class:  probe.ClassProtocol, want: "connection closed in the middle of the answer's headers",
		},
		{
			name:   "resets at once",
			server: func(c net.Conn) { readRequest(c); reset(c) },
			class:  probe.ClassProtocol, want: "connection reset by ADDR before it answered",
		},
		{
			name:   "truncated body",
			server: answer("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\nshort"),
			class:  probe.ClassBody, want: "the answer is cut short: 5 of 4096 bytes of the body", status: 200,
		},
		{
			name:   "truncated chunks",
			server: answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
			class:  probe.ClassBody, want: "the answer is cut short: connection closed after 5 bytes of the body", status: 200,
		},
		{
			name:   "malformed chunks",
			server: answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
			class:  probe.ClassBody, want: "the body cannot be read after 0 bytes: *", status: 200,
		},
		{
			name:   "garbage",
			server: answer("SSH-2.0-OpenSSH_9.6\r\n"),
			class:  probe.ClassProtocol, want: `the answer is not HTTP: it begins with "SSH-2.0-OpenSSH_9.6"`,
		},
		{
			name:   "binary garbage",
			server: answer("\x00\x01\x02\x1b[2J\n"),
			class:  probe.ClassProtocol, want: `the answer is not HTTP: it begins with "\x00\x01\x02\x1b[2J"`,
		},
		{
			name:   "malformed status",
			server: answer("HTTP/1.1 abc OK\r\n\r\n"),
			class:  probe.ClassProtocol, want: "the answer is not valid HTTP: *",
		},
		{
			name:   "two lengths",
			server: answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
			class:  probe.ClassProtocol, want: "the answer is not valid HTTP: *",
		},
		{
			name:   "TLS on a plain URL",
			server: answer("\x15\x03\x01\x00\x02\x02\x46"),
			class:  probe.ClassProtocol, want: "ADDR answers in TLS; is the URL https://?",
		},
		{
			name:   "gzip that is none",
			server: answer("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\nnot so fast!"),
			class:  probe.ClassBody, want: "the body is not the gzip that Content-Encoding says: invalid header", status: 200,
		},
		{
			name:   "gzip cut short",
			server: gzipAnswer(gzipped([]byte(strings.Repeat("hello ", 100)))[:20]),
			class:  probe.ClassBody, want: "the gzip body is cut short after 20 bytes", status: 200,
		},
		{
			name:   "gzip bomb",
			server: gzipAnswer(gzipped(make([]byte, 11<<20))),
			class:  probe.ClassBody, want: "answer larger than 10MiB (max_body)", status: 200,
		},
		{
			name:   "gzip of empty members without end",
			server: gzipAnswer(bytes.Repeat(gzipped(nil), 10<<10)),
			edit:   func(r *probe.HTTPRequest) { r.MaxBody = 64 * units.KiB },
			class:  probe.ClassBody, want: "answer larger than 64KiB (max_body)", status: 200,
		},
		{
			name:   "too many redirects",
			server: countingRedirect(),
			edit:   func(r *probe.HTTPRequest) { r.Redirects = &probe.Redirects{Max: 3} },
			class:  probe.ClassRedirect, want: `more than 3 redirects; the last to "http://ADDR/4"`, status: 302,
		},
		{
			name:   "redirect loop",
			server: loopingRedirect,
			class:  probe.ClassRedirect, want: "redirect loop: http://ADDR/b → http://ADDR/ → http://ADDR/b", status: 302,
		},
		{
			name:   "redirect to another scheme",
			server: answer("HTTP/1.1 302 Found\r\nLocation: ftp://example.com/\r\n\r\n"),
			class:  probe.ClassRedirect, want: `redirect to "ftp://example.com/", which is not HTTP`, status: 302,
		},
		{
			name:   "redirect to nonsense",
			server: answer("HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n"),
			class:  probe.ClassRedirect, want: `redirect to "http://[::1", which is no URL`, status: 302,
		},
		{
			name:   "HTTP/2 forced on a server that knows only HTTP/1.1",
			server: answer("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request"),
			edit:   func(r *probe.HTTPRequest) { r.HTTP = "2" },
			class:  probe.ClassProtocol, want: "ADDR answers in HTTP/1.1 to an HTTP/2 request",
		},
		{
			name:   "HTTP/2 forced on a server that answers in HTTP/0.9",
			server: answer("<!DOCTYPE HTML>\n<html lang=\"en\">\n"),
			edit:   func(r *probe.HTTPRequest) { r.HTTP = "2" },
			class:  probe.ClassProtocol, want: `ADDR does not speak HTTP/2 in the clear (h2c), which ` + "`http: \"2\"`" + ` forces: it answers "<!DOCTYPE HTML>"`,
		},
		{
			name:   "HTTP/2 in the clear forced on a TLS server",
			server: answer("\x15\x03\x01\x00\x02\x02\x46"),
			edit:   func(r *probe.HTTPRequest) { r.HTTP = "2" },
			class:  probe.ClassProtocol, want: "ADDR answers in TLS; is the URL https://?",
		},
		{
			name:   "HTTP/2 forced on a server that hangs",
			server: hang,
			edit:   func(r *probe.HTTPRequest) { r.HTTP = "2" },
			class:  probe.ClassTimeout, want: "no answer within *ms: waiting for the first byte",
		},
		{
			name:   "HTTP/2 forced on a server that closes",
			server: func(net.Conn) {},
			edit:   func(r *probe.HTTPRequest) { r.HTTP = "2" },
			class:  probe.ClassProtocol, want: "connection * by ADDR *",
		},
		{
			name:   "nothing is wrong",
			server: answer(ok),
			class:  probe.ClassNone, status: 200,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address := listen(t, test.server)
			r := probe.HTTPRequest{URL: "http://" + address + "/"}
			if test.edit != nil {
				test.edit(&r)
			}
			ctx := t.Context()
			if test.class == probe.ClassTimeout {
				ctx = within(t)
			}
			resp, err := prepare(t, probe.NewHTTP(probe.Options{}), r).Do(ctx, probe.Input{})
			if test.class == probe.ClassNone {
				if err != nil {
					t.Fatal(err)
				}
			} else {
				wantFailure(t, err, test.class, strings.ReplaceAll(test.want, "ADDR", address))
			}
			if resp.Status != test.status {
				t.Errorf("status = %d, want %d", resp.Status, test.status)
			}
			if resp.Phases.Connect <= 0 || resp.Phases.DNS != 0 || resp.Phases.TTFB <= 0 {
				t.Errorf("phases = %+v; want time in connect and ttfb, none in dns", resp.Phases)
			}
			if len(resp.Body) > probe.EvidenceSize {
				t.Errorf("kept %d bytes of the body; want the evidence only", len(resp.Body))
			}
			if test.class == probe.ClassTimeout && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v does not wrap the context's error", err)
			}
		})
	}
}

// TestTimeoutIsInThePhaseThatHung sees the time of a hanging server in the
// phase that hung, so that a chart shows what is slow.
func TestTimeoutIsInThePhaseThatHung(t *testing.T) {
	ctx := within(t)
	p := prepare(t, probe.NewHTTP(probe.Options{}), probe.HTTPRequest{URL: "http://" + listen(t, hang)})
	resp, err := p.Do(ctx, probe.Input{})
	wantFailure(t, err, probe.ClassTimeout, "*")
	if resp.Phases.TTFB <= resp.Phases.Connect || resp.Phases.Transfer != 0 {
		t.Errorf("phases = %+v; want nearly all in ttfb", resp.Phases)
	}
}

func TestCancelledIsNotATimeout(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	address := listen(t, func(c net.Conn) { readRequest(c); cancel(); hang(c) })
	_, err := prepare(t, probe.NewHTTP(probe.Options{}), probe.HTTPRequest{URL: "http://" + address}).Do(ctx, probe.Input{})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("err = %v, want context.Canceled", err)
	}
}

func TestConnectionRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	resp, err := do(t, probe.HTTPRequest{URL: "http://user:hunter22@" + address + "/"}, probe.Input{})
	wantFailure(t, err, probe.ClassConnect, "connection refused by "+address)
	if want := "http://" + address + "/"; resp.Sent.URL != want {
		t.Errorf("URL = %s, want %s", resp.Sent.URL, want)
	}
}

// TestServerRefusesLargeBody gets the answer of a server that does not read
// the request: 413, not "broken pipe".
func TestServerRefusesLargeBody(t *testing.T) {
	address := listen(t, func(c net.Conn) {
		readRequest(c)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
		hang(c)
	})
	resp := must(t, probe.HTTPRequest{URL: "http://" + address, Body: strings.Repeat("x", 8<<20)})
	if resp.Status != 413 {
		t.Errorf("status = %d, want 413", resp.Status)
	}
}

func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}

func gzipAnswer(body []byte) func(net.Conn) {
	return answer(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n%s", body))
}

func countingRedirect() func(net.Conn) {
	return func(c net.Conn) {
		r := readRequest(c)
		if r == nil {
			return
		}
		n := 0
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &n)
		_, _ = fmt.Fprintf(c, "HTTP/1.1 302 Found\r\nLocation: /%d\r\n\r\n", n+1)
	}
}

func loopingRedirect(c net.Conn) {
	r := readRequest(c)
	to := "/b"
	if r != nil && r.URL.Path == "/b" {
		to = "/"
	}
	_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: "+to+"\r\n\r\n")
}
