package views

import (
	"time"

	"lapwing.dev/lapwing/internal/traffic"
)

// Traffic tells of observed requests; *traffic.Manager does. All methods may be
// called concurrently; what they return belongs to the caller.
type Traffic interface {
	// Summary returns the traffic with from ≤ time < to in at most most points.
	Summary(from, to time.Time, most int, f traffic.Filter) traffic.Summary
	// Operations returns it by operation, busiest first.
	Operations(from, to time.Time, f traffic.Filter) []traffic.Operation
	// Policies returns what each policy did.
	Policies(from, to time.Time) []traffic.Policy
	// Clients returns the busiest clients over the time up to now, at most
	// traffic.ClientWindow.
	Clients(over time.Duration, most int) []traffic.Client
	// ClientByKey returns one of them with operations and minutes; false when it is
	// not among the busiest.
	ClientByKey(key string, over time.Duration) (traffic.Client, bool)
	// Recent returns requests of the sample, newest first.
	Recent(f traffic.RequestFilter, most int) []traffic.Request
	// Now returns the traffic of the last second.
	Now() traffic.Live
	// Started is since when requests are counted.
	Started() time.Time
}
