package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The cores: what is measured has one to itself.
const (
	proxyCore = "0"
	otherCore = "1"
)

var errNotInstalled = errors.New("not installed")

// process is a program that the benchmark started, with its children.
type process struct {
	cmd     *exec.Cmd
	address string
}

// start runs a program on one core, in a group of its own, and waits until
// address accepts connections.
func start(ctx context.Context, core, address, output string, program string, args ...string) (*process, error) {
	log, err := os.Create(output)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", core, program}, args...)...) // #nosec G204 -- programs that this benchmark names
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, address: address}
	dialer := net.Dialer{Timeout: time.Second}
	for range 200 {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return p, conn.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.stop()
	told, _ := os.ReadFile(output) //nolint:errcheck // the failure itself is told
	return nil, fmt.Errorf("%s did not listen on %s: %s", program, address, told)
}

// stop ends the program and its children.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM) //nolint:errcheck // it may have ended
	ended := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(ended) }() //nolint:errcheck // it was told to end
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // the group may be gone
		<-ended
	}
}

// pids are the processes of the group.
func (p *process) pids() ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, stat := range stats {
		fields := statFields(stat)
		if len(fields) > 2 && fields[2] == strconv.Itoa(p.cmd.Process.Pid) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
			if err != nil {
				return nil, err
			}
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// cpu is the processor time, user and system, that the group has used.
func (p *process) cpu() (time.Duration, error) {
	pids, err := p.pids()
	if err != nil {
		return 0, err
	}
	var ticks int64
	for _, pid := range pids {
		fields := statFields(fmt.Sprintf("/proc/%d/stat", pid))
		if len(fields) < 13 {
			continue // it has ended
		}
		for _, field := range fields[11:13] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			ticks += n
		}
	}
	const tick = time.Second / 100 // USER_HZ, 100 on every Linux that Go runs on
	return time.Duration(ticks) * tick, nil
}

// rss is the resident memory of the group in MB (10^6 bytes).
func (p *process) rss() (float64, error) {
	pids, err := p.pids()
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(data)) {
			if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
				if err != nil {
					return 0, err
				}
				sum += kb * 1024 / 1e6
			}
		}
	}
	return sum, nil
}

// statFields are the fields of a stat file after the name in parentheses, which
// may hold anything; nil when the process has ended.
func statFields(file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	text := string(data)
	return strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
}

// freeAddress is a loopback address that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}
