package slo

import (
	"math"
	"time"
)

// The lengths of steps, and how long they are kept.
const (
	fineStep = 5 * time.Minute

	// KeepFine is how long steps of five minutes are kept.
	KeepFine = 4 * 24 * time.Hour
	// KeepHourly is how long steps of an hour are kept: the longest period of an
	// objective, and some days for charts.
	KeepHourly = 100 * 24 * time.Hour
)

// openStep is what an operation counted since the present step of five minutes
// began.
type openStep struct {
	requests, errors uint64
	status           [6]uint64
	latency          histogram
	slow             map[time.Duration]uint64 // by threshold
}

func (s *openStep) add(d *delta, thresholds []time.Duration) {
	s.requests += uint64(d.requests)
	s.errors += uint64(d.errors)
	for i := range s.status {
		s.status[i] += uint64(d.status[i])
	}
	for i, threshold := range thresholds {
		if d.requests == 0 {
			return
		}
		if s.slow == nil {
			s.slow = make(map[time.Duration]uint64, len(thresholds))
		}
		s.slow[threshold] += d.slow[i]
	}
}

// counts is the step as it is stored.
func (s *openStep) counts(of *subject) Counts {
	c := Counts{API: of.api, Operation: of.name, Requests: s.requests, Errors: s.errors, Status: s.status, Latency: s.latency.list()}
	for threshold, n := range s.slow {
		c.Bad = append(c.Bad, Bad{threshold, n})
	}
	return c
}

// reset begins the next step.
func (s *openStep) reset() {
	if s.requests != 0 {
		*s = openStep{}
	}
}

// restore takes up what the step had before a restart.
func (s *openStep) restore(c *Counts) {
	*s = openStep{requests: c.Requests, errors: c.Errors, status: c.Status}
	s.latency.addAll(c.Latency)
	for _, b := range c.Bad {
		if s.slow == nil {
			s.slow = make(map[time.Duration]uint64, len(c.Bad))
		}
		s.slow[b.Latency] += b.Requests
	}
}

// Merge adds what another step counted of the same operation.
func (c *Counts) Merge(d *Counts) {
	c.Requests += d.Requests
	c.Errors += d.Errors
	for i := range c.Status {
		c.Status[i] += d.Status[i]
	}
	if n := len(d.Latency); n > len(c.Latency) {
		c.Latency = append(c.Latency, make([]uint32, n-len(c.Latency))...)
	}
	for i, n := range d.Latency {
		c.Latency[i] = plus(c.Latency[i], n)
	}
next:
	for _, b := range d.Bad {
		for i := range c.Bad {
			if c.Bad[i].Latency == b.Latency {
				c.Bad[i].Requests += b.Requests
				continue next
			}
		}
		c.Bad = append(c.Bad, b)
	}
}

// clone is a copy that shares nothing.
func (c *Counts) clone() Counts {
	d := *c
	d.Latency = append([]uint32(nil), c.Latency...)
	d.Bad = append([]Bad(nil), c.Bad...)
	return d
}

// slower is how many requests took longer than a threshold: as they were counted,
// or as their histogram has it when nobody asked for this threshold then.
func (c *Counts) slower(threshold time.Duration) uint64 {
	for _, b := range c.Bad {
		if b.Latency == threshold {
			return b.Requests
		}
	}
	return min(slower(c.Latency, threshold), c.Requests)
}

// small is the counts for a window.
func (c *Counts) small() counts {
	s := counts{requests: clip(c.Requests), errors: clip(c.Errors)}
	for i := range s.status {
		s.status[i] = clip(c.Status[i])
	}
	return s
}

func clip(n uint64) uint32 {
	return uint32(min(n, math.MaxUint32)) // #nosec G115 -- bounded
}

// place is the name of an operation in steps.
type stepPlace struct{ api, operation string }

// merge adds counts to a step, operation by operation. What it takes over is a copy.
func (s *Step) merge(list []Counts, index map[stepPlace]int) {
	for i := range list {
		c := &list[i]
		at, found := index[stepPlace{c.API, c.Operation}]
		if !found {
			index[stepPlace{c.API, c.Operation}] = len(s.Counts)
			s.Counts = append(s.Counts, c.clone())
			continue
		}
		s.Counts[at].Merge(c)
	}
}
