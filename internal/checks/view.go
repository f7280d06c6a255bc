package checks

import "time"

// View is a check as people see it: its definition and its present state.
// It is a copy; the caller owns it.
type View struct {
	ID        string            `json:"id"`   // slug of the name, in URLs
	Name      string            `json:"name"` // as configured
	API       string            `json:"api,omitempty"`
	Operation string            `json:"operation,omitempty"` // "GET /orders/{id}" when the API's document has it
	Method    string            `json:"method"`              // of the (first) request
	Target    string            `json:"target"`              // URL of the (first) request, redacted
	Steps     []string          `json:"steps,omitempty"`     // names of the steps, when there are several
	StepViews []StepView        `json:"step_views"`          // every request of the check, in order; one at least
	Asserts   []string          `json:"assert,omitempty"`    // as written, defaults included
	Schedule  string            `json:"schedule"`            // "every 30s", "cron */5 * * * *, Mon-Fri 08:00-20:00 Europe/Berlin"
	Interval  time.Duration     `json:"interval"`            // 0 with cron
	Timeout   time.Duration     `json:"timeout"`
	Labels    map[string]string `json:"labels,omitempty"`
	DependsOn []string          `json:"depends_on,omitempty"` // check IDs

	State       Status          `json:"state"`
	Since       time.Time       `json:"since,omitzero"`        // when State began
	Reason      string          `json:"reason,omitempty"`      // why it is not up
	BecauseOf   string          `json:"because_of,omitempty"`  // ID of a check that it depends on and that is down
	Failures    int             `json:"failures,omitempty"`    // failed runs in a row; may be > 0 while still up
	Flaky       bool            `json:"flaky,omitempty"`       // the last run passed only after a retry
	PausedBy    string          `json:"paused_by,omitempty"`   // "configuration", or who did it
	Running     bool            `json:"running,omitempty"`     // a run is under way
	Next        time.Time       `json:"next,omitzero"`         // next planned start
	Missed      uint64          `json:"missed,omitempty"`      // due runs that did not start, since the process started
	CertExpires time.Time       `json:"cert_expires,omitzero"` // earliest of the chain, as of the last TLS run
	AlertTo     []string        `json:"alert_to,omitempty"`    // receivers that are told, whatever the route says
	Severity    string          `json:"severity,omitempty"`    // of its alerts; "" leaves it to the alert
	Last        *Result         `json:"-"`                     // nil before the first run of this process and history
	Recent      []time.Duration `json:"-"`                     // latencies of the last runs, oldest first, 0 = down; at most 24
}

// StepView is one request of a check as people see it.
type StepView struct {
	Name     string   `json:"name,omitempty"` // "" when the check has one request
	Method   string   `json:"method"`
	Target   string   `json:"target"` // redacted, with ${name} as written
	Asserts  []string `json:"assert,omitempty"`
	Captures []string `json:"captures,omitempty"` // names, sorted
	Always   bool     `json:"always,omitempty"`
}
