package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"lapwing.dev/lapwing/internal/gateway"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

// canned is an upstream that answers every request with the same bytes, so that
// a profile shows the gateway and nothing else.
func canned(b *testing.B) string {
	b.Helper()
	ln, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = ln.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Mon, 23 Nov 2026 18:00:00 GMT\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("a", 1024))
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close() //nolint:errcheck // a test's upstream
				buf := make([]byte, 4096)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					for range bytes.Count(buf[:n], []byte("\r\n\r\n")) {
						if _, err := c.Write(answer); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return "http://" + ln.Addr().String()
}

// BenchmarkThrough takes requests through the whole gateway, over real
// connections: one limit, no log.
func BenchmarkThrough(b *testing.B) {
	cfg := single(canned(b))
	cfg.Routes[0].Limits = []string{"one"}
	g := gateway.New(gateway.Deps{Log: quiet(), Operations: operations{}, Blocker: blocks{}, Sink: observe.SinkFunc(func(*observe.Exchange) {})})
	limiter := limit.New(limit.Options{})
	commit, err := g.Prepare(b.Context(), cfg, gateway.Around{
		APIs: map[string]string{"orders": ""},
		Rules: func([]string) (*limit.Rules, error) {
			return limiter.Compile([]limit.Policy{{Name: "one", Key: []limit.KeyPart{limit.ClientAddress()}, Rate: limit.PerSecond(1_000_000)}}, nil)
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	commit()
	ended := make(chan error, 1)
	ctx := b.Context()
	go func() { ended <- g.Run(ctx) }()
	if err := g.Ready(ctx); err != nil {
		b.Fatal(err)
	}
	request := []byte("GET /orders/17?x=1 HTTP/1.1\r\nHost: shop\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
	addr := g.Addr().String()
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close() //nolint:errcheck // a test's client
		buf := make([]byte, 8192)
		size := 0
		for pb.Next() {
			if _, err := c.Write(request); err != nil {
				b.Error(err)
				return
			}
			n, err := c.Read(buf)
			if size == 0 {
				if i := bytes.Index(buf[:n], []byte("\r\n\r\n")); i > 0 {
					size = i + 4 + 1024
				}
			}
			for err == nil && n < size-8 { // the fields differ by some digits
				var more int
				more, err = c.Read(buf[n:])
				n += more
			}
			if err != nil && err != io.EOF { //nolint:errorlint // what Read returns
				b.Error(fmt.Errorf("after %d bytes: %w", n, err))
				return
			}
		}
	})
}
