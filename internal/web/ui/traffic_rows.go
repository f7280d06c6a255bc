package ui

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/limit"
	"lapwing.dev/lapwing/middleware/observe"
)

type (
	waiter     = limit.Waiter
	blockEntry = block.Entry
)

// operationRow is one operation of the traffic page.
type operationRow struct {
	API, Method, Route string
	Unmatched          bool // no operation of the API
	Rate, Share        string
	Meter              string // "0.4213": part of the busiest
	Errors             string
	P50, P95, P99      string
	Limited            string // delayed and rejected; "" for none
	Tone               string
}

var operationSorts = []struct {
	key, name string
	less      func(a, b *traffic.Operation) int
}{
	{"", "Busiest", func(a, b *traffic.Operation) int { return cmp.Compare(b.Requests, a.Requests) }},
	{"errors", "Errors", func(a, b *traffic.Operation) int { return cmp.Compare(b.ErrorRate(), a.ErrorRate()) }},
	{"p95", "Slowest", func(a, b *traffic.Operation) int { return cmp.Compare(b.P95, a.P95) }},
	{"limited", "Limited", func(a, b *traffic.Operation) int { return cmp.Compare(b.Delayed+b.Rejected, a.Delayed+a.Rejected) }},
}

func (u *UI) operationsCard(page *trafficPage, covered time.Duration, sort string, everything bool) {
	list := u.Traffic.Requests.Operations(page.Range.From, page.Range.To, traffic.Filter{})
	for _, s := range operationSorts {
		current := s.key == sort
		if current {
			slices.SortStableFunc(list, func(a, b traffic.Operation) int { return s.less(&a, &b) })
		}
		link := page.Range.query()
		if s.key != "" {
			link += "&sort=" + s.key
		}
		page.Sorts = append(page.Sorts, orderChoice{s.name, link + "#operations", current})
	}
	var total, busiest uint64
	apis := map[string]bool{}
	for i := range list {
		total += list[i].Requests
		busiest = max(busiest, list[i].Requests)
		apis[list[i].API] = true
	}
	page.APIs = len(apis) > 1
	shown := len(list)
	if !everything && shown > operationRows {
		shown = operationRows
		page.AllOps = page.Range.query() + "&ops=all"
		if sort != "" {
			page.AllOps += "&sort=" + url.QueryEscape(sort)
		}
		page.AllOps += "#operations"
	}
	for i := range list[:shown] {
		op := &list[i]
		let := op.Requests - op.Refused()
		row := operationRow{
			API: op.API, Method: op.Method, Route: op.Route, Unmatched: op.Route == "",
			Rate: rate(float64(op.Requests) / max(covered, time.Second).Seconds()), Share: portion(op.Requests, total),
			Errors: portion(op.Failed, let), P50: someLatency(op.P50), P95: someLatency(op.P95), P99: someLatency(op.P99),
			Meter: ratio(op.Requests, busiest),
		}
		if op.Failed == 0 {
			row.Errors = ""
		}
		if n := op.Delayed + op.Rejected; n > 0 {
			row.Limited = portion(n, op.Requests)
		}
		if op.Method == "other" {
			row.Method, row.Route = "", "everything else"
		}
		switch {
		case let < enoughRequests:
		case op.ErrorRate() >= errorsDown:
			row.Tone = "is-down"
		case op.ErrorRate() >= errorsDegraded:
			row.Tone = "is-degraded"
		}
		page.Operations = append(page.Operations, row)
	}
}

// someLatency leaves a cell empty without one: the style sheet shows a dash, or
// nothing where there is little room.
func someLatency(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return latency(d)
}

func ratio(part, whole uint64) string {
	if whole == 0 {
		return "0"
	}
	return strconv.FormatFloat(float64(part)/float64(whole), 'f', 4, 64)
}

// query is the URL's query for this range.
func (r timeRange) query() string {
	if r.Key != "" {
		return "?range=" + r.Key
	}
	return rangeQuery(r.From, r.To)
}

// withParameter is the query of a URL with one parameter changed; "" removes it.
func withParameter(u *url.URL, name, value string) string {
	q := u.Query()
	if value == "" {
		q.Del(name)
	} else {
		q.Set(name, value)
	}
	if text := q.Encode(); text != "" {
		return "?" + text
	}
	return u.Path
}

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

func clientPath(key string) string { return "/traffic/clients/" + url.PathEscape(key) }

// clientRow is one of the busiest clients.
type clientRow struct {
	Key, Link          string
	User, Tier         string
	Requests, Share    string
	Meter              string
	Client, Errors     string // 4xx and failed; "" for none
	Limited, Delayed   string
	Last               string
	Blocked, Throttled bool
	Tone               string
}

func (u *UI) clientsCard(page *trafficPage, state *trafficState, now time.Time) {
	over := min(page.Range.To.Sub(page.Range.From), traffic.ClientWindow)
	page.Over = span(over)
	waiting := map[string]bool{}
	for _, w := range state.waiting {
		waiting[w.Key] = true
	}
	list := u.Traffic.Requests.Clients(over, clientRows)
	total := u.Traffic.Requests.Summary(now.Add(-over), now, 1, traffic.Filter{}).Requests
	var busiest uint64
	for i := range list {
		total, busiest = max(total, list[i].Requests), max(busiest, list[i].Requests)
	}
	dash := func(n uint64) string {
		if n == 0 {
			return ""
		}
		return count(n)
	}
	for i := range list {
		c := &list[i]
		row := clientRow{
			Key: c.Key, Link: clientPath(c.Key), User: otherName(c), Tier: c.Tier, Requests: count(c.Requests), Share: portion(c.Requests, total),
			Meter: ratio(c.Requests, busiest), Client: dash(c.Status[4]), Errors: dash(c.Failed), Limited: dash(c.Rejected), Delayed: dash(c.Delayed),
			Last: ago(now, c.Last), Throttled: waiting[c.Key],
		}
		if u.Traffic.Blocks != nil {
			if entry, ok := u.Traffic.Blocks.Find(c.Address, c.Key); ok && !entry.Shadow {
				row.Blocked, row.Tone = true, "is-blocked"
			}
		}
		page.Clients = append(page.Clients, row)
	}
}

// otherName is the user of a client, when its key does not say it.
func otherName(c *traffic.Client) string {
	if _, name, _ := strings.Cut(c.Key, ":"); name == c.User {
		return ""
	}
	return c.User
}

// upstreamRow is one server.
type upstreamRow struct {
	Pool, URL          string
	State, Word        string // class and text
	Why, Left          string
	InWork             int64
	Requests, Failures string
	Breaker            string // of the pool, when it is not closed
	Tone               string
}

func upstreamRows(pools []upstream.PoolStatus) []upstreamRow {
	var rows []upstreamRow
	for i := range pools {
		p := &pools[i]
		for n := range p.Servers {
			s := &p.Servers[n]
			row := upstreamRow{
				Pool: poolName(p.Name), URL: s.URL, State: "up", Word: string(s.State), Why: s.Why,
				InWork: s.InWork, Requests: count(s.Requests), Failures: portion(s.Failed, s.Requests),
			}
			if s.Failed == 0 {
				row.Failures = ""
			}
			if s.Left > 0 {
				row.Left = span(s.Left)
			}
			if p.Breaker != "" && p.Breaker != "closed" {
				row.Breaker = p.Breaker
			}
			switch s.State {
			case upstream.Down, upstream.Ejected:
				row.State, row.Tone = "down", "is-down"
			case upstream.Returning:
				row.State, row.Word = "degraded", "coming back"
			case upstream.Up:
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// requestRow is one request of the sample.
type requestRow struct {
	At                   moment
	Method, Path, Route  string
	Status               string
	State, Word          string // class and what became of it
	Latency              string
	Client, Link         string
	API, Detail, TraceID string
}

// notable reports whether a request was not served as usual.
func notable(r *traffic.Request) bool {
	return r.Verdict != observe.Allowed && r.Verdict != "" || r.Failed() || r.Error != observe.NoError
}

// requestTable is a table of requests; nil without any.
type requestTable struct {
	Rows  []requestRow
	OfOne bool // all of one client
}

func requestTableOf(list []traffic.Request, onlyNotable, ofOne bool) *requestTable {
	t := &requestTable{OfOne: ofOne}
	for i := range list {
		if r := &list[i]; (!onlyNotable || notable(r)) && len(t.Rows) < requestRows {
			t.Rows = append(t.Rows, requestRowOf(r))
		}
	}
	// They came in the order in which they ended; people read when they began.
	slices.SortStableFunc(t.Rows, func(a, b requestRow) int { return b.At.Compare(a.At.Time) })
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}

func requestRowOf(r *traffic.Request) requestRow {
	row := requestRow{
		At: moment{r.Time}, Method: r.Method, Path: r.Path, Route: r.Operation, State: "up", Word: "served",
		Latency: latency(r.Duration), Client: r.ClientKey, Link: clientPath(r.ClientKey), API: r.API,
	}
	if r.Query != "" {
		row.Path += "?" + r.Query
	}
	if r.Status > 0 {
		row.Status = strconv.Itoa(r.Status)
	}
	switch {
	case r.Failed():
		row.State, row.Word = "down", "failed"
		if r.Error != observe.NoError {
			row.Detail = strings.ReplaceAll(string(r.Error), "_", " ")
		}
	case r.Verdict == observe.Rejected:
		row.State, row.Word, row.Detail = "degraded", "over a limit", r.Policy
	case r.Verdict == observe.Blocked:
		row.State, row.Word = "paused", "blocked"
		if r.Policy != "block" { // that somebody set
			row.Detail = r.Policy
		}
	case r.Verdict == observe.Unauthorized:
		row.State, row.Word, row.Detail = "paused", "no access", r.Policy
	case r.Verdict == observe.Invalid:
		row.State, row.Word, row.Detail = "paused", "not valid", r.Policy
	case r.Verdict == observe.Delayed:
		row.Word, row.Detail = "waited "+latency(r.Phases.Queued), r.Policy
	case r.Error == observe.ErrorClientGone:
		row.State, row.Word = "unknown", "client went away"
	}
	return row
}
