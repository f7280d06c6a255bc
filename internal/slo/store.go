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
	Latency        []uint32 // counts by bucket of duration, see Buckets; trailing zeros left out
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
	// Covered is how much of it somebody was counting. What an hour usually has is
	// not learned from one that was seen in part.
	Covered time.Duration
	Counts  []Counts // each operation once, in no order
}

// Query chooses steps: those of a length with From ≤ start < To.
type Query struct {
	Length   time.Duration
	From, To time.Time

	// API and Operation choose counts within the steps; "" for all. A step without
	// such counts is visited all the same: it was covered.
	API, Operation string
}

// Store keeps steps, conditions and top errors. Implementations MUST
// have on disk what they acknowledged.
type Store interface {
	// PutSteps stores steps; one with the same start and length is replaced.
	PutSteps(ctx context.Context, steps []Step) error
	// Steps calls visit with the steps that a query chooses, oldest first, until it
	// returns an error, which Steps returns. A step and what it holds belong to
	// visit, which MUST NOT call the store.
	Steps(ctx context.Context, q Query, visit func(Step) error) error
	// PruneSteps drops steps of a length that started before a time.
	PruneSteps(ctx context.Context, length time.Duration, before time.Time) error
	// PutConditions replaces the conditions that are remembered over a restart.
	PutConditions(ctx context.Context, conditions []Condition) error
	// Conditions returns them, in the order in which they were put.
	Conditions(ctx context.Context) ([]Condition, error)
	// PutTopErrors replaces the kinds of failures that are remembered over a restart.
	PutTopErrors(ctx context.Context, kinds []TopError) error
	// TopErrors returns them, in the order in which they were put.
	TopErrors(ctx context.Context) ([]TopError, error)
}
