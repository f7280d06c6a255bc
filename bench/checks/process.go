package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// process is a program that the benchmark started and will end.
type process struct{ cmd *exec.Cmd }

// stop asks the program to end and waits for it.
func (p process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt) //nolint:errcheck // it may have ended
	_ = p.cmd.Wait()                       //nolint:errcheck // it was told to end
}

// cpu is the processor time that the program has used, user and system.
func (p process) cpu() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name in parentheses may hold anything; fields are counted after it.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return 0, err
	}
	const tick = time.Second / 100 // USER_HZ, 100 on every Linux that Go runs on
	return time.Duration(user+system) * tick, nil
}

// rss is the resident memory in MB (10^6 bytes).
func (p process) rss() (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("no VmRSS for process %d", p.cmd.Process.Pid)
}
