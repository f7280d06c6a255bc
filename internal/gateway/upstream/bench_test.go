//go:build unix

package upstream_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/middleware/tracecontext"
)

// BenchmarkForward is a request for 1 KiB of JSON over 64 kept connections,
// with client and server in this process. The figure to read is the CPU time of
// the whole process per request, and how it differs from "direct", which has
// the same client and server without a proxy in between.
func BenchmarkForward(b *testing.B) {
	body := strings.Repeat("x", 1024)
	target := rawServer(b, "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/json\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\nContent-Length: 1024\r\n\r\n"+body)
	u, _ := url.Parse("http://" + target)
	registry := upstream.NewRegistry(quiet())
	pool, err := upstream.NewPool(upstream.Config{Name: "bench", Servers: []upstream.Server{{URL: u.String()}}}, upstream.Deps{Registry: registry})
	if err != nil {
		b.Fatal(err)
	}
	registry.Use(pool)
	defer registry.Use()

	forward := func(w http.ResponseWriter, r *http.Request) {
		var res upstream.Result
		pool.Forward(w, r, &upstream.Outbound{Peer: loopback, Scheme: "http"}, &res)
		if res.Error != "" {
			b.Error(res.Err)
		}
	}
	plain := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u); r.SetXForwarded() }}
	sized := &httputil.ReverseProxy{
		Rewrite:   plain.Rewrite,
		Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
	}
	for _, way := range []struct {
		name    string
		handler http.Handler
	}{
		{"direct", nil},
		{"lean", http.HandlerFunc(forward)},
		{"reference", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header["Te"] = []string{"gzip"} // no lean request anymore
			forward(w, r)
		})},
		{"ReverseProxy sized pool", sized},
		{"ReverseProxy", plain},
	} {
		b.Run(way.name, func(b *testing.B) {
			address := target
			if way.handler != nil {
				front := httptest.NewServer(way.handler)
				defer front.Close()
				address = front.Listener.Addr().String()
			}
			b.ReportAllocs()
			load(b, address, 64)
		})
	}
}

// BenchmarkForwardAlone is Forward without a server of ours around it: one
// exchange after the other. What it allocates is the header's map entries and
// one copy of its text.
func BenchmarkForwardAlone(b *testing.B) {
	target := rawServer(b, "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: application/json\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\nContent-Length: 5\r\n\r\nhello")
	registry := upstream.NewRegistry(quiet())
	pool, err := upstream.NewPool(upstream.Config{Name: "bench", Servers: []upstream.Server{{URL: "http://" + target}}}, upstream.Deps{Registry: registry})
	if err != nil {
		b.Fatal(err)
	}
	registry.Use(pool)
	defer registry.Use()
	r := httptest.NewRequest("GET", "/orders/4711?page=2", nil)
	r.Header.Set("Accept", "application/json")
	out := &upstream.Outbound{
		Peer: loopback, Scheme: "http", RequestID: "4bf92f3577b34da6a3ce929d0e0e4736",
		Trace: tracecontext.New(true),
	}
	var res upstream.Result
	w := &nullWriter{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		pool.Forward(w, r, out, &res)
		if res.Error != "" {
			b.Fatal(res.Err)
		}
	}
}

type nullWriter struct{ header http.Header }

func (w *nullWriter) Header() http.Header         { return w.header }
func (w *nullWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *nullWriter) WriteHeader(int)             {}

// load sends b.N requests over the connections and reports the process's CPU
// time for each.
func load(b *testing.B, address string, connections int) {
	request := []byte("GET /orders/4711?page=2 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: bench\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n\r\n")
	each := max(b.N/connections, 1)
	before := cpuTime()
	b.ResetTimer()
	var clients sync.WaitGroup
	for range connections {
		clients.Go(func() {
			c, err := net.Dial("tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			in := bufio.NewReader(c)
			for range each {
				if _, err := c.Write(request); err != nil {
					b.Error(err)
					return
				}
				if err := skipAnswer(in); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	clients.Wait()
	b.StopTimer()
	used := cpuTime() - before
	b.ReportMetric(float64(used.Microseconds())/float64(each*connections), "cpu-µs/req")
}

// skipAnswer reads an answer with a Content-Length, without allocating.
func skipAnswer(in *bufio.Reader) error {
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err := in.Discard(length)
			return err
		}
		const name = "Content-Length: "
		if len(line) > len(name) && string(line[:len(name)]) == name {
			if length, err = strconv.Atoi(strings.TrimSpace(string(line[len(name):]))); err != nil {
				return err
			}
		}
	}
}

// rawServer answers every request, whose head ends with an empty line, with the
// same bytes, at little cost of its own.
func rawServer(tb testing.TB, text string) string {
	answer := []byte(text)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					line, err := in.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) == 2 {
						if _, err := c.Write(answer); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func cpuTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
