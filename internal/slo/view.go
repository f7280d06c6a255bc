package slo

import "time"

// Endpoint is one operation as people see it: what its requests were like over
// the last minutes. It is a copy; the caller owns it.
type Endpoint struct {
	API       string `json:"api"`
	Operation string `json:"operation"` // "GET /orders/{id}"; the method alone for requests that matched none
	Method    string `json:"method"`
	Route     string `json:"route"` // "" for requests that matched none

	Over     time.Duration `json:"over"` // that the following is about: error_rate.over of its API
	Requests uint64        `json:"requests"`
	Errors   uint64        `json:"errors"`
	Rate     float64       `json:"rate"`       // requests per second
	Share    float64       `json:"error_rate"` // errors ÷ requests, 0 without any
	Status   [6]uint64     `json:"status"`     // by class; 0 had no answer
	Aborted  uint64        `json:"aborted"`    // clients that went away (499): not in Requests
	Refused  uint64        `json:"refused"`    // by Lapwing itself (429, blocks, credentials): not in Requests

	P50, P95, P99 time.Duration `json:"-"` // over the same time, right to 5 %; 0 without requests

	LastSeen time.Time   `json:"last_seen,omitzero"`
	State    string      `json:"state"`             // "ok", "warning", "critical", "no_data"
	Firing   []Condition `json:"-"`                 // about this operation, pending ones too
	Budgets  []Budget    `json:"budgets,omitempty"` // of objectives about this operation
	Recent   []Point     `json:"-"`                 // the last hour by minute, oldest first
	Warning  float64     `json:"warning"`           // thresholds in force, shares
	Critical float64     `json:"critical"`
}

// Budget is what an objective has left.
type Budget struct {
	API       string        `json:"api"`
	Objective string        `json:"objective"`
	Operation string        `json:"operation,omitempty"` // "" for the whole API
	Latency   time.Duration `json:"-"`                   // 0 for availability
	Target    float64       `json:"target"`
	Over      time.Duration `json:"-"`

	Requests uint64    `json:"requests"` // over the period
	Bad      uint64    `json:"bad"`
	Achieved float64   `json:"achieved"` // share of good requests; 1 without any
	Left     float64   `json:"left"`     // share of the budget: 1 untouched, 0 spent, below 0 overdrawn
	Since    time.Time `json:"since"`    // how far back there is history: later than the period's start at first
	Burns    []Burn    `json:"burns"`    // by window, the shortest first
}

// Burn is how fast a budget is spent over one pair of windows: 1 spends it
// exactly over the period.
type Burn struct {
	Severity    string        `json:"severity"`
	Long, Short time.Duration `json:"-"`
	LongRate    float64       `json:"long_rate"`
	ShortRate   float64       `json:"short_rate"`
	Threshold   float64       `json:"threshold"`
	Ready       bool          `json:"ready"` // there is history for the long window, and traffic in both
	Firing      bool          `json:"firing"`
}

// Point is one step of a chart.
type Point struct {
	At            time.Time     `json:"at"` // its beginning
	Requests      uint64        `json:"requests"`
	Errors        uint64        `json:"errors"`
	Status        [6]uint64     `json:"status"`
	P50, P95, P99 time.Duration `json:"-"`
}

// BudgetPoint is one step of a burn-down chart.
type BudgetPoint struct {
	At   time.Time `json:"at"`
	Left float64   `json:"left"` // share of the budget at the end of the step
}

// TopError is one kind of failure of an operation.
type TopError struct {
	API         string    `json:"api"`
	Operation   string    `json:"operation"`
	Status      int       `json:"status"`      // 0 when no answer came
	Class       string    `json:"class"`       // observe.ErrorClass; "" for a 5xx of the API itself
	Fingerprint string    `json:"fingerprint"` // of the message, with what differs between requests left out
	Message     string    `json:"message"`     // of the last one, redacted; "" when nobody told
	Count       uint64    `json:"count"`
	First       time.Time `json:"first_seen"`
	Last        time.Time `json:"last_seen"`
	Example     Example   `json:"example"`
}

// Example is one request that failed so.
type Example struct {
	At        time.Time     `json:"at"`
	Method    string        `json:"method"`
	Path      string        `json:"path"` // redacted, without query
	Status    int           `json:"status"`
	Duration  time.Duration `json:"-"`
	RequestID string        `json:"request_id,omitempty"`
	TraceID   string        `json:"trace_id,omitempty"`
	Upstream  string        `json:"upstream,omitempty"`
	Source    string        `json:"source"` // observe.Source
}
