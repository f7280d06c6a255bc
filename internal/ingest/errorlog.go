package ingest

import (
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of error logs.
const (
	maxMatched  = 4 << 10 // bytes of a line that the expression sees
	maxMessage  = 500     // bytes of a line that is handed on
	maxValues   = 100     // combinations of labels; what comes after them is "other"
	maxLabel    = 100     // bytes of a label's value
	windowParts = 60      // by which `over` moves on
	otherValue  = "other"
)

// errorLog is one entry of `error_logs:`. It takes the lines of all its files.
type errorLog struct {
	logs   *Logs
	config ErrorLog
	match  *regexp.Regexp
	groups []int // of the expression, that have names

	lines atomic.Uint64 // that were looked at

	mu      sync.Mutex
	counts  map[string]*labelled // by the values of the groups
	window  []int                // lines that matched, by part of the time
	part    int64                // the newest one
	example string
	since   time.Time // when the condition began; zero: there is none
}

// labelled is a count with the values of its labels.
type labelled struct {
	values []string
	n      uint64
}

func newErrorLog(l *Logs, c ErrorLog) *errorLog {
	e := &errorLog{logs: l, config: c, match: regexp.MustCompile(c.Match), counts: map[string]*labelled{}, window: make([]int, windowParts)}
	for i, name := range e.match.SubexpNames() {
		if name != "" {
			e.groups = append(e.groups, i)
		}
	}
	if len(e.groups) == 0 { // there is something to show before the first line
		e.counts[""] = &labelled{}
	}
	return e
}

// Line implements tail.Lines.
func (e *errorLog) Line(line string, _ bool) {
	e.lines.Add(1)
	if len(line) > maxMatched {
		line = line[:maxMatched]
	}
	var found []int
	if len(e.groups) == 0 {
		if !e.match.MatchString(line) {
			return
		}
	} else if found = e.match.FindStringSubmatchIndex(line); found == nil {
		return
	}
	now := time.Now()
	message := line
	if len(message) > maxMessage {
		message = message[:maxMessage]
	}
	message = strings.ToValidUTF8(e.logs.mask(message), "\uFFFD")
	e.count(line, found, message, now)
	if e.logs.deps.Messages != nil {
		e.logs.deps.Messages(e.config.API, "", message, now)
	}
}

func (e *errorLog) count(line string, found []int, message string, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.example = message
	e.move(now)
	e.window[e.part%windowParts]++
	values := make([]string, len(e.groups))
	for i, group := range e.groups {
		if from := found[2*group]; from >= 0 {
			value := line[from:found[2*group+1]]
			values[i] = strings.ToValidUTF8(value[:min(len(value), maxLabel)], "\uFFFD")
		}
	}
	key := strings.Join(values, "\x00")
	c := e.counts[key]
	if c == nil && len(e.counts) >= maxValues {
		for i := range values {
			values[i] = otherValue
		}
		key = strings.Join(values, "\x00")
		c = e.counts[key]
	}
	if c == nil {
		for i := range values {
			values[i] = strings.Clone(values[i])
		}
		c = &labelled{values: values}
		e.counts[strings.Clone(key)] = c
	}
	c.n++
}

// move forgets the parts of the window that have passed. The caller holds the lock.
func (e *errorLog) move(now time.Time) {
	part := now.UnixNano() / int64(e.config.over()/windowParts)
	if part-e.part >= windowParts || part < e.part { // or the clock was set back
		clear(e.window)
	} else {
		for p := e.part + 1; p <= part; p++ {
			e.window[p%windowParts] = 0
		}
	}
	e.part = part
}

// condition is whether there are too many lines now.
func (e *errorLog) condition(now time.Time) (Condition, bool) {
	if e.config.Alert == 0 {
		return Condition{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.move(now)
	n := 0
	for _, lines := range e.window {
		n += lines
	}
	if n < e.config.Alert {
		e.since = time.Time{}
		return Condition{}, false
	}
	if e.since.IsZero() {
		e.since = now
	}
	return Condition{
		API: e.config.API, Name: e.config.name(), Path: e.config.Path, Lines: n, Alert: e.config.Alert, Over: e.config.over(),
		Since: e.since, Example: e.example,
	}, true
}

// labelNames are the names of the groups.
func (e *errorLog) labelNames() []string {
	names := e.match.SubexpNames()
	list := make([]string, len(e.groups))
	for i, group := range e.groups {
		list[i] = names[group]
	}
	return list
}

// counted returns what was counted, as it is now.
func (e *errorLog) counted() []labelled {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]labelled, 0, len(e.counts))
	for _, c := range e.counts {
		list = append(list, *c)
	}
	return list
}
