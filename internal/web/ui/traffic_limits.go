package ui

import (
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/limit"
)

// waiter is a request that waits in the queue of a limit.
type waiter = limit.Waiter

// limitRow is one limit: what it is, what it did in the range, what it does now.
type limitRow struct {
	Name, Rule, Key, Excess string
	Shadow                  bool
	Waiting                 int64
	InUse                   string // "12 of 40": requests at the same time; ""
	Delayed, Rejected       string // in the range; "" for none
	Shadowed                string
	Wait                    string // mean
	Reasons                 string // of rejections since the start
	Degraded                bool   // decided without the shared store
}

// limitRows joins the limits of the configuration with what policies did in the
// range; those that only a middleware has come last.
func limitRows(list []limits.Description, did []traffic.Policy) []limitRow {
	var rows []limitRow
	find := func(name string) *traffic.Policy {
		for i := range did {
			if did[i].Kind == traffic.KindLimit && did[i].Name == name {
				return &did[i]
			}
		}
		return nil
	}
	fill := func(row *limitRow, p *traffic.Policy) {
		if p == nil {
			return
		}
		if p.Delayed > 0 {
			row.Delayed, row.Wait = count(p.Delayed), latency(p.Waited/time.Duration(p.Delayed)) // #nosec G115 -- a count
		}
		if p.Refused > 0 {
			row.Rejected = count(p.Refused)
		}
		if p.Shadow > 0 {
			row.Shadowed = count(p.Shadow)
		}
	}
	known := map[string]bool{}
	for i := range list {
		l := &list[i]
		known[l.Name] = true
		row := limitRow{Name: l.Name, Rule: l.Rule, Key: l.Key, Excess: l.Excess, Shadow: l.Mode == limit.Shadow, Waiting: l.Waiting, Degraded: l.Degraded > 0}
		if l.Bound > 0 {
			row.InUse = count(l.InUse) + " of " + count(l.Bound)
		} else if l.InUse > 0 {
			row.InUse = count(l.InUse)
		}
		var reasons []string
		for _, r := range limit.Reasons() {
			if n := l.Rejected[r]; n > 0 {
				reasons = append(reasons, count(n)+" "+strings.ReplaceAll(r.String(), "_", " "))
			}
		}
		row.Reasons = strings.Join(reasons, ", ")
		fill(&row, find(l.Name))
		rows = append(rows, row)
	}
	for i := range did {
		if p := &did[i]; p.Kind == traffic.KindLimit && !known[p.Name] {
			row := limitRow{Name: p.Name, Rule: "in an application's middleware"}
			fill(&row, p)
			rows = append(rows, row)
		}
	}
	return rows
}

// waiterRow is a client that is throttled now, at one limit.
type waiterRow struct {
	Key, Link, Policy string
	Requests          string // that wait
	Waited            string // the longest of them, so far
	Left              string // until the last of them goes on
}

// waiterRows puts the requests that wait together by client and limit, most
// first.
func waiterRows(list []waiter, now time.Time) []waiterRow {
	type line struct {
		key, policy  string
		n            int
		since, until time.Time
	}
	var lines []*line
	for _, w := range list {
		at := slices.IndexFunc(lines, func(l *line) bool { return l.key == w.Key && l.policy == w.Policy })
		if at < 0 {
			at = len(lines)
			lines = append(lines, &line{key: w.Key, policy: w.Policy, since: w.Since, until: w.Until})
		}
		l := lines[at]
		l.n++
		if w.Since.Before(l.since) {
			l.since = w.Since
		}
		if w.Until.After(l.until) {
			l.until = w.Until
		}
	}
	slices.SortStableFunc(lines, func(a, b *line) int { return b.n - a.n })
	var rows []waiterRow
	for _, l := range lines {
		rows = append(rows, waiterRow{
			Key: l.key, Link: clientPath(l.key), Policy: l.policy, Requests: count(l.n),
			Waited: latency(max(now.Sub(l.since), time.Millisecond)), Left: latency(max(l.until.Sub(now), time.Millisecond)),
		})
	}
	return rows
}
