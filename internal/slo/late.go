package slo

import (
	"sync"
	"time"
)

// lateCells is how many pairs of an operation and a stretch of time may have late
// exchanges between two ticks. It is room for days of a log file that is read at
// once.
const lateCells = 50_000

// late takes the exchanges that are told later than there are live cells for:
// lines of a log file that was read late, batches that waited. They count for
// the time when they happened.
type late struct {
	mu    sync.Mutex
	cells map[lateKey]*lateCell
	lost  uint64 // exchanges that found no room
}

type lateKey struct {
	op   *operation
	slot int64 // of the beginning of its stretch
}

type lateCell struct {
	outcomes [outcomes]uint32
	slow     [maxSlow]uint32
	untimed  uint32
	latency  map[uint16]uint32
}

// observe counts an exchange; false asks for a tick before there is no room.
func (l *late) observe(op *operation, s *settings, slot, now int64, what outcome, d time.Duration) bool {
	if now-slot > int64(time.Hour/time.Second)/slotLength {
		slot -= slot % (int64(fineStep/time.Second) / slotLength) // no window is finer then
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := lateKey{op, slot}
	c := l.cells[key]
	if c == nil {
		if len(l.cells) >= lateCells {
			l.lost++
			return false
		}
		if l.cells == nil {
			l.cells = map[lateKey]*lateCell{}
		}
		c = &lateCell{latency: map[uint16]uint32{}}
		l.cells[key] = c
	}
	c.outcomes[what] = plus(c.outcomes[what], 1)
	if what < aborted && d < 0 {
		c.untimed = plus(c.untimed, 1)
	} else if what < aborted {
		c.latency[uint16(BucketOf(d))]++ // #nosec G115 -- below Buckets
		for i, threshold := range s.slow {
			if d > threshold {
				c.slow[i] = plus(c.slow[i], 1)
			}
		}
	}
	return len(l.cells) < lateCells/2
}

// take empties it.
func (l *late) take() map[lateKey]*lateCell {
	l.mu.Lock()
	defer l.mu.Unlock()
	cells := l.cells
	l.cells = nil
	return cells
}

func (l *late) losses() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// delta is the cell as what came in its slot.
func (c *lateCell) delta(slot int64) delta {
	d := delta{at: slot * slotLength}
	for i, n := range c.outcomes {
		if n != 0 {
			d.count(outcome(i), n) // #nosec G115 -- below 14
		}
	}
	for i, n := range c.slow {
		d.slow[i] = uint64(n)
	}
	d.untimed = c.untimed
	return d
}

// counts is the cell as a part of a step.
func (c *lateCell) counts(d *delta, of *subject, thresholds []time.Duration) Counts {
	sum := Counts{API: of.api, Operation: of.name, Requests: uint64(d.requests), Errors: uint64(d.errors)}
	for i, n := range d.status {
		sum.Status[i] = uint64(n)
	}
	longest := -1
	for bucket := range c.latency {
		longest = max(longest, int(bucket))
	}
	sum.Latency = make([]uint32, longest+1)
	for bucket, n := range c.latency {
		sum.Latency[bucket] = n
	}
	for i, threshold := range thresholds {
		sum.Bad = append(sum.Bad, Bad{threshold, d.slow[i]})
	}
	return sum
}
