package checks

import (
	"strconv"
	"time"

	"lapwing.dev/lapwing/internal/probe"
)

// RunID names one run of a check: its start in milliseconds of Unix time.
// It is unique within the check.
type RunID int64

func (id RunID) String() string { return strconv.FormatInt(int64(id), 10) }

// Time returns the run's start.
func (id RunID) Time() time.Time { return time.UnixMilli(int64(id)) }

// ParseRunID reads what String wrote.
func ParseRunID(s string) (RunID, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	return RunID(n), err
}

// Result is one run of a check. A run has one attempt, or more when it was retried.
type Result struct {
	Check    string // the check's ID
	Run      RunID
	Status   Status // the run's own verdict: Up, Degraded or Down
	State    Status // the check's state after this run (Down only after n failures)
	Attempts []Attempt
}

// Attempt is one try of a run. For a check with steps the phases are the sum of
// the steps'; the single steps are in the Evidence.
type Attempt struct {
	Offset time.Duration // from the run's start
	Phases probe.Phases
	Status Status
	Code   int         // HTTP status of the last answer; 0 when there was none
	Size   int64       // decoded body size in bytes, over all steps
	Class  probe.Class // where it failed or degraded; empty when up
	Reason string      // why it is not up, in one sentence; empty when up
}

// At is the run's start, in milliseconds.
func (r *Result) At() time.Time { return r.Run.Time() }

// Last is the attempt that decided the run.
func (r *Result) Last() *Attempt { return &r.Attempts[len(r.Attempts)-1] }

// Latency is how long the deciding attempt took.
func (r *Result) Latency() time.Duration { return r.Last().Phases.Total() }

// Flaky reports a run that passed only after a retry.
func (r *Result) Flaky() bool { return len(r.Attempts) > 1 && r.Status != Down }

// Evidence is what was said in a run: kept for the first run after each change
// of state, for flaky runs, and for runs started by hand. Everything in it is redacted.
type Evidence struct {
	Check    string            `json:"check"`
	Run      RunID             `json:"run"`
	TraceID  string            `json:"trace_id"` // the W3C trace id that the probe sent
	Attempts []AttemptEvidence `json:"attempts"`
}

// AttemptEvidence is one attempt with its steps.
type AttemptEvidence struct {
	Steps []StepEvidence `json:"steps"`
}

// StepEvidence is one request with its answer and how it was judged.
type StepEvidence struct {
	Name       string            `json:"name,omitempty"`
	Curl       string            `json:"curl"` // the request as a curl command line
	Request    Message           `json:"request"`
	Response   *Message          `json:"response,omitempty"` // nil when no answer came
	Phases     probe.Phases      `json:"phases"`
	RemoteAddr string            `json:"remote_addr,omitempty"`
	Redirects  []string          `json:"redirects,omitempty"`
	TLS        *probe.TLS        `json:"tls,omitempty"`
	Assertions []Outcome         `json:"assertions,omitempty"`
	Captured   map[string]string `json:"captured,omitempty"`
	Class      probe.Class       `json:"class,omitempty"`
	Error      string            `json:"error,omitempty"`
	Skipped    bool              `json:"skipped,omitempty"` // an earlier step failed
}

// Message is one half of an exchange. Line is its first line without the
// protocol's noise: "GET http://…" or "HTTP/1.1 503 Service Unavailable".
type Message struct {
	Line      string   `json:"line"`
	Headers   []Header `json:"headers"`
	Body      string   `json:"body,omitempty"`
	Size      int64    `json:"size"` // of the whole body in bytes; Body may be less
	Truncated bool     `json:"truncated,omitempty"`
}

// Header is one header line.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Outcome is how one assertion ended.
type Outcome struct {
	Assertion string `json:"assertion"`        // as written
	Holds     bool   `json:"holds"`            //
	Degrades  bool   `json:"degrades"`         // if it fails, the run is degraded, not down
	Detail    string `json:"detail,omitempty"` // the values that decided: "status = 503"
}

// Transition is one change of a check's state.
type Transition struct {
	Check  string    `json:"check"`
	At     time.Time `json:"at"`
	From   Status    `json:"from"`
	To     Status    `json:"to"`
	Reason string    `json:"reason,omitempty"`
	Run    RunID     `json:"run,omitempty"` // 0 for a pause or resume
	By     string    `json:"by,omitempty"`  // who paused or resumed
}

// Life is what is remembered about a check over restarts.
type Life struct {
	State     Status
	Since     time.Time // when State began
	Failures  int       // runs down in a row
	Successes int       // runs not down in a row
	LastRun   RunID     // 0 when it never ran
	Paused    bool      // paused by hand (not by the configuration)
	PausedBy  string
}

// Apply folds one result into the life. It is how a store rebuilds lives from
// results after a crash, so it looks at nothing but r.
func (l *Life) Apply(r *Result) {
	if r.Status == Down {
		l.Failures++
		l.Successes = 0
	} else {
		l.Successes++
		l.Failures = 0
	}
	if l.State != r.State {
		l.State = r.State
		l.Since = r.At()
	}
	if r.Run > l.LastRun {
		l.LastRun = r.Run
	}
}
