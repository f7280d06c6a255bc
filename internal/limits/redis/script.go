package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"lapwing.dev/lapwing/middleware/limit"
)

//go:embed take.lua
var takeScript string

//go:embed beat.lua
var beatScript string

// How the script is asked.
const (
	modeTake = "take" // all or none
	modeAdd  = "add"  // whatever that leads to
)

// Sizes of what the script is asked and what it answers, per item.
const (
	argsPerItem    = 8
	repliesBefore  = 2
	repliesPerItem = 5
)

// item is one counter in a call of the script.
type item struct {
	take  *limit.Take
	want  int64 // of a rate: tokens to take ahead with the cost; 0: none
	set   bool  // of work: take.Cost is how many there are
	ended int64 // of work: so many have ended that the store does not know of
}

// verdict is what the script said of one item.
type verdict struct {
	allowed          bool
	remaining, taken int64
	wait, reset      time.Duration // wait < 0: never
}

// call is one call of the script, encoded.
type call struct {
	keys, args []string
}

// encode makes a call of items.
func (s *Store) encode(mode string, items []item) call {
	c := call{
		keys: make([]string, 0, 1+len(items)),
		args: make([]string, 0, 2+argsPerItem*len(items)),
	}
	c.keys = append(c.keys, s.prefix+"nodes")
	c.args = append(c.args, s.node, mode)
	for _, it := range items {
		c.keys = append(c.keys, s.key(it.take))
		c.args = appendItem(c.args, it)
	}
	return c
}

func appendItem(args []string, it item) []string {
	t := it.take
	soft := "0"
	if !t.Enforced {
		soft = "1"
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	switch {
	case it.set:
		return append(args, "s", "0", number(t.Cost), "0", "0", "0", "0", "0")
	case t.Kind == limit.KindQuota:
		// The window's key outlives it a little, as clocks differ.
		expires := (t.Window[1] + 60) * 1000
		return append(args, "q", soft, number(t.Quota.Count), number(t.Cost), number(expires), "0", "0", "0")
	case t.Kind == limit.KindInUse:
		return append(args, "c", soft, number(t.Most), number(t.Cost), number(it.ended), "0", "0", "0")
	}
	count, period := microseconds(t.Rate.Rate)
	return append(args, "r", soft, number(count), number(period), number(t.Rate.Burst), number(t.Cost),
		number(it.want), number(t.Rate.Ahead.Microseconds()))
}

// microseconds is a rate with a period of whole microseconds.
func microseconds(r limit.Rate) (count, period int64) {
	if r.Period%time.Microsecond == 0 {
		return r.Count, r.Period.Microseconds()
	}
	return r.Count * 1000, r.Period.Nanoseconds()
}

// key names a counter in the store.
func (s *Store) key(t *limit.Take) string {
	b := make([]byte, 0, len(s.prefix)+len(t.Policy)+48)
	b = append(b, s.prefix...)
	switch {
	case t.Kind == limit.KindQuota:
		b = append(b, 'q', ':')
		b = append(b, t.Quota.Period.String()...)
		b = strconv.AppendInt(append(b, ':'), t.Window[0], 10)
		b = append(b, ':')
	case t.Kind == limit.KindInUse:
		b = append(b, 'c', ':')
	case t.Test:
		b = append(b, 't', ':')
	default:
		b = append(b, 'r', ':')
	}
	b = append(b, t.Policy...)
	b = append(b, ':')
	return string(strconv.AppendUint(b, t.Key, 16))
}

var errReply = errors.New("the store's answer is not what the script returns")

// run calls the script and returns the store's time and the verdicts.
func (s *Store) run(ctx context.Context, client rueidis.Client, mode string, items []item) (now time.Time, allowed bool, verdicts []verdict, err error) {
	c := s.encode(mode, items)
	reply, err := s.take.Exec(ctx, client, c.keys, c.args).AsIntSlice()
	if err != nil {
		return time.Time{}, false, nil, fmt.Errorf("count in the store: %w", err)
	}
	if len(reply) != repliesBefore+repliesPerItem*len(items) {
		return time.Time{}, false, nil, errReply
	}
	verdicts = make([]verdict, len(items))
	for i := range verdicts {
		r := reply[repliesBefore+repliesPerItem*i:]
		verdicts[i] = verdict{
			allowed: r[0] == 1, remaining: r[1], taken: r[3],
			wait: time.Duration(r[2]) * time.Microsecond, reset: time.Duration(r[4]) * time.Microsecond,
		}
	}
	return time.UnixMicro(reply[0]), reply[1] == 1, verdicts, nil
}

// retryWork is told to those who are refused since too many requests are in
// work: nobody knows when one of them ends.
const retryWork = time.Second

// outcome is the verdict as the limiter reads it.
func (v *verdict) outcome(t *limit.Take, now time.Time) limit.Outcome {
	o := limit.Outcome{Allowed: v.allowed, Remaining: v.remaining, Reset: v.reset}
	switch {
	case t.Kind == limit.KindQuota:
		o.Reset = max(time.Unix(t.Window[1], 0).Sub(now), 0)
		if !v.allowed {
			o.RetryAfter = o.Reset
		}
	case t.Kind == limit.KindInUse:
		if !v.allowed {
			o.RetryAfter = retryWork
		}
	case v.allowed:
		o.Delay = v.wait
	case v.wait > 0:
		o.RetryAfter = max(v.wait-t.Rate.Ahead, 0)
	}
	return o
}
