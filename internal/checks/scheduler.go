package checks

import (
	"container/heap"
	"context"
	"runtime"
	"sync"
	"time"
)

// settleTime is within what time of its appearance a check runs for the first time.
const settleTime = 10 * time.Second

// scheduler starts checks when they are due. One goroutine waits for the
// earliest; starting never waits for a run, so a hanging target delays nobody.
type scheduler struct {
	mu      sync.Mutex
	queue   dueQueue
	entries map[string]*entry
	wake    chan struct{} // capacity 1: the earliest start may have changed

	// start is called for each due check, with the planned start. It must not block.
	start func(id string, due time.Time)
	// missed is called for planned starts that passed while the process could not run.
	missed func(id string, at time.Time, n uint32)
}

// entry is one scheduled check.
type entry struct {
	id       string
	schedule schedule
	due      time.Time
	index    int // in the queue; -1 when it is not in it
}

func newScheduler(start func(string, time.Time), missed func(string, time.Time, uint32)) *scheduler {
	return &scheduler{entries: map[string]*entry{}, wake: make(chan struct{}, 1), start: start, missed: missed}
}

// set adds a check, or gives a known one another schedule; an unchanged
// schedule keeps its planned start. fresh checks start early, within settleTime.
func (s *scheduler) set(id string, sched schedule, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[id]
	if e != nil && e.schedule.text == sched.text {
		e.schedule = sched
		return
	}
	if e == nil {
		e = &entry{id: id, index: -1}
		s.entries[id] = e
	}
	e.schedule = sched
	var due time.Time
	var ok bool
	if fresh {
		due, ok = sched.firstRun(id, time.Now(), settleTime)
	} else {
		due, ok = sched.next(time.Now())
	}
	s.place(e, due, ok)
	s.notify()
}

// remove forgets a check.
func (s *scheduler) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[id]
	if e == nil {
		return
	}
	if e.index >= 0 {
		heap.Remove(&s.queue, e.index)
	}
	delete(s.entries, id)
}

// next returns the planned start of a check; zero when there is none.
func (s *scheduler) next(id string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[id]; e != nil {
		return e.due.Round(0)
	}
	return time.Time{}
}

// startsInTurn is how many checks start before everything else that is ready to
// go on had its turn. When more is due than the machine can do, the runs under
// way so end in time, the late ones start when their turn comes, the earliest
// first, and what could not start meanwhile is missed. Started all at once,
// they would wait for each other until every one of them has timed out.
const startsInTurn = 64

// run starts due checks until ctx ends.
func (s *scheduler) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var due []dueCheck
	last := time.Now()
	for {
		var wait time.Duration
		now := time.Now()
		if jump := drift(last, now); jump > maxDrift || jump < -maxDrift {
			s.replan(now)
		}
		last = now
		due, wait = s.takeDue(now, due[:0])
		for _, d := range due {
			if d.missed > 0 {
				s.missed(d.id, d.at, d.missed)
			}
			s.start(d.id, d.at)
		}
		if ctx.Err() != nil {
			return
		}
		if wait <= 0 {
			runtime.Gosched()
			continue
		}
		timer.Reset(min(wait, lookAtClock))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.wake:
		}
	}
}

// Planned starts wait on the monotonic clock, so that a jump of the wall clock
// costs nothing; but on many systems that clock stands still while the machine
// sleeps. So the scheduler looks at both at least every lookAtClock, and plans
// anew when they have drifted apart.
const (
	lookAtClock = 30 * time.Second
	maxDrift    = time.Second
)

// drift is how much further the wall clock went than the monotonic one.
func drift(last, now time.Time) time.Duration {
	return now.Round(0).Sub(last.Round(0)) - now.Sub(last)
}

// replan gives every check its next start by the wall clock as it is now.
func (s *scheduler) replan(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.entries {
		due, ok := e.schedule.next(now)
		s.place(e, due, ok)
	}
}

// dueCheck is one planned start that has come.
type dueCheck struct {
	id     string
	at     time.Time // as planned
	missed uint32    // planned starts since then that have passed too
}

// takeDue plans what is due anew, startsInTurn of it at most, appends it to
// list, and returns how long until the next: 0 when more is due already. The
// callers' functions run outside the lock.
func (s *scheduler) takeDue(now time.Time, list []dueCheck) (due []dueCheck, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 {
		e := s.queue[0]
		if wait := e.due.Sub(now); wait > 0 {
			return list, wait
		}
		if len(list) == startsInTurn {
			return list, 0
		}
		list = append(list, dueCheck{id: e.id, at: e.due, missed: e.schedule.missedBetween(e.due, now)})
		next, ok := e.schedule.next(now)
		s.place(e, next, ok)
	}
	return list, time.Hour
}

// place puts an entry where its due time belongs.
func (s *scheduler) place(e *entry, due time.Time, ok bool) {
	if !ok {
		if e.index >= 0 {
			heap.Remove(&s.queue, e.index)
		}
		e.due = time.Time{}
		return
	}
	e.due = due
	if e.index >= 0 {
		heap.Fix(&s.queue, e.index)
		return
	}
	heap.Push(&s.queue, e)
}

func (s *scheduler) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// dueQueue is a heap by due time.
type dueQueue []*entry

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q dueQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *dueQueue) Push(x any) {
	e := x.(*entry) //nolint:forcetypeassert // only place pushes
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop implements heap.Interface.
func (q *dueQueue) Pop() any {
	old := *q
	last := len(old) - 1
	e := old[last]
	old[last] = nil
	e.index = -1
	*q = old[:last]
	return e
}
