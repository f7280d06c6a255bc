package views

import "lapwing.dev/lapwing/middleware/limit"

// Limits tells of the limits of the configuration.
type Limits interface {
	// Limits returns them in the order of the configuration.
	Limits() []Limit
	// Waiting returns requests that are throttled now, the next one first, at most
	// most; of one limit, or of all ("").
	Waiting(policy string, most int) []limit.Waiter
}

// Limit is one limit, as it is written and as it does.
type Limit struct {
	limit.PolicyStats        // since the start
	Key               string // who is counted: "client.address", "api_key, operation"
	Rule              string // what is allowed: "500/minute, 50 at once"
	Excess            string // what happens to the rest: "wait, at most 100 and 2s", "rejected"
}
