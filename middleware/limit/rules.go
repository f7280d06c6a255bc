package limit

import "context"

// Rules are compiled policies and tiers. They do not change, and are safe for
// concurrent use.
type Rules struct{ limiter *Limiter }

// Decide decides about q and writes to d what came of it. All policies must let
// a request in: when one refuses, it is counted by none. It does not wait and
// does not allocate with counters in memory; with a shared Counter it waits for
// that, and ctx ends the waiting.
func (r *Rules) Decide(ctx context.Context, q *Request, d *Decision) { d.Reset() }

// Reset makes d as new. Decide does it itself.
func (d *Decision) Reset() { d.Verdict, d.N = Allow, 0 }

// Wait waits as long as a delayed request has to: requests of one key go on in
// the order in which they were decided. When ctx ends first, everything is given
// back as by Cancel and its error is returned.
func (d *Decision) Wait(ctx context.Context) error { return ctx.Err() }

// Done ends a decision whose request was served.
func (d *Decision) Done(f Feedback) {}

// Cancel ends a decision whose request was not served after all and gives back
// everything that it took.
func (d *Decision) Cancel() {}
