package traffic

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/middleware/observe"
)

// Bounds of what waits for the disk.
const (
	logBuffer = 4 << 20                // bytes; what comes while it is full is dropped and counted
	logBatch  = 256 << 10              // is written at once
	logDelay  = 250 * time.Millisecond // what is less waits for more, at most so long
)

// logNotice is the code of the notice while lines are being lost.
const logNotice = "access_log"

// accessLog writes exchanges as lines of JSON. Observe appends to a buffer; one
// goroutine writes it, so that a slow or full disk never slows a request.
type accessLog struct {
	log     *slog.Logger
	notices *health.Registry // nil: none
	stdout  io.Writer

	settings atomic.Pointer[logSettings] // nil: off
	lines    sync.Pool                   // *[]byte

	mu    sync.Mutex
	full  []byte        // lines that wait
	spare []byte        // what was written last, to be used again
	wake  chan struct{} // has one when something waits
	batch chan struct{} // has one when logBatch bytes wait
	reset chan struct{} // has one when the settings have changed

	written, dropped, sampled atomic.Uint64 // lines
	failures                  atomic.Uint64 // of writing

	// Of the writer.
	inForce *logSettings // for lines that were taken before the log was switched off; nil: off
	lost    uint64       // lines since the start, as far as they were told
	losing  bool         // lines were lost at the last flush
}

// logSettings are a configuration of the access log with its defaults.
type logSettings struct {
	path     string // absolute, or relative to the working directory; "": no file
	stdout   bool
	maxSize  int64
	daily    bool
	keep     int
	compress bool
	sample   float64
}

// prepareAccessLog fills in defaults, and looks for what would fail later; nil
// without an access log.
func prepareAccessLog(c *AccessLog, dir string) (*logSettings, fault.Problems) {
	var ps fault.Problems
	if !c.Enabled() {
		return nil, nil
	}
	s := &logSettings{
		path: c.Path, stdout: c.Stdout, maxSize: int64(c.MaxSize), daily: deref(c.Daily, true), keep: deref(c.Keep, defaultKeep),
		compress: deref(c.Compress, true), sample: float64(deref(c.Sample, 1)),
	}
	if s.maxSize == 0 {
		s.maxSize = int64(defaultMaxSize)
	}
	if s.path == "" {
		return s, nil
	}
	if !filepath.IsAbs(s.path) {
		s.path = filepath.Join(dir, s.path)
	}
	folder := filepath.Dir(s.path)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		ps.Add("path", "make it first: mkdir -p "+folder, "there is no folder %s", folder)
	} else if info, err := os.Stat(s.path); err == nil && info.IsDir() {
		ps.Add("path", "write the file's name, such as "+filepath.Join(c.Path, "access.log"), "%s is a folder", s.path)
	}
	return s, ps
}

func newAccessLog(log *slog.Logger, notices *health.Registry, stdout io.Writer) *accessLog {
	a := &accessLog{
		log: log, notices: notices, stdout: stdout,
		wake: make(chan struct{}, 1), batch: make(chan struct{}, 1), reset: make(chan struct{}, 1),
	}
	a.lines.New = func() any {
		line := make([]byte, 0, 2048)
		return &line
	}
	return a
}

// set puts settings in force; nil ends logging. The file is opened anew in any
// case, as after a rotation by another program.
func (a *accessLog) set(s *logSettings) {
	a.settings.Store(s)
	signal(a.reset)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it has one
	}
}

// observe takes one exchange.
func (a *accessLog) observe(e *observe.Exchange, ordinary bool) {
	s := a.settings.Load()
	if s == nil {
		return
	}
	if ordinary && s.sample < 1 && rand.Float64() >= s.sample { // #nosec G404 -- a sample, nothing to guess
		a.sampled.Add(1)
		return
	}
	line := a.lines.Get().(*[]byte)
	*line = append(observe.AppendJSON((*line)[:0], e), '\n')
	a.append(*line)
	a.lines.Put(line)
}

func (a *accessLog) append(line []byte) {
	a.mu.Lock()
	was := len(a.full)
	fits := was+len(line) <= logBuffer
	if fits {
		a.full = append(a.full, line...)
	}
	a.mu.Unlock()
	switch {
	case !fits:
		a.dropped.Add(1)
	case was == 0:
		signal(a.wake)
	case was < logBatch && was+len(line) >= logBatch:
		signal(a.batch)
	}
}

// take returns the lines that wait. They belong to the caller until give.
func (a *accessLog) take() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	lines := a.full
	a.full, a.spare = a.spare[:0], nil
	return lines
}

// give hands a buffer back. A large one is not kept for ever: a burst is over at
// some time.
func (a *accessLog) give(lines []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if cap(lines) <= 256<<10 || len(lines) > cap(lines)/4 {
		a.spare = lines[:0]
	}
}

// run writes what waits until ctx ends and all of it is written.
func (a *accessLog) run(ctx context.Context) {
	f := &logFile{log: a.log}
	defer f.close()
	a.inForce = a.settings.Load()
	for {
		select {
		case <-ctx.Done():
			a.flush(ctx, f)
			return
		case <-a.reset:
			a.flush(ctx, f)
			f.leave()
			a.inForce = a.settings.Load()
		case <-a.wake:
			a.gather(ctx)
			a.flush(ctx, f)
		}
	}
}

// gather waits for more lines, not for long.
func (a *accessLog) gather(ctx context.Context) {
	timer := time.NewTimer(logDelay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-a.batch:
	}
}

// flush writes what waits to where the settings say, those before when the log was
// switched off.
func (a *accessLog) flush(ctx context.Context, f *logFile) {
	dropped := a.dropped.Load()
	lines := a.take()
	defer a.give(lines)
	s := a.settings.Load()
	if s == nil {
		s = a.inForce
	}
	if len(lines) == 0 || s == nil {
		return
	}
	var err error
	if s.path != "" {
		err = f.write(ctx, s, lines)
	}
	if s.stdout && a.stdout != nil {
		if _, failed := a.stdout.Write(lines); failed != nil && err == nil {
			err = fmt.Errorf("write to standard output: %w", failed)
		}
	}
	n := uint64(bytes.Count(lines, []byte{'\n'})) // #nosec G115 -- a count
	if err != nil {
		a.failures.Add(1)
		a.dropped.Add(n)
	} else {
		a.written.Add(n)
	}
	a.tell(err, dropped)
}

// tell raises a notice while lines are being lost, and clears it when that is
// over. dropped is how many were before this flush.
func (a *accessLog) tell(err error, dropped uint64) {
	if err == nil && dropped == a.lost {
		a.losing = false
		if a.notices != nil {
			a.notices.Clear(logNotice)
		}
		return
	}
	first, lost := !a.losing, a.dropped.Load()
	a.losing, a.lost = true, lost
	why := "the disk was too slow for them"
	if err != nil {
		why = err.Error()
	}
	if first {
		a.log.Error("lines of the access log are being lost", "lines", lost, "error", why)
	}
	if a.notices == nil {
		return
	}
	a.notices.Raise(health.Notice{
		Code: logNotice, Severity: health.Failing, Title: "Lines of the access log are lost",
		Text: fmt.Sprintf("%d lines since the start: %s. Requests are served as before, and metrics and pages count them all. It is tried again with the next lines.", lost, why),
	})
}
