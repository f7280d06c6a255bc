package probe_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/probe"
)

// The three benchmarks make the same request to the same server over a fresh
// loopback connection: BenchmarkProbe with all phases and evidence,
// BenchmarkNetHTTP with a plain client, BenchmarkNetHTTPTraced with the client
// and the httptrace hooks that measuring with it needs. cpu-µs/op counts the
// whole process, the server included.

const benchTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// benchServer answers every connection with the same bytes: as little work as a
// server can do, so that the figures are the client's.
func benchServer(b *testing.B) string {
	const body = `{"orders":[{"id":1,"total":12.5},{"id":2,"total":3.75}],"next":null}`
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Mon, 23 Nov 2026 15:00:00 GMT\r\n" +
		"Content-Length: " + strconv.Itoa(len(body)) + "\r\nConnection: close\r\n\r\n" + body)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		var request [4 << 10]byte
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(request[:])
			_, _ = conn.Write(answer)
			_ = conn.Close()
		}
	})
	b.Cleanup(func() {
		_ = listener.Close()
		served.Wait()
	})
	return "http://" + listener.Addr().String() + "/orders?limit=2"
}

func BenchmarkProbe(b *testing.B) {
	p, err := probe.NewHTTP(probe.Options{}).Prepare(probe.HTTPRequest{URL: benchServer(b)}, probe.Target{})
	if err != nil {
		b.Fatal(err)
	}
	measure(b, func() error {
		resp, err := p.Do(b.Context(), probe.Input{Traceparent: benchTraceparent})
		if err == nil && resp.Status != http.StatusOK {
			b.Fatal(resp.Status)
		}
		return err
	})
}

func BenchmarkNetHTTP(b *testing.B) {
	target := benchServer(b)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	measure(b, func() error { return get(b, client, target, nil) })
}

func BenchmarkNetHTTPTraced(b *testing.B) {
	target := benchServer(b)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	measure(b, func() error {
		var dns, connect, connected, first time.Time
		err := get(b, client, target, &httptrace.ClientTrace{
			DNSStart:             func(httptrace.DNSStartInfo) { dns = time.Now() },
			ConnectStart:         func(string, string) { connect = time.Now() },
			ConnectDone:          func(string, string, error) { connected = time.Now() },
			GotFirstResponseByte: func() { first = time.Now() },
		})
		_, _, _, _ = dns, connect, connected, first
		return err
	})
}

func get(b *testing.B, client *http.Client, target string, trace *httptrace.ClientTrace) error {
	ctx := b.Context()
	if trace != nil {
		ctx = httptrace.WithClientTrace(ctx, trace)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Traceparent", benchTraceparent)
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// BenchmarkPrepared reports what a prepared probe holds in memory.
func BenchmarkPrepared(b *testing.B) {
	h := probe.NewHTTP(probe.Options{})
	held := make([]*probe.Probe, 0, 1000)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range cap(held) {
			p, err := h.Prepare(probe.HTTPRequest{URL: "https://api.example.com/orders/" + strconv.Itoa(i)}, probe.Target{})
			if err != nil {
				b.Fatal(err)
			}
			held = append(held, p)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(held)), "held-B/probe")
		for _, p := range held {
			h.Release(p)
		}
		clear(held)
		held = held[:0]
	}
}

// measure runs one request per iteration and reports the CPU time of it.
func measure(b *testing.B, request func() error) {
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		if err := request(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
