package ui

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/blocks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/gateway/upstream"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/traffic"
)

// Bounds of the traffic page: what is beyond is one click away, or in the API.
const (
	operationRows = 20
	clientRows    = 20
	blockRows     = 20
	waitersShown  = 6    // clients
	waitersRead   = 1000 // requests
	requestRows   = 15
	changeRowsOf  = 10
	trafficPoints = 90 // of a chart
)

// trafficNow is the time that the verdict and the tiles look back.
const trafficNow = 5 * time.Minute

// The error rates at which traffic counts as degraded and down; fewer requests
// than enoughRequests say nothing.
const (
	errorsDegraded = .05
	errorsDown     = .20
	enoughRequests = 20
)

var trafficRanges = []rangeChoice{
	{Key: "15m", Length: 15 * time.Minute},
	{Key: "1h", Length: time.Hour},
	{Key: "3h", Length: 3 * time.Hour},
}

type trafficPage struct {
	Empty      *trafficEmpty // nothing was ever seen
	Verdict    verdict
	Tiles      []tile
	Range      timeRange
	Ranges     []rangeChoice
	Later      string
	Since      *moment // when the history begins after the range
	Chart      *chart
	Latency    *chart
	Operations []operationRow
	AllOps     string // link to the rest of them; ""
	Sort       string
	Sorts      []orderChoice
	Limits     []limitRow
	Waiting    []waiterRow
	MoreWait   int // clients that wait, not shown
	Clients    []clientRow
	Over       string // time that clients are counted over
	Blocks     *blocksCard
	Upstreams  []upstreamRow
	Requests   *requestTable
	Notable    bool   // only requests that were not served as usual
	AllReqs    string // links between the two
	NotableReq string
	Only       string // operation whose requests are listed; "" for all
	OnlyAPI    string
	OnlyLink   string // page of that operation
	OnlyOff    string // link to all of them
	CanWrite   bool
	APIs       bool // several: rows say which
}

// trafficEmpty says what to do first.
type trafficEmpty struct {
	Gateway string // URL; "" without a gateway
}

type orderChoice struct {
	Name, Link string
	Current    bool
}

// hasTraffic refuses pages that there are only with traffic.
func (u *UI) hasTraffic(r *http.Request) error {
	if u.Traffic == nil {
		return fault.NotFound("there is no page %s", r.URL.Path)
	}
	return nil
}

func (u *UI) traffic(w http.ResponseWriter, r *http.Request) error {
	if err := u.hasTraffic(r); err != nil {
		return err
	}
	now, query, source := u.now(), r.URL.Query(), u.Traffic.Requests
	usual := "1h"
	if now.Sub(source.Started()) < 15*time.Minute {
		usual = "15m" // more would be empty
	}
	chosen, err := parseRangeOf(query, now, usual, trafficRanges)
	if err != nil {
		return err
	}
	page := &trafficPage{Range: chosen, CanWrite: u.viewer(r).CanWrite, Notable: query.Get("requests") == "notable"}
	all := source.Summary(chosen.From, chosen.To, trafficPoints, traffic.Filter{})
	if all.Requests == 0 && len(source.Recent(traffic.RequestFilter{}, 1)) == 0 {
		page.Empty = &trafficEmpty{}
		if u.Traffic.Gateway != nil {
			page.Empty.Gateway = u.Traffic.Gateway()
		}
		page.Verdict = verdict{Status: "unknown", Text: "No requests yet"}
		return u.show(w, r, "traffic", shell{Title: "Traffic", Nav: "traffic", Page: page})
	}
	recent := source.Summary(now.Add(-trafficNow), now, 1, traffic.Filter{})
	state := u.trafficState()
	page.Verdict = trafficVerdict(&recent, state)
	page.Tiles = trafficTiles(&recent, &all, chosen, source.Now(), state)
	if all.From.Sub(chosen.From) > time.Minute {
		page.Since = &moment{all.From}
	}
	page.Chart, page.Latency = requestsChart(&all, chosen), servedChart(&all, chosen)
	for _, c := range trafficRanges {
		c.Current = c.Key == chosen.Key
		page.Ranges = append(page.Ranges, c)
	}
	if !chosen.Live() && chosen.To.Before(now) {
		page.Later = chosen.Shift(1)
	}
	u.operationsCard(page, all.Covered, query.Get("sort"), query.Get("ops") == "all")
	page.Limits, page.Waiting = limitRows(state.limits, source.Policies(chosen.From, chosen.To)), waiterRows(state.waiting, now)
	if shown := min(len(page.Waiting), waitersShown); shown < len(page.Waiting) {
		page.MoreWait, page.Waiting = len(page.Waiting)-shown, page.Waiting[:shown]
	}
	u.clientsCard(page, state, now)
	if err := u.blocksCard(r, page, state, now); err != nil {
		return err
	}
	page.Upstreams = upstreamRows(state.pools)
	only := traffic.RequestFilter{API: cut(query.Get("api"), 200), Operation: cut(query.Get("operation"), 2000)}
	if only.Operation != "" {
		page.Only, page.OnlyAPI, page.OnlyLink = only.Operation, only.API, "#operations"
		if u.Endpoints != nil {
			page.OnlyLink = operationPath(only.API, only.Operation)
		}
		page.OnlyOff = withoutOperation(r.URL) + "#requests"
	}
	page.Requests = requestTableOf(source.Recent(only, requestsRead), page.Notable, false)
	page.AllReqs, page.NotableReq = withParameter(r.URL, "requests", "")+"#requests", withParameter(r.URL, "requests", "notable")+"#requests"
	return u.show(w, r, "traffic", shell{Title: "Traffic", Nav: "traffic", Page: page})
}

// trafficState is how limits, blocks and upstreams are now.
type trafficState struct {
	limits     []limits.Description
	waiting    []waiter
	waitingNow int64
	keys       int // clients that wait, as far as they are listed
	blocks     []blockEntry
	proposals  []blocks.Proposal
	pools      []upstream.PoolStatus
}

func (u *UI) trafficState() *trafficState {
	s := &trafficState{}
	if u.Traffic.Limits != nil {
		s.limits = u.Traffic.Limits.Describe()
		for i := range s.limits {
			s.waitingNow += s.limits[i].Waiting
		}
		s.waiting = u.Traffic.Limits.Waiting("", waitersRead)
		seen := map[string]bool{}
		for _, w := range s.waiting {
			seen[w.Key] = true
		}
		s.keys = len(seen)
	}
	if u.Traffic.Blocks != nil {
		s.blocks = u.Traffic.Blocks.List()
		s.proposals = u.Traffic.Blocks.Proposals()
	}
	if u.Traffic.Upstreams != nil {
		s.pools = u.Traffic.Upstreams.Snapshot()
	}
	return s
}

// trafficVerdict is the first line: is the traffic well now, of the last minutes.
func trafficVerdict(s *traffic.Summary, state *trafficState) verdict {
	let := s.Requests - s.Refused()
	v := verdict{Status: "up", Text: trafficRate(s.Rate()) + ", none of them fails"}
	group, down, servers := upstreamsDown(state.pools)
	switch {
	case group != "":
		v.Status, v.Text = "down", "No server of "+group+" is up"
	case let >= enoughRequests && s.ErrorRate() >= errorsDown:
		v.Status, v.Text = "down", portion(s.Failed, let)+" of requests fail"
	case let >= enoughRequests && s.ErrorRate() >= errorsDegraded:
		v.Status, v.Text = "degraded", portion(s.Failed, let)+" of requests fail"
	case down > 0:
		v.Status, v.Text = "degraded", fmt.Sprintf("%s of %s down", count(down), plural(servers, "upstream server"))
	case s.Requests == 0:
		v.Status, v.Text = "unknown", "No requests in the last 5 minutes"
	case s.Failed > 0:
		v.Text = trafficRate(s.Rate()) + ", " + portion(s.Failed, let) + " fail"
	}
	var parts []string
	if v.Status != "up" && s.Requests > 0 {
		parts = append(parts, trafficRate(s.Rate()))
	}
	if state.waitingNow > 0 {
		parts = append(parts, plural(state.waitingNow, "request")+" waiting in queues")
	}
	if s.Rejected > 0 {
		parts = append(parts, portion(s.Rejected, s.Requests)+" over a limit")
	}
	if n := len(state.blocks); n > 0 {
		parts = append(parts, plural(n, "block")+" in force")
	}
	if n := len(state.proposals); n > 0 {
		parts = append(parts, plural(n, "block")+" proposed")
	}
	if len(parts) == 0 {
		parts = append(parts, "nobody is held back")
	}
	v.Sub = strings.Join(parts, " · ")
	return v
}

// trafficRate says how many requests there are: "142 requests a second".
func trafficRate(perSecond float64) string {
	if perSecond < 1 {
		n := int64(perSecond*60 + .5)
		if n < 1 {
			return "Less than a request a minute"
		}
		return plural(n, "request") + " a minute"
	}
	return plural(int64(perSecond+.5), "request") + " a second"
}

// upstreamsDown returns a group of which no server takes requests, how many
// servers do not in all, and how many there are.
func upstreamsDown(pools []upstream.PoolStatus) (group string, down, servers int) {
	for i := range pools {
		p := &pools[i]
		out := 0
		for _, s := range p.Servers {
			if s.State == upstream.Down || s.State == upstream.Ejected {
				out++
			}
		}
		if out > 0 && out == len(p.Servers) && group == "" {
			group = poolName(p.Name)
		}
		down, servers = down+out, servers+len(p.Servers)
	}
	return group, down, servers
}

// poolName is how people call a pool: "orders" for "orders/default".
func poolName(name string) string { return strings.TrimSuffix(name, "/default") }

func trafficTiles(s, all *traffic.Summary, chosen timeRange, now traffic.Live, state *trafficState) []tile {
	let := s.Requests - s.Refused()
	requests := tile{Name: "Requests", Value: rate(s.Rate()), Of: "/s", Text: count(all.Requests) + " in " + strings.TrimPrefix(chosen.Key, "last "), Live: rate(now.Rate) + "/s now", Link: "#chart"}
	if !chosen.Live() {
		requests.Text = count(all.Requests) + " in the range"
	}
	failed := tile{Name: "Errors", Value: portion(s.Failed, let), Text: fmt.Sprintf("%s of %s failed", count(s.Failed), count(let)), Link: "#operations"}
	switch {
	case let < enoughRequests:
	case s.ErrorRate() >= errorsDown:
		failed.Tone = "is-down"
	case s.ErrorRate() >= errorsDegraded:
		failed.Tone = "is-degraded"
	}
	p95 := tile{Name: "Latency p95", Value: latency(s.P95), Text: "p50 " + latency(s.P50) + " · p99 " + latency(s.P99), Link: "#latency"}
	rejected := tile{Name: "Over a limit", Value: portion(s.Rejected, s.Requests), Text: count(s.Rejected) + " rejected", Link: "#limits"}
	if s.Rejected == 0 {
		rejected.Text = "none rejected"
	}
	waiting := tile{Name: "Waiting now", Value: count(state.waitingNow), Text: "nobody was delayed", Link: "#limits"}
	if s.Delayed > 0 {
		waiting.Text = count(s.Delayed) + " delayed in 5 min"
	}
	if state.keys > 0 {
		waiting.Text = plural(state.keys, "client") + " throttled"
	}
	blocked := tile{Name: "Blocks", Value: count(len(state.blocks)), Text: "none of their requests came", Link: "#blocks"}
	if s.Blocked > 0 {
		blocked.Text = plural(s.Blocked, "request") + " refused"
	}
	if len(state.blocks) == 0 && s.Blocked == 0 {
		blocked.Text = "nobody is blocked"
	}
	return []tile{requests, failed, p95, rejected, waiting, blocked}
}

// The bands of requests by what became of them.
var requestBands = []band{
	{"served", "served"}, {"delayed", "served after waiting"}, {"client", "4xx"}, {"limited", "over a limit"}, {"kept-out", "kept out"}, {"errors", "failed"},
}

// requestCounts shares totals out to the bands. What a limit or a block refused
// is not among the 4xx that the API answered itself.
func requestCounts(t *traffic.Totals) []uint64 {
	keptOut := t.Blocked + t.Unauthorized + t.Invalid
	client := t.Status[4] - min(t.Status[4], t.Rejected+keptOut)
	others := client + t.Rejected + keptOut + t.Failed
	delayed := min(t.Delayed, t.Requests-min(t.Requests, others))
	served := t.Requests - min(t.Requests, others+delayed)
	return []uint64{served, delayed, client, t.Rejected, keptOut, t.Failed}
}

func requestsChart(s *traffic.Summary, r timeRange) *chart {
	var points []stackPoint
	var step time.Duration
	for i := range s.Points {
		p := &s.Points[i]
		step = p.Length
		point := stackPoint{At: p.At, Covered: p.Covered, Counts: requestCounts(&p.Totals), Note: plural(p.Requests, "request")}
		if p.Waiting > 0 {
			point.Note += ", up to " + count(p.Waiting) + " waiting"
		}
		points = append(points, point)
	}
	return stackChart("Requests", requestBands, points, step, r)
}

// servedChart draws percentiles of what was served; nil without any.
func servedChart(s *traffic.Summary, r timeRange) *chart {
	var highest time.Duration
	for i := range s.Points {
		highest = max(highest, s.Points[i].P99)
	}
	if highest == 0 {
		return nil
	}
	top, ticks := niceScale(highest)
	lines := []struct {
		class, name string
		of          func(p *traffic.Point) time.Duration
	}{
		{"p50", "p50", func(p *traffic.Point) time.Duration { return p.P50 }},
		{"p95", "p95", func(p *traffic.Point) time.Duration { return p.P95 }},
		{"p99", "p99", func(p *traffic.Point) time.Duration { return p.P99 }},
	}
	data := plotted{From: r.From.Unix(), To: r.To.Unix(), Values: make([][]*float64, len(lines))}
	ch := &chart{Title: "Latency", Y: ticks, X: timeTicks(r.From, r.To), Height: plotHeight, Label: "Latency of served requests, " + r.Name()}
	for _, line := range lines {
		data.Names = append(data.Names, line.name)
		ch.Legend = append(ch.Legend, legend{line.class, line.name})
	}
	served := func(i int) bool { return i >= 0 && i < len(s.Points) && s.Points[i].P99 > 0 }
	paths, dots := make([]strings.Builder, len(lines)), make([]strings.Builder, len(lines))
	for i := range s.Points {
		p := &s.Points[i]
		if !served(i) {
			continue
		}
		at := p.At.Add(p.Length / 2)
		if at.Before(r.From) || at.After(r.To) {
			at = p.At.Add(p.Length) // the first or last part of a point
			if at.After(r.To) {
				at = r.To
			}
		}
		x := number(plotX(at, r.From, r.To))
		for n, line := range lines {
			command := "L"
			if !served(i - 1) {
				command = "M"
				if !served(i + 1) {
					fmt.Fprintf(&dots[n], "M%s %sh.01", x, number(plotY(line.of(p), top)))
				}
			}
			fmt.Fprintf(&paths[n], "%s%s %s", command, x, number(plotY(line.of(p), top)))
			data.Values[n] = append(data.Values[n], millis(line.of(p)))
		}
		data.Times = append(data.Times, at.Unix())
		data.Notes = append(data.Notes, plural(p.Requests-p.Refused(), "request"))
	}
	for n := len(lines) - 1; n >= 0; n-- {
		ch.Shapes = append(ch.Shapes, shape{"line " + lines[n].class, paths[n].String()})
		if dots[n].Len() > 0 {
			ch.Shapes = append(ch.Shapes, shape{"line dot " + lines[n].class, dots[n].String()})
		}
	}
	ch.Points = data.json()
	return ch
}
