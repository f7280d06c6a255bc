package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// request is what the load sends; every proxy gets the same bytes.
var request = []byte("GET /orders/4711?fields=all HTTP/1.1\r\nHost: orders.example\r\nUser-Agent: bench/1.0\r\nAccept: application/json\r\nAccept-Encoding: identity\r\nX-Api-Key: k-123456\r\n\r\n")

// outcome is what one round measured.
type outcome struct {
	took      time.Duration
	latencies []time.Duration // sorted
}

func (o *outcome) quantile(q float64) time.Duration {
	return o.latencies[min(int(q*float64(len(o.latencies))), len(o.latencies)-1)]
}

// load sends n requests over keep-alive connections, each waiting for its answer.
func load(ctx context.Context, address string, connections, n int) (*outcome, error) {
	var left atomic.Int64
	left.Store(int64(n))
	lists := make([][]time.Duration, connections)
	failures := make([]error, connections)
	var clients sync.WaitGroup
	began := time.Now()
	for i := range connections {
		clients.Go(func() { lists[i], failures[i] = client(ctx, address, &left) })
	}
	clients.Wait()
	o := &outcome{took: time.Since(began)}
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	for _, list := range lists {
		o.latencies = append(o.latencies, list...)
	}
	slices.Sort(o.latencies)
	return o, nil
}

// client sends requests on one connection while any are left.
func client(ctx context.Context, address string, left *atomic.Int64) ([]time.Duration, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 16<<10)
	var latencies []time.Duration
	for left.Add(-1) >= 0 && ctx.Err() == nil {
		sent := time.Now()
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		if err := readAnswer(r); err != nil {
			return nil, err
		}
		latencies = append(latencies, time.Since(sent))
	}
	return latencies, ctx.Err()
}

// readAnswer reads one answer with a length; anything but a 200 is an error,
// since a proxy that refuses would look fast.
func readAnswer(r *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("answered %q", line)
		}
		if len(line) == 0 {
			break
		}
		if name, value, found := bytes.Cut(line, []byte(":")); found && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("answered without a length")
	}
	_, err := r.Discard(length)
	return err
}

// measure starts a proxy and loads it.
func measure(ctx context.Context, o options, p proxy, dir, target string) (row, error) {
	running, err := p.start(ctx, dir, target)
	if err != nil {
		return row{}, err
	}
	defer running.stop()
	if _, err := load(ctx, running.address, o.connections, o.requests/5); err != nil { // warm
		return row{}, err
	}
	var rounds []row
	for range o.rounds {
		runtime.GC()
		before, err := running.cpu()
		if err != nil {
			return row{}, err
		}
		done, err := load(ctx, running.address, o.connections, o.requests)
		if err != nil {
			return row{}, err
		}
		after, err := running.cpu()
		if err != nil {
			return row{}, err
		}
		rss, err := running.rss()
		if err != nil {
			return row{}, err
		}
		n := len(done.latencies)
		rounds = append(rounds, row{
			name: p.name, with: p.with, cpu: (after - before) / time.Duration(n), rate: float64(n) / done.took.Seconds(),
			p50: done.quantile(0.5), p99: done.quantile(0.99), rss: rss,
		})
	}
	slices.SortFunc(rounds, func(a, b row) int { return int(a.cpu - b.cpu) })
	return rounds[len(rounds)/2], nil
}
