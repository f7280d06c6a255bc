// Command accesslog measures how fast Lapwing reads an access log of nginx (the
// combined format): from the bytes of the file, through the operation of each
// request, into the counters of traffic and of objectives. Beside it, on the same
// file in the same run, goaccess with its whole report, and fail2ban-regex with one
// of its own filters. They do other things with a line; what they have in common is
// that each has to read it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"
)

type options struct {
	lines, goaccess, fail2ban int
	rounds                    int
}

func main() {
	var o options
	flag.IntVar(&o.lines, "lines", 1_500_000, "lines of the log")
	flag.IntVar(&o.goaccess, "goaccess", 150_000, "of these, for goaccess; 0 leaves it out")
	flag.IntVar(&o.fail2ban, "fail2ban", 30_000, "of these, for fail2ban-regex; 0 leaves it out")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of Lapwing; each is shown")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "accesslog:", err)
		os.Exit(1)
	}
}

// row is a program's figure.
type row struct {
	name  string
	lines int
	cpu   time.Duration // of the process, all threads
	wall  time.Duration
}

func (r row) perCore() float64 { return float64(r.lines) / r.cpu.Seconds() }

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "lapwing-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	log := filepath.Join(dir, "access.log")
	size, err := write(log, o.lines)
	if err != nil {
		return err
	}
	fmt.Printf("%d lines, %d MB, %d bytes a line\n\n", o.lines, size>>20, size/int64(o.lines))
	var rows []row
	for range o.rounds {
		r, err := lapwing(ctx, dir, log, o.lines)
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	for _, p := range []struct {
		lines   int
		program string
		args    func(file string) []string
	}{
		{o.goaccess, "goaccess", func(file string) []string {
			return []string{file, "--log-format=COMBINED", "--no-global-config", "--no-progress", "-o", filepath.Join(dir, "report.json")}
		}},
		{o.fail2ban, "fail2ban-regex", func(file string) []string {
			return []string{"--no-check-all", "-d", `^[^\[]*\[({DATE})`, file, `^<HOST> \S+ \S+ \[\] "[^"]*" 404 `}
		}},
	} {
		r, err := peer(ctx, dir, log, p.lines, p.program, p.args)
		if errors.Is(err, exec.ErrNotFound) || p.lines == 0 {
			fmt.Printf("%s is left out\n", p.program)
			continue
		}
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	return show(rows, o.rounds)
}

// peer runs another program on the first lines of the log.
func peer(ctx context.Context, dir, log string, lines int, program string, args func(file string) []string) (row, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return row{}, err
	}
	part := filepath.Join(dir, program+".log")
	if err := head(log, part, lines); err != nil {
		return row{}, err
	}
	cmd := exec.CommandContext(ctx, path, args(part)...) // #nosec G204 -- programs that this benchmark names
	begin := time.Now()
	told, err := cmd.CombinedOutput()
	if err != nil {
		return row{}, fmt.Errorf("%s: %w: %.500s", program, err, told)
	}
	return row{program, lines, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), time.Since(begin)}, nil
}

// show prints the figures; a ratio is Lapwing's best round by a peer.
func show(rows []row, rounds int) error {
	best := rows[0]
	for _, r := range rows[:rounds] {
		if r.perCore() > best.perCore() {
			best = r
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "program\tlines\tCPU s\twall s\tlines per second of one core\tratio\t")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.2f\t%.0f\t%.1f\t\n", r.name, r.lines, r.cpu.Seconds(), r.wall.Seconds(), r.perCore(), best.perCore()/r.perCore())
	}
	return w.Flush()
}

// used is the processor time of this process so far.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
