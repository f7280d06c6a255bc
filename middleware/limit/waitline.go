package limit

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// waitlines are the queues of throttled requests, one a key. When somebody goes
// on is said by the key's TAT alone; the queue is there for the order, since
// timers that end at almost the same time do not wake in order: only the first
// of a queue waits for his time, and when he goes on he wakes the next.
type waitlines struct {
	shards  [64]waitShard
	waiting atomic.Int64
	most    int64
	now     func() int64
}

type waitShard struct {
	// count is how many wait in the shard or are about to. It is raised before
	// the time is read by which a TAT is reserved: who then reads 0 and an earlier
	// time cannot get past a reservation that he does not see.
	count atomic.Int64
	mu    sync.Mutex
	lines map[uint64]waitline
	free  *waiter // to use again
	frees int
	_     [24]byte
}

type waitline struct {
	first, last *waiter
	n           int64
	left        uint64 // how many have gone on
}

// waiter is one throttled request. Its shard's lock guards it.
type waiter struct {
	prev, next *waiter
	key        uint64
	until      int64 // when he may go on
	by         int64 // how far he has moved the TAT
	since      int64
	book       *book
	turn       chan struct{} // he has become first, or was moved
	timer      *time.Timer
	label      [maxLabel]byte
	labelLen   int
}

const (
	// grace is how long a waiter lets somebody before him be late who was decided
	// about and never waited or ended, before he goes past.
	grace = time.Second
	// maxFree is how many waiters a shard keeps to use again.
	maxFree = 32
)

func (w *waitlines) shard(key uint64) *waitShard { return &w.shards[key%uint64(len(w.shards))] }

// enter puts a waiter behind the others of his key. The shard's lock is held,
// and count raised for him. It returns nil when too many wait: nobody may have
// more places than are still free (the dynamic threshold of Choudhury and Hahne,
// 1998), so that no client takes all.
func (w *waitlines) enter(s *waitShard, key uint64, until, by, now int64) *waiter {
	line := s.lines[key]
	waiting := w.waiting.Add(1)
	if waiting > w.most || line.n > w.most-waiting+1 {
		w.waiting.Add(-1)
		return nil
	}
	x := s.free
	if x != nil {
		s.free, s.frees = x.next, s.frees-1
		select {
		case <-x.turn:
		default:
		}
	} else {
		x = &waiter{turn: make(chan struct{}, 1)}
	}
	if line.last != nil {
		until = max(until, line.last.until)
		line.last.next = x
	} else {
		line.first = x
	}
	x.prev, x.next = line.last, nil
	x.key, x.until, x.by, x.since = key, until, by, now
	line.last = x
	line.n++
	if s.lines == nil {
		s.lines = make(map[uint64]waitline)
	}
	s.lines[key] = line
	return x
}

// leave takes a waiter out. Those behind move up when he gives back what he
// reserved. It returns which of his line he was to go on.
func (w *waitlines) leave(s *waitShard, x *waiter, giveBack bool) uint64 {
	line := s.lines[x.key]
	if giveBack {
		for y := x.next; y != nil; y = y.next {
			y.until -= x.by
		}
	} else {
		line.left++
	}
	if x.prev != nil {
		x.prev.next = x.next
	} else {
		line.first = x.next
		if x.next != nil {
			select {
			case x.next.turn <- struct{}{}:
			default:
			}
		}
	}
	if x.next != nil {
		x.next.prev = x.prev
	} else {
		line.last = x.prev
	}
	line.n--
	if line.n == 0 {
		delete(s.lines, x.key)
	} else {
		s.lines[x.key] = line
	}
	x.book.waiting.Add(-1)
	x.book = nil
	w.waiting.Add(-1)
	s.count.Add(-1)
	if s.frees < maxFree {
		x.prev, x.next = nil, s.free
		s.free, s.frees = x, s.frees+1
	}
	return line.left
}

// wait returns when it is the waiter's turn, who then has left; or the error of
// ctx, and he has not. left counts those of his line who have gone on with him.
func (w *waitlines) wait(ctx context.Context, x *waiter) (left uint64, err error) {
	s := w.shard(x.key)
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		s.mu.Lock()
		d := time.Duration(x.until - w.now())
		if x.prev != nil {
			d += grace
		}
		if d <= 0 {
			left = w.leave(s, x, false)
			s.mu.Unlock()
			return left, nil
		}
		s.mu.Unlock()
		if x.timer == nil {
			x.timer = time.NewTimer(d)
		} else {
			x.timer.Reset(d)
		}
		select {
		case <-x.turn:
		case <-x.timer.C:
		case <-ctx.Done():
		}
		x.timer.Stop()
	}
}

// list adds who waits in the shard.
func (s *waitShard) list(to []Waiter, policy string, now int64, wall time.Time) []Waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.lines {
		for x := line.first; x != nil; x = x.next {
			if policy != "" && x.book.name != policy {
				continue
			}
			to = append(to, Waiter{
				Policy: x.book.name,
				Key:    strings.ToValidUTF8(string(x.label[:x.labelLen]), "\uFFFD"),
				Since:  wall.Add(time.Duration(x.since - now)),
				Until:  wall.Add(time.Duration(x.until - now)),
			})
		}
	}
	return to
}
