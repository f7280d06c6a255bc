package slo

import (
	"context"
	"time"
)

// Counts are the requests of one operation over one step of time.
type Counts struct {
	API, Operation string // Operation as Endpoint.Operation
	Requests       uint64 // without Refused and Aborted
	Errors         uint64
	Status         [6]uint64
	Latency        []uint32 // counts by bucket of duration, see latency.go; trailing zeros left out
	Bad            []Bad    // of latency objectives: slower than their threshold
}

// Bad is how many requests broke one latency objective.
type Bad struct {
	Latency  time.Duration
	Requests uint64
}

// Step is all operations over one step of time.
type Step struct {
	Start  time.Time     // a multiple of Length since the Unix epoch
	Length time.Duration // 5 min or 1 h
	Counts []Counts
}

// Store keeps steps and the pending state of conditions. Implementations MUST
// have on disk what they acknowledged.
type Store interface {
	// PutSteps stores steps; one with the same start and length is replaced.
	PutSteps(ctx context.Context, steps []Step) error
	// Steps calls visit with the steps of a length with from ≤ start < to, oldest
	// first, until it returns an error.
	Steps(ctx context.Context, length time.Duration, from, to time.Time, visit func(Step) error) error
	// PruneSteps drops steps of a length that started before a time.
	PruneSteps(ctx context.Context, length time.Duration, before time.Time) error
	// PutConditions replaces the conditions that are remembered over a restart.
	PutConditions(ctx context.Context, conditions []Condition) error
	// Conditions returns them.
	Conditions(ctx context.Context) ([]Condition, error)
}
