package limit

import (
	"testing"
	"time"
)

// A request may read the clock, lose the processor, and get to its word after
// others who read it later: the last place of a burst is its all the same.
func TestARequestThatIsOvertakenGetsItsPlace(t *testing.T) {
	for _, mode := range []Mode{Reject, Throttle} {
		clock := int64(time.Hour)
		l := New(Options{Now: func() int64 { return clock }})
		r, err := l.Compile([]Policy{{Name: "a", Rate: PerHour(2), Mode: mode, Queue: Queue{Wait: time.Nanosecond}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		clock += int64(time.Second)
		before := l.now()
		clock += int64(time.Second)
		var first, overtaken Decision
		q := &Request{}
		r.Decide(t.Context(), q, &first)

		overtaken.Reset()
		overtaken.limiter, overtaken.plan = l, r.planOf(q)
		h := &overtaken.holds[0]
		h.begin(l, &overtaken.plan.policies[0], q)
		if no := overtaken.take(h, q, before); no.reason != NoReason {
			t.Errorf("mode %s: the second of two was refused: %s", mode, no.reason)
		}
		if no := overtaken.take(h, q, before); no.reason == NoReason {
			t.Errorf("mode %s: the third of two was let in", mode)
		}
	}
}
