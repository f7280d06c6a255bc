package slo

import (
	"cmp"
	"math"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/units"
)

// The pairs of windows that an objective's burn rate is looked at over, for a
// period of 30 days: the share of the budget that may be spent within the long
// window, and who is told when it was. The short window, a twelfth, says whether
// it is still going on. They are those of the SRE workbook and of Sloth:
// 14.4×, 6×, 3× and 1×.
var budgetPairs = [...]struct {
	severity string
	share    float64
	long     time.Duration
}{
	{Critical, .02, time.Hour},
	{Critical, .05, 6 * time.Hour},
	{Warning, .10, 24 * time.Hour},
	{Warning, .10, 72 * time.Hour},
}

// minGoneBad is the least number of bad requests by which a budget is called spent.
const minGoneBad = 3

// objective is a promise with what has been counted of it. It is under Manager.mu.
type objective struct {
	catalog.Objective
	api         string
	period      time.Duration
	allowed     float64 // share of bad requests
	minRequests uint64
	alerts      bool

	rings  [len(ringSlots)]*ring
	pairs  []burnPair
	recent span // a thirtieth of the period: whether a spent budget is still being spent
	whole  span
	since  int64 // the first request known, seconds of Unix time; 0 for none

	page, ticket, gone alarm
}

// burnPair is one pair of windows.
type burnPair struct {
	severity    string
	long, short span
	threshold   float64
}

// span is a window of one of the rings.
type span struct {
	length    time.Duration
	ring, sum int
}

// ringSlots are the lengths of slots, and the longest window that is kept in each.
var ringSlots = [3]struct{ slot, longest time.Duration }{
	{slotLength * time.Second, time.Hour}, {fineStep, 4 * units.Day}, {time.Hour, 90 * units.Day},
}

// newObjective makes an objective ready that counts from now on.
func newObjective(apiName string, c catalog.Objective, now int64) *objective {
	o := &objective{
		Objective: c, api: apiName,
		period:      cmp.Or(c.Over.Std(), defaultPeriod),
		allowed:     1 - float64(c.Target),
		minRequests: count(c.MinRequests, defaultMinRequests),
		alerts:      deref(c.Alerts, true),
	}
	for i := range o.rings {
		o.rings[i] = newRing(int64(ringSlots[i].slot/time.Second), now)
	}
	for _, p := range windowsOf(o.period, o.allowed) {
		o.pairs = append(o.pairs, burnPair{p.severity, o.window(p.long, 0), o.window(p.short, 0), p.threshold})
	}
	o.recent = o.window(o.period/30, 1)
	o.whole = o.window(o.period, 2)
	for _, r := range o.rings {
		r.allocate()
	}
	return o
}

// window adds a window to the first ring, from one on, whose slots reach so far.
func (o *objective) window(length time.Duration, least int) span {
	i := least
	for length > ringSlots[i].longest && i < len(ringSlots)-1 {
		i++
	}
	slot := ringSlots[i].slot
	slots := max(int64(math.Round(float64(length)/float64(slot))), 1)
	r := o.rings[i]
	r.sums = append(r.sums, window{slots: slots})
	return span{length: time.Duration(slots) * slot, ring: i, sum: len(r.sums) - 1}
}

// over is what came within a window.
func (o *objective) over(s span) total { return o.rings[s.ring].sums[s.sum].total }

// burn is how fast the budget was spent within a window: 1 spends it exactly
// over the period.
func (o *objective) burn(s span) float64 { return o.over(s).share() / o.allowed }

// pairWindows is a pair of windows as it is for a period.
type pairWindows struct {
	severity    string
	long, short time.Duration
	threshold   float64
}

// windowsOf returns the pairs of windows for a period.
//
// The threshold follows from the period: 2 % of the budget within an hour is
// 14.4 times too fast over 30 days, 3.36 times over 7. Where it would fall below
// 1, which is no haste at all, the window is made shorter instead. Periods below a
// week have the windows of a week in proportion. A threshold that not even an
// outage would reach is lowered to what 90 % of failures are.
func windowsOf(period time.Duration, allowed float64) []pairWindows {
	base := max(period, units.Week)
	scale := min(float64(period)/float64(base), 1)
	var list []pairWindows
	for _, p := range budgetPairs {
		long, threshold := p.long, p.share*float64(base)/float64(p.long)
		if threshold < 1 {
			long, threshold = time.Duration(p.share*float64(base)), 1
		}
		long = time.Duration(float64(long) * scale)
		if n := len(list); n > 0 && list[n-1].severity == p.severity && list[n-1].long == long {
			continue
		}
		list = append(list, pairWindows{p.severity, long, long / 12, min(threshold, .9/allowed)})
	}
	return list
}

// advance moves the present to a time in seconds.
func (o *objective) advance(now int64) {
	for _, r := range o.rings {
		r.advance(now)
	}
}

// add counts requests of a time in seconds.
func (o *objective) add(at int64, requests, bad uint64) {
	if requests == 0 {
		return
	}
	for _, r := range o.rings {
		r.add(at, requests, bad)
	}
	o.began(at)
}

// began notes a time from which requests are known.
func (o *objective) began(at int64) {
	if o.since == 0 || at < o.since {
		o.since = at
	}
}

// history is how long there has been something to judge by.
func (o *objective) history(now int64) time.Duration {
	if o.since == 0 {
		return 0
	}
	return time.Duration(now-o.since) * time.Second
}

// ready reports whether a pair can be judged: there is history for its long
// window, and traffic in both.
func (o *objective) ready(p *burnPair, now int64) bool {
	return o.history(now) >= p.long.length && o.over(p.long).requests >= o.minRequests && o.over(p.short).requests >= o.minRequests
}

// read reads the pairs of a severity. With holds comes the one by which it does.
func (o *objective) read(severity string, now int64) (reading, *burnPair) {
	quiet, near, fine := false, false, false
	for i := range o.pairs {
		p := &o.pairs[i]
		if p.severity != severity {
			continue
		}
		long, short := o.burn(p.long), o.burn(p.short)
		switch {
		case o.ready(p, now) && long >= p.threshold && short >= p.threshold:
			return holds, p
		case o.over(p.long).requests == 0:
		case o.over(p.short).requests == 0 && long >= calmBelow*p.threshold:
			quiet = true // it was bad, and then nothing came: nobody knows
		case long >= calmBelow*p.threshold && short >= calmBelow*p.threshold:
			near = true // also with too little traffic to begin an alert: it may go on
		default:
			fine = true
		}
	}
	switch {
	case near:
		return between, nil
	case quiet || !fine:
		return nothing, nil
	}
	return calm, nil
}

// readGone reads whether the budget is spent and still being spent too fast: what
// pairs of windows with few requests in them never tell, however bad it is.
func (o *objective) readGone(now int64) reading {
	whole, recent := o.over(o.whole), o.over(o.recent)
	left := o.left(whole)
	switch {
	case whole.requests == 0:
		return nothing
	case o.history(now) < o.recent.length:
		return unknown
	case left <= 0 && whole.bad >= minGoneBad && whole.requests >= o.minRequests && o.burn(o.recent) >= 1:
		return holds
	case left <= 0 && recent.share()/o.allowed >= calmBelow:
		return between
	}
	return calm
}

// left is the share of the budget that is left.
func (o *objective) left(whole total) float64 {
	if whole.requests == 0 {
		return 1
	}
	return 1 - float64(whole.bad)/(float64(whole.requests)*o.allowed)
}

// budget is what people see.
func (o *objective) budget(now int64) Budget {
	whole := o.over(o.whole)
	b := Budget{
		API: o.api, Objective: o.Name, Operation: o.Operation, Latency: o.Latency.Std(), Target: float64(o.Target), Over: o.period,
		Requests: whole.requests, Bad: whole.bad, Achieved: 1 - whole.share(), Left: o.left(whole),
	}
	if o.since != 0 {
		b.Since = time.Unix(o.since, 0).UTC()
	}
	for i := range o.pairs {
		p := &o.pairs[i]
		on := o.page
		if p.severity == Warning {
			on = o.ticket
		}
		b.Burns = append(b.Burns, Burn{
			Severity: p.severity, Long: p.long.length, Short: p.short.length, LongRate: o.burn(p.long), ShortRate: o.burn(p.short),
			Threshold: p.threshold, Ready: o.ready(p, now), Firing: on.on() && on.window == windowName(p.long.length),
		})
	}
	return b
}

// burnDown is the budget over the period: what was left of it at the end of each
// step. It begins untouched and ends at Budget.Left.
func (o *objective) burnDown(most int) []BudgetPoint {
	r, whole := o.rings[2], o.over(o.whole)
	hours := int64(o.whole.length / time.Hour)
	step := (hours + int64(most) - 1) / int64(most)
	budget := float64(whole.requests) * o.allowed
	var bad float64
	var list []BudgetPoint
	for i := r.head - hours + 1; i <= r.head; i++ {
		bad += float64(r.at(i).bad)
		if (r.head-i)%step != 0 {
			continue
		}
		point := BudgetPoint{At: time.Unix((i+1)*r.length, 0).UTC(), Left: 1}
		if budget > 0 {
			point.Left = 1 - bad/budget
		}
		list = append(list, point)
	}
	return list
}

// windowName is a window as it is in labels: 1h, 3d, 5m.
func windowName(d time.Duration) string { return units.Duration(d).String() }
