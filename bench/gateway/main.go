// Command gateway measures what a request through Lapwing's gateway costs, with
// limit, JSON access log, metrics and trace context on, and beside it, in the
// same minutes, nginx, HAProxy and Caddy with as much of that as they have.
//
// The proxy has one core to itself; target and load share another. Processor
// time is what the proxy's processes account for themselves.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"
)

type options struct {
	lapwing     string
	only        string
	connections int
	requests    int
	rounds      int
}

func main() {
	var o options
	flag.StringVar(&o.lapwing, "lapwing", "", "a built `binary`; it is built when not given")
	flag.StringVar(&o.only, "only", "", "measure only these `proxies`, such as lapwing,nginx")
	flag.IntVar(&o.connections, "connections", 64, "keep-alive connections of the load")
	flag.IntVar(&o.requests, "requests", 150_000, "requests per round")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; the median is shown")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "lapwing-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	target, err := startTarget(ctx)
	if err != nil {
		return err
	}
	defer target.stop()
	var rows []row
	for _, p := range proxies(o.lapwing) {
		if o.only != "" && !strings.Contains(","+o.only+",", ","+p.name+",") {
			continue
		}
		measured, err := measure(ctx, o, p, dir, target.address)
		if errors.Is(err, errNotInstalled) {
			fmt.Fprintf(os.Stderr, "%s is not installed: left out\n", p.name)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		rows = append(rows, measured)
	}
	show(o, rows)
	return nil
}

// row is what one proxy took.
type row struct {
	name, with string
	cpu        time.Duration // of the proxy, for one request
	rate       float64       // requests per second at saturation
	p50, p99   time.Duration
	rss        float64 // MB, of all its processes, under load
}

func show(o options, rows []row) {
	fmt.Printf("1 KiB of JSON, %d keep-alive connections, median of %d rounds of %d requests; the proxy has one core\n\n", o.connections, o.rounds, o.requests)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "proxy\tCPU per request\tratio\trequests/s\tp50\tp99\tRSS\twith")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.1f µs\t%.2f\t%.0f\t%s\t%s\t%.0f MB\t%s\n", r.name,
			float64(r.cpu.Nanoseconds())/1e3, float64(r.cpu)/float64(rows[0].cpu), r.rate,
			r.p50.Round(10*time.Microsecond), r.p99.Round(10*time.Microsecond), r.rss, r.with)
	}
	if err := w.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
	}
}
