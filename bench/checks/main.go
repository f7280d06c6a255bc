// Command checks measures a real lapwing binary under load: thousands of HTTP
// checks against a target in another process, every result stored with its
// phases. The peer, a plain loop that stores nothing (bench/loop), runs in the
// same minutes, so that figures from different machines compare as ratios.
//
//	go run ./bench/checks -checks 5000 -every 10s -hang 0.1 -for 60s
//	go run ./bench/checks -ceiling
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// load is what is measured.
type load struct {
	checks int
	every  time.Duration
	hang   float64
	keep   bool // leave connections open between runs
	length time.Duration
	warm   time.Duration
}

func main() {
	var l load
	flag.IntVar(&l.checks, "checks", 5000, "how many checks")
	flag.DurationVar(&l.every, "every", 10*time.Second, "interval of each")
	flag.Float64Var(&l.hang, "hang", 0, "share of the checks whose target never answers")
	flag.BoolVar(&l.keep, "keep-alive", false, "checks with keep_alive: their connections stay open between runs")
	ceiling := flag.Bool("ceiling", false, "how many results per second are possible: far more is due than can be done, with new connections and with kept ones")
	flag.DurationVar(&l.length, "for", time.Minute, "how long to measure")
	flag.DurationVar(&l.warm, "warm", 0, "how long to wait before (default: 1.5 intervals)")
	flag.Parse()
	if l.warm == 0 {
		l.warm = l.every * 3 / 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 3*(l.length+l.warm)+2*time.Minute)
	defer cancel()
	do := run
	if *ceiling {
		do = measureCeiling
	}
	if err := do(ctx, l); err != nil {
		fmt.Fprintln(os.Stderr, "bench/checks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, l load) error {
	dir, err := build(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	ours, peer, err := measure(ctx, dir, l, l)
	if err != nil {
		return err
	}
	report(l, ours, peer)
	return nil
}

// build makes the programs, in a folder that the caller removes.
func build(ctx context.Context) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "lapwing-bench"); err != nil {
		return "", err
	}
	for _, program := range []string{"cmd/lapwing", "bench/target", "bench/loop"} {
		out := filepath.Join(dir, filepath.Base(program))
		build := exec.CommandContext(ctx, "go", "build", "-o", out, "./"+program) //nolint:gosec // our own programs
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			_ = os.RemoveAll(dir) //nolint:errcheck // a temporary folder
			return "", fmt.Errorf("build %s: %w", program, err)
		}
	}
	return dir, nil
}

// measure puts a load on each of the programs, one after the other.
func measure(ctx context.Context, dir string, l, ofPeer load) (ours, peer figures, err error) {
	target, err := startTarget(ctx, dir)
	if err != nil {
		return ours, peer, err
	}
	defer target.stop()
	if ours, err = measureLapwing(ctx, dir, l, target); err != nil {
		return ours, peer, err
	}
	peer, err = measureLoop(ctx, dir, ofPeer, target)
	return ours, peer, err
}

// target is a running bench/target.
type target struct {
	process
	answering, hanging string // addresses
}

// startTarget starts bench/target.
func startTarget(ctx context.Context, dir string) (*target, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "target")) //nolint:gosec // our own program
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := process{cmd}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("the target did not start: %w", err)
	}
	fields := strings.Fields(line)
	return &target{p, fields[1], fields[3]}, nil
}

// writeConfig writes the configuration of the load.
func writeConfig(path string, l load, t *target) error {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: 127.0.0.1:0\ndata: ./data\nchecks:\n")
	for i := range l.checks {
		host := t.answering
		if float64(i%100) < l.hang*100 {
			host = t.hanging
		}
		request := fmt.Sprintf("url: \"http://%s/orders/%d\"", host, i)
		if l.keep {
			request = "request: {" + request + ", keep_alive: true}"
		}
		fmt.Fprintf(&b, "  - {name: check-%d, %s, every: %s, assert: [status == 200, latency < 5s]}\n", i, request, l.every)
	}
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

func report(l load, ours, peer figures) {
	fmt.Printf("%d checks every %s, %.0f %% hanging, measured for %s\n", l.checks, l.every, l.hang*100, l.length)
	fmt.Printf("%-34s %12s %12s %8s\n", "", "lapwing", "plain loop", "ratio")
	fmt.Printf("%-34s %12.3f %12.3f %8.2f\n", "CPU seconds per 1,000 checks", ours.cpuPerThousand(), peer.cpuPerThousand(), ours.cpuPerThousand()/peer.cpuPerThousand())
	fmt.Printf("%-34s %12.1f %12.1f %8.2f\n", "resident memory at the end, MB", ours.rss, peer.rss, ours.rss/peer.rss)
	fmt.Printf("%-34s %12.1f\n", "results per second", ours.runs/ours.elapsed.Seconds())
	fmt.Printf("%-34s %12s\n", "schedule error p99 at most", ours.delayP99)
	fmt.Printf("%-34s %12.0f\n", "missed starts", ours.missed)
	// In minutes, what each check needs once (roll-ups, its first answer) outweighs
	// the results; internal/state's BenchmarkMillion has the size of a million.
	fmt.Printf("%-34s %12.1f\n", "data folder after the run, MB", ours.disk/1e6)
}
