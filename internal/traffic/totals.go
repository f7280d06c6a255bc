package traffic

import (
	"time"

	"lapwing.dev/lapwing/middleware/observe"
)

// The counts of one operation over some time. They are an array so that they are
// written, read, added and subtracted in one way.
const (
	nRequests = iota
	nStatus   // and the next five: by class of the status, 0 for no answer
	_
	_
	_
	_
	_
	nFailed
	nDelayed
	nRejected
	nBlocked
	nUnauthorized
	nInvalid
	nIn  // bytes
	nOut // bytes
	operationCounts
)

type counts [operationCounts]uint64

func (c *counts) add(o *counts) {
	for i := range c {
		c[i] += o[i]
	}
}

// count adds n requests with an outcome.
func (c *counts) count(o outcome, n uint64) {
	c[nRequests] += n
	c[nStatus+o.class()] += n
	if o.failed() {
		c[nFailed] += n
	}
	switch o.verdict() {
	case observe.Delayed:
		c[nDelayed] += n
	case observe.Rejected:
		c[nRejected] += n
	case observe.Blocked:
		c[nBlocked] += n
	case observe.Unauthorized:
		c[nUnauthorized] += n
	case observe.Invalid:
		c[nInvalid] += n
	}
}

// Totals are sums over some time.
type Totals struct {
	Requests uint64
	Status   [6]uint64 // by class of the status: 2 is 2xx; 0 had no answer
	Failed   uint64    // errors of the API: observe.Exchange.Failed

	Delayed      uint64 // served after waiting in a throttle's queue
	Rejected     uint64 // over a limit
	Blocked      uint64
	Unauthorized uint64
	Invalid      uint64

	BytesIn, BytesOut uint64 // of bodies

	// Percentiles of the durations of what was not refused, waiting in a queue
	// included; right to 3 %, 0 without requests.
	P50, P95, P99 time.Duration
}

func totals(c *counts, s *spread) Totals {
	t := Totals{
		Requests: c[nRequests], Failed: c[nFailed], Delayed: c[nDelayed], Rejected: c[nRejected],
		Blocked: c[nBlocked], Unauthorized: c[nUnauthorized], Invalid: c[nInvalid], BytesIn: c[nIn], BytesOut: c[nOut],
	}
	copy(t.Status[:], c[nStatus:])
	if s != nil {
		t.P50, t.P95, t.P99 = s.quantile(.50), s.quantile(.95), s.quantile(.99)
	}
	return t
}

// Refused is how many requests Lapwing did not let through.
func (t *Totals) Refused() uint64 { return t.Rejected + t.Blocked + t.Unauthorized + t.Invalid }

// ErrorRate is the share of failed requests among those that were let through, 0
// without any.
func (t *Totals) ErrorRate() float64 {
	let := t.Requests - t.Refused()
	if let == 0 {
		return 0
	}
	return float64(t.Failed) / float64(let)
}

// Policy is what one policy did over some time.
type Policy struct {
	Kind PolicyKind
	Name string

	Delayed uint64        // waited in its queue, and were served
	Waited  time.Duration // over all of them
	Refused uint64        // rejected, blocked, or without access
	Shadow  uint64        // would have been refused, were it in force
}

// The counts of a policy, as in counts.
const (
	pDelayed = iota
	pWaited
	pRefused
	pShadow
	policyCounts
)
