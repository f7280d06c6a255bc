package limit

import "time"

// PolicyStats is what a policy has done since its limiter was made. Counts only
// grow.
type PolicyStats struct {
	Name      string
	Mode      Mode
	Allowed   uint64             // let in at once
	Delayed   uint64             // let in after waiting, those that went away included
	Cancelled uint64             // of Delayed: went away while waiting
	Rejected  [numReasons]uint64 // by Reason
	Shadowed  uint64             // would have been rejected or delayed, was let in
	Exempt    uint64
	Tested    [2]uint64 // by the Test rate: let in, refused
	Degraded  uint64    // decided without the shared store
	Waiting   int64     // now
	InUse     int64     // requests that run now; only counted for policies with InUse or Adapt
	Bound     int64     // of Adapt now, the lowest of its upstreams; 0: not adaptive
}

// RejectedAll is the sum of Rejected.
func (s *PolicyStats) RejectedAll() (n uint64) {
	for _, r := range s.Rejected {
		n += r
	}
	return n
}

// Stats is how a limiter stands.
type Stats struct {
	Keys, Capacity           int    // keys in debt in the table of rates, and how many it can hold
	Evicted                  uint64 // keys that were forgotten since the table was full
	QuotaKeys, QuotaCapacity int
	QuotaEvicted             uint64
	QuotaLost                uint64 // counts that could not be stored
	Waiting, MaxWaiting      int64
	Bytes                    int64 // memory of both tables
}

// Waiter is one request that is throttled now.
type Waiter struct {
	Policy string
	Key    string    // who waits: "203.0.113.7", "sub:4711"; values of headers and cookies only as a hash
	Since  time.Time // wall clock
	Until  time.Time // when it is let in
}
