package limit

import (
	"context"
	"time"
)

// Counter counts for several limiters together, in Redis for instance. It MUST
// be safe for concurrent use, and MUST answer within tens of milliseconds: an
// error means that the store is away, and each policy then does what its
// OnOutage says. It MUST NOT keep a slice or what is in it.
type Counter interface {
	// Take asks for all of takes and fills in their Outcomes. When one that is
	// Enforced is refused nothing of any is charged; one that is not Enforced and
	// is refused charges nothing itself and refuses nobody else.
	Take(ctx context.Context, takes []Take) error

	// Settle adds the Cost of each without asking, in debt too; a negative Cost
	// gives back. For KindInUse it frees the place, whatever the Cost. It may be
	// done later, and be lost while the store is away. ctx is not cancelled with
	// the request.
	Settle(ctx context.Context, takes []Take)

	// Limiters is how many limiters shared the store when it was last reached, 1
	// or more.
	Limiters() int
}

// Take is one limit that a request asks something of.
type Take struct {
	Policy   string // with Kind, Key and Window the identity of what is counted
	Kind     Kind
	Key      uint64 // hash of the key, the same in all limiters of one Options.Secret
	Cost     int64  // 0: asks how it stands
	Enforced bool
	Test     bool // the Test rate of the policy: counted apart

	Rate   RateSpec // of KindRate
	Quota  Quota    // of KindQuota
	Most   int64    // of KindInUse
	Window [2]int64 // of KindQuota: begin and end in Unix seconds

	Outcome Outcome // filled in by Take
}

// Kind is the kind of a limit.
type Kind uint8

// The kinds.
const (
	KindRate Kind = iota
	KindQuota
	KindInUse
)

// String is "rate", "quota" or "in_use".
func (k Kind) String() string { return name(kinds[:], int(k)) }

// RateSpec is a rate as GCRA counts it. A request of cost c at time now moves
// the key's theoretical arrival time (TAT) to max(TAT, now) + c·Interval. It is
// let in at once when that is no later than now + Tolerance, after waiting
// until it is when that is no later than now + Tolerance + Ahead, and otherwise
// refused, which moves nothing.
type RateSpec struct {
	Rate      Rate
	Burst     int64
	Interval  time.Duration // between two requests; for shared stores of coarser time: Rate.Period / Rate.Count
	Tolerance time.Duration // Burst · Interval
	Ahead     time.Duration // how long a throttled request may wait; 0: not
}

// Outcome is how a Take went.
type Outcome struct {
	Allowed    bool
	Delay      time.Duration // of KindRate with Ahead: to wait before it goes on
	Remaining  int64         // that would be let in at once now
	Reset      time.Duration // until Remaining grows
	RetryAfter time.Duration // when refused: until the same may be let in
	Token      uint64        // for the counter itself: comes back in Settle as it is
}
