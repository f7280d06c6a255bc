// Package limit decides how many requests a client may make: rates by GCRA
// with one 64-bit word a key, throttling that queues the excess, quotas of a
// day or a month, and limits of concurrency. It knows nothing of HTTP: a caller
// describes a request ([Request]), gets a [Decision], and acts on it.
//
//	rules.Decide(ctx, &request, &decision)   // never waits on memory counters
//	decision.Wait(ctx)                       // a throttled request waits here, in order
//	… serve …
//	decision.Done(limit.Feedback{…})         // frees what it holds, adapts
//
// A [Limiter] keeps what is counted, for as long as the program runs; [Rules]
// say what it is counted for, and are made anew whenever the configuration
// changes. Counters are in memory of a fixed size, whatever clients do, or in a
// store that several limiters share ([Counter]). What limits mean is written
// down, and played, in package limittest.
package limit
