package traffic

import (
	"sync/atomic"
	"time"
)

// Publisher takes what happens to whoever looks; *live.Hub is one.
type Publisher interface {
	Publish(kind string, data any)
}

// LiveEvent is the kind of event that is published once a second, however many
// requests there are, and not at all while there are none.
const LiveEvent = "traffic"

// Live is the traffic of the last second.
type Live struct {
	At       int64   `json:"at"` // Unix time in milliseconds
	Rate     float64 `json:"rate"`
	Failed   float64 `json:"failed"`   // per second, as the following
	Delayed  float64 `json:"delayed"`  //
	Rejected float64 `json:"rejected"` //
	Blocked  float64 `json:"blocked"`
	Waiting  int64   `json:"waiting"` // now, in queues
	Active   int64   `json:"active"`  // now
}

// pulse makes a Live of each second.
type pulse struct {
	before counts
	at     time.Time
	quiet  bool
	last   atomic.Pointer[Live]
}

// beat looks at the counters; it returns nil when there is nothing to tell.
func (p *pulse) beat(now time.Time, list []*operation, waiting, active int64) *Live {
	var c counts
	for _, op := range list {
		sum := op.outcomes.sum()
		c.add(&sum)
	}
	length := now.Sub(p.at)
	rate := func(i int) float64 { return perSecond(c[i]-p.before[i], length) }
	live := &Live{
		At: now.UnixMilli(), Rate: rate(nRequests), Failed: rate(nFailed), Delayed: rate(nDelayed),
		Rejected: rate(nRejected), Blocked: rate(nBlocked), Waiting: waiting, Active: active,
	}
	p.before, p.at = c, now
	p.last.Store(live)
	was := p.quiet
	p.quiet = live.Rate == 0 && waiting == 0 && active == 0
	if was && p.quiet {
		return nil
	}
	return live
}
