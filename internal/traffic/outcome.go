package traffic

import (
	"sync/atomic"

	"lapwing.dev/lapwing/middleware/observe"
)

// outcome is what became of a request, packed: how many requests of an operation
// had which one is all that is counted on the way of a request; statuses,
// verdicts, errors and sources are sums over it.
//
//	bit 15 always set, so that no outcome is zero; 10-12 source; 6-9 error;
//	3-5 verdict; 0-2 class of the status
type outcome uint32

// The texts by their numbers in an outcome. What is not known counts as the
// first.
var (
	verdicts = [...]observe.Verdict{observe.Allowed, observe.Delayed, observe.Rejected, observe.Blocked, observe.Unauthorized, observe.Invalid}
	failures = [...]observe.ErrorClass{
		observe.NoError, observe.ErrorConnect, observe.ErrorTimeout, observe.ErrorReset, observe.ErrorProtocol,
		observe.ErrorNoUpstream, observe.ErrorClientGone, observe.ErrorRequestBody, observe.ErrorInternal,
	}
	origins = [...]observe.Source{"other", observe.SourceGateway, observe.SourceDecision, observe.SourceMiddleware, observe.SourceAccessLog}
	classes = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}
)

const known outcome = 1 << 15

func outcomeOf(e *observe.Exchange) outcome {
	return known | originNumber(e.Source)<<10 | failureNumber(e.Error)<<6 | verdictNumber(e.Verdict)<<3 | outcome(classOf(e.Status)) // #nosec G115 -- 0 to 5
}

func (o outcome) class() int                  { return int(o & 7) }
func (o outcome) verdict() observe.Verdict    { return verdicts[o>>3&7] }
func (o outcome) failure() observe.ErrorClass { return failures[o>>6&15] }
func (o outcome) origin() observe.Source      { return origins[o>>10&7] }

// failed is what Exchange.Failed says of every exchange with this outcome.
func (o outcome) failed() bool {
	status := 0
	if o.class() == 5 {
		status = 500
	}
	e := observe.Exchange{Verdict: o.verdict(), Error: o.failure(), Status: status}
	return e.Failed()
}

// classOf is the first digit of a status, 0 for none.
func classOf(status int) int {
	if status < 100 || status > 599 {
		return 0
	}
	return status / 100
}

func verdictNumber(v observe.Verdict) outcome {
	switch v {
	case observe.Delayed:
		return 1
	case observe.Rejected:
		return 2
	case observe.Blocked:
		return 3
	case observe.Unauthorized:
		return 4
	case observe.Invalid:
		return 5
	}
	return 0
}

func failureNumber(f observe.ErrorClass) outcome {
	if f == observe.NoError {
		return 0
	}
	for i, known := range failures {
		if f == known {
			return outcome(i)
		}
	}
	return outcome(len(failures) - 1)
}

func originNumber(s observe.Source) outcome {
	switch s {
	case observe.SourceGateway:
		return 1
	case observe.SourceDecision:
		return 2
	case observe.SourceMiddleware:
		return 3
	case observe.SourceAccessLog:
		return 4
	}
	return 0
}

// outcomes counts outcomes of one operation without a lock. Few of all that are
// possible happen; should there be more than have room, the rest is one number.
type outcomes struct {
	room  *room // that a new outcome takes
	cells [32]struct {
		key atomic.Uint32
		n   atomic.Uint64
	}
	rest atomic.Uint64
}

func (os *outcomes) add(o outcome) {
	start := uint32(o) * 0x9E3779B1 >> 27
	for i := range uint32(len(os.cells)) {
		c := &os.cells[(start+i)%uint32(len(os.cells))]
		key := c.key.Load()
		if key == uint32(o) || key == 0 && os.claim(&c.key, o) {
			c.n.Add(1)
			return
		}
		if key == 0 && c.key.Load() == 0 {
			break // there is no room
		}
	}
	os.rest.Add(1)
}

// claim makes a free cell one of an outcome; false when there is no room, or when
// it has become another one's meanwhile.
func (os *outcomes) claim(cell *atomic.Uint32, o outcome) bool {
	if !os.room.take(1) {
		return false
	}
	if cell.CompareAndSwap(0, uint32(o)) {
		return true
	}
	os.room.give(1)
	return cell.Load() == uint32(o)
}

// sum is what was counted so far. What had no cell of its own are requests of
// which nothing else is known.
func (os *outcomes) sum() counts {
	var c counts
	os.each(c.count)
	rest := os.rest.Load()
	c[nRequests] += rest
	c[nStatus] += rest
	return c
}

// each visits what was counted so far.
func (os *outcomes) each(visit func(o outcome, n uint64)) {
	for i := range os.cells {
		c := &os.cells[i]
		if key := c.key.Load(); key != 0 {
			if n := c.n.Load(); n > 0 {
				visit(outcome(key), n)
			}
		}
	}
}
