package limit

import "time"

// Policy is one limit. It says who is counted (Key), how much is allowed, and
// what happens to the rest. A policy that was compiled is not read again:
// change the value and compile new [Rules].
type Policy struct {
	Name string // unique among the policies of one Compile; shown to clients in the RateLimit fields

	// Key says who is counted: the parts together are one key. Empty: everybody
	// together. A request that lacks a part (no such header, no token) is counted
	// under the client's address instead of that part.
	Key []KeyPart

	Rate    Rate    // requests per period; zero when it limits concurrency or a quota only
	Burst   int64   // how many may come at once; 0 means Rate.Count
	Quota   []Quota // calendar windows in UTC, each counted from zero
	InUse   int64   // most requests at the same time by one key, those that wait in the queue included; 0: not limited
	Adapt   *Adapt  // adapts the concurrency of all keys together to what the upstream can bear; nil: not
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

// String is "reject", "throttle" or "shadow".
func (m Mode) String() string { return name(modes[:], int(m)) }

// UnmarshalText reads what String writes.
func (m *Mode) UnmarshalText(text []byte) error { return named(m, modes[:], "mode", text) }

// MarshalText writes what UnmarshalText reads.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Queue bounds the waiting of a throttle, for each key.
type Queue struct {
	// Depth is how many requests may wait; a request of cost n takes n places.
	// 0: only Wait bounds it.
	Depth int64
	// Wait is the longest wait; a request that would wait longer is rejected at
	// once. 0: only Depth bounds it.
	Wait time.Duration
}

// DefaultQueue returns what bounds a throttle that says neither depth nor wait.
func DefaultQueue() Queue { return Queue{Depth: 100, Wait: 10 * time.Second} }

// Outage says what a policy does while the shared store is not reachable.
type Outage uint8

// The choices. LocalShare is the default.
const (
	LocalShare Outage = iota // limit here with limit ÷ last known number of limiters
	LocalFull                // limit here with the whole limit
	Open                     // let everything in
	Closed                   // reject
)

// String is "local-share", "local-full", "open" or "closed".
func (o Outage) String() string { return name(outages[:], int(o)) }

// UnmarshalText reads what String writes.
func (o *Outage) UnmarshalText(text []byte) error { return named(o, outages[:], "outage", text) }

// MarshalText writes what UnmarshalText reads.
func (o Outage) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Cost says how many requests one counts as. The first that is set holds:
// Request, Fixed, the Cost of the Request; otherwise it is 1. A negative cost
// counts as 0: nobody earns by asking.
type Cost struct {
	Request func(*Request) int64 // reckons it from the request; nil: not
	Fixed   int64                // the same for every request; 0: not

	// ResponseHeader names the header of the answer that has the whole cost, for
	// instance "X-Cost". What the request was charged at first is settled with it
	// in Done; the key may go into debt by that, up to a day beyond its burst.
	// "": not.
	ResponseHeader string
}

// Tier is a class of clients, by subscription for instance. The first tier
// whose When holds is the tier of a request.
type Tier struct {
	Name string
	When func(*Request) bool // nil: always

	// Rates replaces the rate of policies, by policy name, for the requests of
	// this tier, which are then counted apart from other tiers. The burst of the
	// policy stays when it has one. A zero Rate takes the rate of the policy away.
	Rates map[string]Rate

	Upstream string // where requests of this tier go; "" for where all go
}
