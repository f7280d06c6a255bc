package delivery

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a lane.
const (
	maxHung    = 4      // calls that a notifier does not end
	maxAtOnce  = 8      // first tries at the same time
	maxWaiting = 10_000 // groups that wait; beyond it the oldest is given up
)

// How the time between tries grows.
const (
	firstPause = time.Second
	maxPause   = 5 * time.Minute
	holdPause  = time.Minute // while all alerts of a notification are silenced or acknowledged
)

// item is a notification that waits in a lane.
type item struct {
	record Delivery
	news   *news
	born   time.Time // like record.Created, on the monotonic clock
	next   time.Time // not before; for what the receiver refused lastingly, or is held back
	tried  time.Time
	fails  int // lasting refusals in a row
	over   atomic.Bool
}

// lane is the way to one channel: what waits for it, and when it is tried again.
// It outlives reloads.
type lane struct {
	key   channelKey
	slots chan struct{} // first tries at the same time
	wake  chan struct{} // something is new for the worker

	mu      sync.Mutex
	waiting map[string]*item // by group key
	busy    map[string]*turn // groups that are told right now
	wanted  map[string]int   // groups of which newer news wait for their turn: later tries stand back
	working bool             // a worker is at it
	fails   int              // tries in a row that the receiver did not take
	until   time.Time        // no tries before
	since   time.Time        // of the first of these failures
	said    string           // by the receiver at the last failure
	sent    []time.Time      // tries of the last minute
	hung    int
}

// turn is the right to tell a group's news.
type turn struct {
	cancel context.CancelFunc // of a later try, which newer news may interrupt; nil for a first one
	done   chan struct{}
}

func newLane(key channelKey) *lane {
	return &lane{
		key: key, slots: make(chan struct{}, maxAtOnce), wake: make(chan struct{}, 1),
		waiting: map[string]*item{}, busy: map[string]*turn{}, wanted: map[string]int{},
	}
}

// begin counts a call of the notifier, and refuses it when too many hang.
func (l *lane) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hung >= maxHung+maxAtOnce {
		return false
	}
	l.hung++
	return true
}

func (l *lane) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hung--
}

// claim takes the turn of a group, and interrupts a later try of it: newer news
// are here. It waits for the one that has the turn.
func (l *lane) claim(ctx context.Context, group string) (release func(), err error) {
	l.want(group, 1)
	defer l.want(group, -1)
	for {
		l.mu.Lock()
		other := l.busy[group]
		if other == nil {
			release = l.take(group, nil)
			l.mu.Unlock()
			return release, nil
		}
		l.mu.Unlock()
		if other.cancel != nil {
			other.cancel()
		}
		select {
		case <-other.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *lane) want(group string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wanted[group] += n; l.wanted[group] == 0 {
		delete(l.wanted, group)
	}
}

// free reports whether a later try of a group may begin. The lane is locked.
func (l *lane) free(group string) bool { return l.busy[group] == nil && l.wanted[group] == 0 }

// take takes a turn that is free. The lane is locked.
func (l *lane) take(group string, cancel context.CancelFunc) (release func()) {
	t := &turn{cancel: cancel, done: make(chan struct{})}
	l.busy[group] = t
	return func() {
		l.mu.Lock()
		delete(l.busy, group)
		l.mu.Unlock()
		close(t.done)
	}
}

// open reports whether a first try makes sense now; held says that it would, but
// the receiver had enough messages of this minute.
func (l *lane) open(now time.Time) (open, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.until) {
		return false, false
	}
	if l.room(now).After(now) {
		return false, true
	}
	l.sent = append(l.sent, now)
	return true, false
}

// room returns when the next message fits into a minute. The lane is locked.
func (l *lane) room(now time.Time) time.Time {
	l.sent = slices.DeleteFunc(l.sent, func(t time.Time) bool { return now.Sub(t) >= time.Minute || t.After(now) })
	if most := l.key.perMinute(); len(l.sent) >= most {
		return l.sent[len(l.sent)-most].Add(time.Minute)
	}
	return now
}

// outcome takes in how a try ended: a receiver that took something is well; one
// that did not is left alone for a while, with everything that waits for it.
func (l *lane) outcome(r *refusal, now time.Time) (pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case r == nil:
		l.fails, l.until, l.said = 0, time.Time{}, ""
		return 0
	case r.interrupted:
		return 0
	case r.lasting:
		// It is about this message; others may pass.
		l.said = r.text
		return 0
	}
	if l.fails == 0 {
		l.since = now
	}
	l.fails++
	l.said = r.text
	pause = max(backoff(l.fails), r.after)
	l.until = now.Add(pause)
	return pause
}

// backoff doubles from a second to five minutes, less up to a fifth by chance, so
// that servers that failed together do not come back together.
func backoff(fails int) time.Duration {
	pause := maxPause
	if fails < 10 {
		pause = min(firstPause<<max(fails-1, 0), maxPause)
	}
	return pause - time.Duration(rand.Int64N(int64(pause)/5+1)) //nolint:gosec // spread, not a secret
}

// put makes an item wait, in place of an older one of its group, and returns what
// is given up for it when the lane is full.
func (l *lane) put(it *item) (dropped *item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting[it.news.groupKey] = it
	if len(l.waiting) > maxWaiting {
		for _, other := range l.waiting {
			if other != it && l.free(other.news.groupKey) && (dropped == nil || other.born.Before(dropped.born)) {
				dropped = other
			}
		}
		if dropped != nil {
			delete(l.waiting, dropped.news.groupKey)
		}
	}
	l.rouse()
	return dropped
}

// rouse tells the worker that something is new. It needs no lock.
func (l *lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// drop takes an item out, if it is still there.
func (l *lane) drop(it *item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting[it.news.groupKey] == it {
		delete(l.waiting, it.news.groupKey)
	}
}

// delay sets when an item is tried next at the earliest.
func (l *lane) delay(it *item, next time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	it.next = next
}

// of returns what waits for a group.
func (l *lane) of(group string) *item {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting[group]
}

// due returns the item whose turn is next and how long it has; nil when nothing
// waits. What was tried longest ago comes first, so that one message on which a
// receiver fails does not keep the others.
func (l *lane) due(now time.Time) (next *item, in time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gate := later(l.until, now)
	if room := l.room(now); room.After(gate) {
		gate = room
	}
	var at time.Time
	for _, it := range l.waiting {
		if !l.free(it.news.groupKey) {
			continue
		}
		t := later(it.next, gate)
		if next == nil || t.Before(at) || t.Equal(at) && (it.tried.Before(next.tried) || it.tried.Equal(next.tried) && it.born.Before(next.born)) {
			next, at = it, t
		}
	}
	if next == nil {
		if len(l.waiting) == 0 {
			return nil, 0
		}
		return nil, time.Second // all of it is being told right now
	}
	return next, at.Sub(now)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
