package limit

import (
	"sync/atomic"
	"time"
)

// Decision is what was decided about one request. Its caller owns it, may keep
// it in a pool, and MUST end every decision that was not rejected with exactly
// one of Done and Cancel before using it again; what comes after the first is
// harmless. A Decision must not be copied.
type Decision struct {
	Verdict    Verdict
	Reason     Reason        // of a Reject; "" otherwise
	Policy     string        // that rejects or delays; "" for Allow
	Tier       string        // "" when no tier holds
	Upstream   string        // of the tier; "" for where all go
	Delay      time.Duration // how long Wait will wait
	RetryAfter time.Duration // of a Reject: when it may be let in at the earliest; 0: never, as it is (ReasonCost)
	Shadow     string        // first policy in shadow mode that would have rejected or delayed it; ""
	Degraded   bool          // a shared store was away: decided by what the policies say about that

	// States has, in its first N places, how policies stand after this decision.
	States [MaxStates]State
	N      int

	stripe  uint32 // where it is counted, as long as it lives: see stripes
	limiter *Limiter
	plan    *plan
	holds   [MaxPolicies]hold // of the policies that apply
	held    int
	waiter  *waiter // in the queue of waiting; nil: not in one
	waiting *hold
	until   int64
	turn    uint64 // how many of its queue have gone on with it
	takes   []Take // of a shared counter
	ended   atomic.Bool
}

// Bounds of one compiled set of rules.
const (
	MaxPolicies = 8  // most policies
	MaxStates   = 16 // most rates, quotas and concurrency limits in them together
)

// Verdict is what is done with a request.
type Verdict uint8

// The verdicts.
const (
	Allow  Verdict = iota // serve it
	Delay                 // serve it after Wait
	Refuse                // answer Reason.Status and Retry-After
)

// String is "allow", "delay" or "reject".
func (v Verdict) String() string { return name(verdicts[:], int(v)) }

// Reason says why a request was rejected.
type Reason uint8

// The reasons.
const (
	NoReason          Reason = iota
	ReasonRate               // over the rate
	ReasonQuota              // the quota of the window is used up
	ReasonConcurrency        // the key has as many requests running as it may
	ReasonOverload           // the upstream bears no more at the same time (adaptive)
	ReasonQueueFull          // the throttle's queue is full
	ReasonQueueWait          // it would have to wait for too long
	ReasonWaitingCap         // too many requests wait here in all
	ReasonCost               // it costs more than can ever be allowed at once
	ReasonOutage             // the shared store is away and the policy is closed then
	numReasons
)

// Reasons returns all reasons for a rejection.
func Reasons() []Reason {
	all := make([]Reason, 0, numReasons-1)
	for r := ReasonRate; r < numReasons; r++ {
		all = append(all, r)
	}
	return all
}

// String is a stable text, a metric label value: "rate", "quota",
// "concurrency", "overload", "queue_full", "queue_wait", "waiting_cap", "cost",
// "outage"; "" for none.
func (r Reason) String() string { return name(reasons[:], int(r)) }

// Status is the HTTP status that tells the reason: 429 when the client asked
// for too much, 503 when the cause is on this side.
func (r Reason) Status() int {
	switch r {
	case ReasonOverload, ReasonWaitingCap, ReasonOutage:
		return 503
	}
	return 429
}

// The problem types of draft-ietf-httpapi-ratelimit-headers-10, for the type
// member of an application/problem+json answer.
const (
	ProblemQuotaExceeded    = "https://iana.org/assignments/http-problem-types#quota-exceeded"
	ProblemReducedCapacity  = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
	ProblemAbnormalUsage    = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected"
	ProblemViolatedPolicies = "violated-policies" // the member that lists policy names
)

// ProblemType is the problem type that goes with Status.
func (r Reason) ProblemType() string {
	if r.Status() == 503 {
		return ProblemReducedCapacity
	}
	return ProblemQuotaExceeded
}

// State is how one limit of a policy stands for the key of a request.
type State struct {
	Name      string        // of the policy; a quota's has its period behind: "orders.day"
	Unit      Unit          // of Limit and Remaining
	Limit     int64         // allowed in Window
	Remaining int64         // that may come at once now
	Reset     time.Duration // until Remaining grows; 0: it is whole
	Window    time.Duration // 0: no window (concurrency)
	Violated  bool          // it would not let the request in
	Shadow    bool          // it is not enforced on this key: nobody is told of it

	item string // of the RateLimit-Policy field, made beforehand; "": make it
	key  uint64 // hash of who is counted; 0: everybody together
}

// Unit is the unit of a limit.
type Unit uint8

// The units that the RateLimit-Policy field knows.
const (
	Requests Unit = iota
	ContentBytes
	ConcurrentRequests
)

// String is the text of the field's qu parameter.
func (u Unit) String() string { return name(units[:], int(u)) }

// Feedback is what became of a request.
type Feedback struct {
	Status  int           // of the answer; 0: none
	Latency time.Duration // of the upstream, without waiting here; 0: not known, adaptive limits learn nothing
	Dropped bool          // it failed by overload: a timeout, a refused connection, a 503 of the upstream
	Headers Values        // of the answer, for Cost.ResponseHeader; nil: none. An http.Header is one
	Cost    int64         // whole cost when Headers is nil; 0: not known
}
