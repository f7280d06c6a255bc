package gateway_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/observe"
)

// Whose host a request is for, HTTP/2 lets clients say twice. The route and the
// upstream must hear the same, and the upstream must hear it once.
func TestASecondHostOverHTTP2GoesNowhere(t *testing.T) {
	heads := make(chan string, 1)
	cfg, client := secure(t, rawUpstream(t, heads))
	s := start(t, around{cfg: cfg})
	for _, test := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"beside the authority", []string{":authority", "public.example", "host", "admin.example"}, "Host: public.example"},
		{"twice without one", []string{"host", "public.example", "host", "admin.example"}, "Host: public.example"},
		{"in disguise", []string{":authority", "public.example", "h_ost", "fine", "host", "admin.example"}, "Host: public.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, _ := s.framed(client)
			var block bytes.Buffer
			e := hpack.NewEncoder(&block)
			fields := append([]string{":method", "GET", ":scheme", "https", ":path", "/"}, test.fields...)
			for i := 0; i < len(fields); i += 2 {
				if err := e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
				t.Fatal(err)
			}
			var hosts []string
			for line := range strings.SplitSeq(<-heads, "\r\n") {
				if strings.HasPrefix(strings.ToLower(line), "host:") {
					hosts = append(hosts, line)
				}
			}
			if len(hosts) != 1 || hosts[0] != test.want {
				t.Errorf("the upstream heard %q", hosts)
			}
		})
	}
}

// rawUpstream answers every connection's first request, and tells its head as it came.
func rawUpstream(t *testing.T, heads chan<- string) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			var head []byte
			for one := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
				if _, err := c.Read(one); err != nil {
					break
				}
				head = append(head, one...)
			}
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
			_ = c.Close()
			heads <- string(head)
		}
	}()
	return "http://" + ln.Addr().String()
}

// A header alone lifts no bound.
func TestWhoSaysGRPCIsBoundedLikeEverybodyElse(t *testing.T) {
	most, rate := units.Size(1000), units.Size(1<<20)
	for _, test := range []struct {
		name   string
		secure bool
	}{{"over HTTP/1.1", false}, {"over HTTP/2, to an upstream that does not speak it", true}} {
		t.Run(test.name, func(t *testing.T) {
			cfg, client := single(upstreamServer(t, echo)), http.DefaultClient
			scheme := "http://"
			if test.secure {
				cfg, client = secure(t, upstreamServer(t, echo))
				scheme = "https://"
			}
			cfg.Routes[0].MaxBody = &most
			cfg.Bounds.BodyRate, cfg.Bounds.BodyGrace = &rate, units.Duration(50*time.Millisecond)
			s := start(t, around{cfg: cfg})
			post := func(body io.Reader) int {
				r, err := http.NewRequestWithContext(t.Context(), "POST", scheme+s.Addr().String()+"/x", body)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/grpc")
				res, _ := s.send(client, r)
				return res.StatusCode
			}
			if status := post(strings.NewReader(strings.Repeat("x", 1001))); status != 413 {
				t.Errorf("a large body: %d", status)
			}
			silent, end := io.Pipe()
			defer end.Close()
			if status := post(silent); status != 408 {
				t.Errorf("a body that never comes: %d", status)
			}
			client.CloseIdleConnections()
		})
	}
}

// Of gRPC the message is bounded, and not the stream.
func TestAGRPCStreamMayBeLongButNotItsMessages(t *testing.T) {
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	server.RegisterService(chat(), struct{}{})
	go server.Serve(ln)
	defer server.Stop()
	most := units.Size(1000)
	cfg, client := secure(t, "h2c://"+ln.Addr().String())
	cfg.Routes[0].MaxBody = &most
	s := start(t, around{cfg: cfg})
	cc, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(client.Transport.(*http.Transport).TLSClientConfig)))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := cc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/chat.Chat/Talk")
	if err != nil {
		t.Fatal(err)
	}
	talk := func(length int) error {
		var out wrapperspb.StringValue
		_ = stream.SendMsg(wrapperspb.String(strings.Repeat("x", length))) // the answer tells how it went
		return stream.RecvMsg(&out)
	}
	for range 10 {
		if err := talk(500); err != nil {
			t.Fatal(err)
		}
	}
	if err := talk(1001); err == nil {
		t.Error("a message that is too large went through")
	}
	if e := s.sink.one(t); e.Error != observe.ErrorRequestBody {
		t.Errorf("%+v", e)
	}
}
