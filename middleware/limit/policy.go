package limit

import "time"

// Policy is one limit. It says who is counted (Key), how much is allowed, and
// what happens to the rest.
type Policy struct {
	Name string // unique; shown to clients in the RateLimit fields

	// Key says who is counted: the parts together are one key. Empty: everybody
	// together. A request that lacks a part (no such header, no token) is counted
	// under the client's address instead of that part.
	Key []KeyPart

	Rate    Rate    // requests per period; zero when it limits concurrency or a quota only
	Burst   int64   // how many may come at once; 0 means Rate.Count
	Quota   []Quota // calendar or fixed windows, each counted from zero
	InUse   int64   // most requests at the same time by one key; 0: not limited
	Adapt   *Adapt  // adapts the concurrency to what the upstream can bear; nil: not
	Cost    Cost    // how many requests one counts as
	Mode    Mode
	Queue   Queue               // of Throttle
	Enforce float64             // share of keys, 0 to 1, on which it is enforced, the rest is shadow; 0 means 1
	Exempt  func(*Request) bool // nil: nobody
	Test    *Rate               // a rate that is counted beside the real one, never enforced; nil: none

	// OnOutage says what a shared counter means while its store is away.
	OnOutage Outage
}

// Mode says what happens to the excess.
type Mode uint8

// The modes.
const (
	Reject   Mode = iota // 429
	Throttle             // wait in a queue, in order; 429 when it is full or would take too long
	Shadow               // nothing, it is counted only
)

// Queue bounds the waiting of a throttle, for each key.
type Queue struct {
	Depth int64         // most requests that wait; 0: only Wait bounds it
	Wait  time.Duration // longest wait; 0: only Depth bounds it. Both zero: DefaultQueue
}

// Rate is Count per Period.
type Rate struct {
	Count  int64
	Period time.Duration
}

// Quota is an allowance for one window of time.
type Quota struct {
	Count  int64
	Period Period
}

// Outage says what a policy does while the shared store is not reachable.
type Outage uint8

// The choices. LocalShare is the default.
const (
	LocalShare Outage = iota // limit here with limit ÷ last known number of gateways
	LocalFull                // limit here with the whole limit
	Open                     // let everything in
	Closed                   // reject
)
