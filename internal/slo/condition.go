package slo

import "time"

// The names of the built-in alerts of this package: stable, they are the label
// alertname.
const (
	ErrorRateHigh     = "ErrorRateHigh"     // failed ÷ requests of an operation or an API
	ErrorBudgetBurn   = "ErrorBudgetBurn"   // an objective's budget is spent too fast (both windows of a pair)
	LatencyRegression = "LatencyRegression" // slower than at this hour of past weeks
	TrafficSpike      = "TrafficSpike"      // more requests than at this hour of past weeks
	TrafficDrop       = "TrafficDrop"       // fewer; also none, where there used to be some
)

// The severities.
const (
	Warning  = "warning"
	Critical = "critical"
)

// State of a condition.
type State string

// The states.
const (
	Pending State = "pending" // it holds, but not for long enough yet
	Firing  State = "firing"
	// NoData is one that fired and of which nothing is known any more, because no
	// requests come: it is still to be told as firing, and is given up after 15 minutes.
	NoData State = "no_data"
)

// Condition is something that is wrong with an API or one of its operations, as
// of one tick. It is a value; the consumer owns it.
type Condition struct {
	Alert     string // one of the names above
	Severity  string // Warning or Critical
	API       string
	Operation string // "" when it is about the whole API
	Objective string // of ErrorBudgetBurn; else ""
	Window    string // of ErrorBudgetBurn: "1h"; else ""

	State State
	Since time.Time // when it began to hold
	Fired time.Time // when it began to fire; zero before
	Quiet time.Time // since when there is no data; zero unless State is NoData

	Value, Threshold float64 // in the unit of the alert: shares, seconds, requests per second
	Requests, Errors uint64  // over the window of the alert

	Summary     string // one line: `GET /refunds fails: 42 % of 118 requests in 5 min`
	Description string // what was counted, since when, what is usual
	Page        string // path and query of the page that shows exactly this, "/endpoints/GET/refunds?api=…"
}
