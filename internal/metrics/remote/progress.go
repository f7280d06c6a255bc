package remote

import "time"

// queue is what Prometheus' queue of a receiver says of itself, in samples,
// histograms and exemplars together.
type queue struct {
	pending  float64 // wait, or are on their way
	attempts float64 // were sent since the queue began, counted once for each attempt
	retried  float64 // of those, in vain
	shards   float64 // that send at the same time
	highest  int64   // time of the newest one that was read from the log, in milliseconds
}

// progress finds out up to when a receiver has everything, by what its queue
// says. The zero value is of a queue that was not looked at yet.
//
// It has everything that was read when nothing waits. A busy queue never comes
// to that. It is first in, first out in each shard, though: when twice as much
// has been sent as was waiting at some moment, and what is on its way, and
// nothing was sent in vain since, then what was waiting at that moment has
// arrived.
type progress struct {
	at    time.Time // the moment; zero: there is none
	then  queue
	limit float64 // samples of a request
}

// look takes a new state of the queue, and returns the time in milliseconds up
// to which the receiver has everything; 0 when that is not known.
func (p *progress) look(now time.Time, q queue) int64 {
	switch {
	case q.highest == 0:
		return 0
	case q.pending == 0:
		p.at = time.Time{}
		return before(now, q)
	case p.at.IsZero(), q.retried != p.then.retried, q.attempts < p.then.attempts:
		p.at, p.then = now, q
	case q.attempts-p.then.attempts > 2*p.then.pending+max(q.shards, p.then.shards)*p.limit:
		reached := before(p.at, p.then)
		p.at, p.then = now, q
		return reached
	}
	return 0
}

// before is a little earlier than what the queue has read: the log is read after
// it is written, and samples are written after their time.
func before(at time.Time, q queue) int64 {
	return min(at.Add(-slack).UnixMilli(), q.highest-time.Second.Milliseconds())
}
