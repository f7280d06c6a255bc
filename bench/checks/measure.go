package main

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// figures are what one program needed.
type figures struct {
	runs     float64 // during the measured time
	failed   float64 // of them
	elapsed  time.Duration
	cpu      time.Duration // during the measured time
	target   time.Duration // CPU time of the target meanwhile
	rss      float64       // MB
	missed   float64
	delayP99 string
	disk     float64 // bytes of the data folder after a clean stop
}

func (f figures) cpuPerThousand() float64 { return f.cpu.Seconds() / f.runs * 1000 }

var uiLine = regexp.MustCompile(`UI\s+(http://\S+)`)

// measureLapwing runs `lapwing serve` on the load.
func measureLapwing(ctx context.Context, dir string, l load, t *target) (f figures, err error) {
	file := filepath.Join(dir, "lapwing.yaml")
	if err := writeConfig(file, l, t); err != nil {
		return f, err
	}
	data := filepath.Join(dir, "data")
	if err := os.RemoveAll(data); err != nil { // of the load before
		return f, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "lapwing"), "serve", "-q", "-c", file) //nolint:gosec // our own program
	talk, err := cmd.StderrPipe()
	if err != nil {
		return f, err
	}
	if err := cmd.Start(); err != nil {
		return f, err
	}
	p := process{cmd}
	stopped := false
	defer func() {
		if !stopped {
			p.stop()
		}
	}()
	base, err := waitForURL(talk)
	if err != nil {
		return f, err
	}
	if err := wait(ctx, l.warm); err != nil {
		return f, err
	}
	var before, after sample
	err = f.over(ctx, l.length, p, t, func(at *sample) (err error) {
		*at, err = scrape(ctx, base)
		return err
	}, &before, &after)
	if err != nil {
		return f, err
	}
	f.runs = after.runs - before.runs
	f.failed = f.runs - (after.up - before.up)
	f.missed = after.missed - before.missed
	f.delayP99 = quantile(before.delays, after.delays, 0.99)
	p.stop()
	stopped = true
	f.disk, err = folderSize(data)
	return f, err
}

// over measures what a program and the target need over a time. The counters
// are read before the clocks, at both ends: under a load that fills the machine
// it takes a while to read them.
func (f *figures) over(ctx context.Context, length time.Duration, p process, t *target, count func(*sample) error, before, after *sample) error {
	var cpu, target [2]time.Duration
	var at [2]time.Time
	for end, s := range []*sample{before, after} {
		if end == 1 {
			if err := wait(ctx, length); err != nil {
				return err
			}
		}
		err := count(s)
		if err != nil {
			return err
		}
		at[end] = time.Now()
		if cpu[end], err = p.cpu(); err != nil {
			return err
		}
		if target[end], err = t.cpu(); err != nil {
			return err
		}
	}
	f.elapsed, f.cpu, f.target = at[1].Sub(at[0]), cpu[1]-cpu[0], target[1]-target[0]
	var err error
	f.rss, err = p.rss()
	return err
}

// measureLoop runs the peer on the same load, without hanging targets.
func measureLoop(ctx context.Context, dir string, l load, t *target) (f figures, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "loop"), //nolint:gosec // our own program
		"-url", "http://"+t.answering+"/orders/1", "-checks", strconv.Itoa(l.checks), "-every", l.every.String(), "-keep-alive="+strconv.FormatBool(l.keep))
	ask, err := cmd.StdinPipe()
	if err != nil {
		return f, err
	}
	says, err := cmd.StdoutPipe()
	if err != nil {
		return f, err
	}
	if err := cmd.Start(); err != nil {
		return f, err
	}
	p := process{cmd}
	defer p.stop()
	if err := wait(ctx, l.warm); err != nil {
		return f, err
	}
	answers := bufio.NewReader(says)
	var before, after sample
	err = f.over(ctx, l.length, p, t, func(at *sample) error {
		if _, err := fmt.Fprintln(ask); err != nil {
			return err
		}
		_, err := fmt.Fscanln(answers, &at.runs)
		return err
	}, &before, &after)
	f.runs = after.runs - before.runs
	return f, err
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// waitForURL reads what the server says until it names its address.
func waitForURL(talk interface{ Read([]byte) (int, error) }) (string, error) {
	var said strings.Builder
	lines := bufio.NewScanner(talk)
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if found := uiLine.FindStringSubmatch(lines.Text()); found != nil {
			go func() {
				for lines.Scan() { // keep the pipe empty
				}
			}()
			return strings.TrimSuffix(found[1], "/"), nil
		}
	}
	return "", fmt.Errorf("lapwing did not start:\n%s", said.String())
}

// sample is one scrape of /metrics.
type sample struct {
	runs, up, missed float64
	delays           []bucket
}

// bucket is one bucket of the schedule error.
type bucket struct {
	upTo  float64
	count float64
}

func scrape(ctx context.Context, base string) (s sample, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/metrics", nil)
	if err != nil {
		return s, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return s, err
	}
	defer response.Body.Close() //nolint:errcheck // reading is over
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, text, found := strings.Cut(lines.Text(), " ")
		if i := strings.LastIndexByte(lines.Text(), ' '); i > 0 {
			name, text = lines.Text()[:i], lines.Text()[i+1:]
		}
		if !found || strings.HasPrefix(name, "#") {
			continue
		}
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue
		}
		switch {
		case strings.HasPrefix(name, "lapwing_check_runs_total{"):
			s.runs += value
			if strings.Contains(name, `status="up"`) {
				s.up = value
			}
		case strings.HasPrefix(name, "lapwing_check_missed_total{"):
			s.missed += value
		case strings.HasPrefix(name, `lapwing_scheduler_delay_seconds_bucket{le="`):
			limit := strings.TrimSuffix(strings.TrimPrefix(name, `lapwing_scheduler_delay_seconds_bucket{le="`), `"}`)
			upTo, err := strconv.ParseFloat(limit, 64)
			if err == nil {
				s.delays = append(s.delays, bucket{upTo, value})
			}
		}
	}
	return s, lines.Err()
}

// quantile is the upper bound of the bucket that the quantile falls in: never
// less than the truth.
func quantile(before, after []bucket, q float64) string {
	if len(after) == 0 || len(before) != len(after) {
		return "unknown"
	}
	total := after[len(after)-1].count - before[len(before)-1].count
	for i := range after {
		if after[i].count-before[i].count >= q*total {
			return fmt.Sprintf("%.2g ms", after[i].upTo*1000)
		}
	}
	return "unknown"
}

func folderSize(dir string) (bytes float64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		bytes += float64(info.Size())
		return nil
	})
	if os.IsNotExist(err) {
		return 0, nil
	}
	return bytes, err
}
