package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// measureCeiling asks for far more than can be done: every check is due once a
// second, starts are missed, and what is left is the most that the machine
// gives. Each connection needs a file in both programs, so that their limit may
// lower the number of checks. The peer would drown in as many; it gets what it
// does best with, a few hundred loops without a pause.
func measureCeiling(ctx context.Context, l load) error {
	dir, err := build(ctx)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	l = load{every: time.Second, length: min(l.length, 20*time.Second), warm: 8 * time.Second}
	loops := load{checks: 256, length: l.length, warm: 2 * time.Second}
	for _, keep := range []bool{false, true} {
		l.keep, loops.keep, l.checks = keep, keep, ceilingChecks(keep)
		ours, peer, err := measure(ctx, dir, l, loops)
		if err != nil {
			return err
		}
		reportCeiling(l, ours, peer)
	}
	return nil
}

// ceilingChecks is a little more than two cores of 2025 can do.
func ceilingChecks(keep bool) int {
	const other = 500 // open files
	wanted := 12_000
	if keep {
		wanted = 19_000
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < other {
		return wanted
	}
	if most := limit.Cur - other; most < uint64(wanted) {
		return int(most) //nolint:gosec // less than wanted
	}
	return wanted
}

func reportCeiling(l load, ours, peer figures) {
	fmt.Printf("\n%d checks due every second, measured for %s\n", l.checks, l.length)
	connections := "a new connection for each run"
	if l.keep {
		connections = "connections kept open"
	}
	fmt.Printf("%-40s %12s %12s\n", connections, "lapwing", "plain loop")
	row := func(name, format string, value func(figures) float64) {
		fmt.Printf("%-40s %12s %12s\n", name, fmt.Sprintf(format, value(ours)), fmt.Sprintf(format, value(peer)))
	}
	row("results per second (the loop stores none)", "%.0f", func(f figures) float64 { return f.runs / f.elapsed.Seconds() })
	fmt.Printf("%-40s %12.1f\n", "failed runs, %", 100*ours.failed/ours.runs)
	fmt.Printf("%-40s %12.0f\n", "missed starts per second", ours.missed/ours.elapsed.Seconds())
	row("CPU-µs per result", "%.1f", func(f figures) float64 { return micros(f.cpu) / f.runs })
	row("CPU-µs per result, of the target", "%.1f", func(f figures) float64 { return micros(f.target) / f.runs })
	row("share of all cores that both had, %", "%.0f", func(f figures) float64 { return 100 * share(f) })
	row("results per second if both had all", "%.0f", func(f figures) float64 { return f.runs / f.elapsed.Seconds() / share(f) })
	row("resident memory at the end, MB", "%.1f", func(f figures) float64 { return f.rss })
}

// share is how much of the machine the program and the target had.
func share(f figures) float64 {
	return (f.cpu + f.target).Seconds() / f.elapsed.Seconds() / float64(runtime.NumCPU())
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
