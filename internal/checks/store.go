package checks

import (
	"context"
	"time"
)

// Store keeps the history of checks. Implementations are in package state;
// storetest.Run holds each of them to this contract.
//
//   - Append MUST be durable when it returns nil: a kill -9 at any later moment
//     loses nothing of the batch. When it returns an error nothing of the batch
//     is kept and the caller may try again with the same batch.
//   - What Append took MUST be visible to the reading methods when it returns.
//   - All methods MAY be called concurrently; Append is called by one goroutine.
//   - A store MUST NOT retain a Batch or what it points to.
//   - Durations are kept to the microsecond, times to the millisecond; roll-ups
//     count what is kept, so that they equal a recount of the results.
//   - Reading methods return fault.NotFound where the name says that one thing is wanted.
type Store interface {
	// Lives returns what is known of every check that ever ran or was paused,
	// by check ID.
	Lives(ctx context.Context) (map[string]Life, error)

	// Append adds results, transitions, evidence and missed runs in one durable step.
	Append(ctx context.Context, batch *Batch) error

	// SetPaused records that a check was paused or resumed by hand, with its transition.
	SetPaused(ctx context.Context, t Transition, paused bool) error

	// Results returns the runs of a check with from ≤ start < to, newest first,
	// at most limit of them (limit ≤ 0: all).
	Results(ctx context.Context, check string, from, to time.Time, limit int) ([]Result, error)

	// Result returns one run.
	Result(ctx context.Context, check string, run RunID) (*Result, error)

	// Evidence returns what was said in a run; fault.NotFound when it was not kept.
	Evidence(ctx context.Context, check string, run RunID) (*Evidence, error)

	// EvidenceRuns returns the runs of a check of which evidence is kept, newest first.
	EvidenceRuns(ctx context.Context, check string) ([]RunID, error)

	// Rollups returns the roll-ups with from ≤ start < to, oldest first, by check
	// ID; steps without runs are absent. The present step is included.
	Rollups(ctx context.Context, checks []string, step Step, from, to time.Time) (map[string][]Rollup, error)

	// Transitions returns changes of state, newest first, of one check ("" for
	// all), at most limit.
	Transitions(ctx context.Context, check string, limit int) ([]Transition, error)

	// Prune removes what is older than the retention allows. It reads and
	// removes in bounded steps and may be stopped by ctx at any time. What is
	// stored together goes together, so some MAY stay for a day more, or 32 days
	// of daily roll-ups. A retention of zero keeps everything. The evidence that
	// the present outage began with stays.
	Prune(ctx context.Context, now time.Time, r Retention) error
}

// Batch is what happened since the last Append. Every check in it is named by ID.
type Batch struct {
	Results     []Result
	Transitions []Transition
	Evidence    []Evidence
	Missed      []Missed
}

// Missed counts due runs of a check that did not start, in the hour and day of At.
type Missed struct {
	Check string
	At    time.Time
	Count uint32
}

// Empty reports whether there is nothing to append.
func (b *Batch) Empty() bool {
	return len(b.Results)+len(b.Transitions)+len(b.Evidence)+len(b.Missed) == 0
}
