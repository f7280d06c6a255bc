package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/slo"
	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

// Bounds of the page of an operation.
const (
	endpointPoints  = 120 // of a chart
	topErrorRows    = 10
	endpointBudgets = 4
	requestsRead    = 500
)

var endpointRanges = []rangeChoice{
	{Key: "1h", Length: time.Hour},
	{Key: "6h", Length: 6 * time.Hour},
	{Key: "24h", Length: 24 * time.Hour},
	{Key: "7d", Length: 7 * 24 * time.Hour},
	{Key: "30d", Length: 30 * 24 * time.Hour},
}

type endpointPage struct {
	API, Method, Route string
	Name               string
	State, Word        string
	Sub                string
	Undocumented       bool
	Deprecated         bool
	Unused             bool
	Summary            string // of the document
	Tiles              []tile
	Range              timeRange
	Ranges             []orderChoice
	Earlier, Later     string
	Failed             string // what could not be read
	Chart              *chart
	Errors, Latency    *chart
	Budgets            []budgetCard
	Conditions         []conditionRow
	Thresholds         []field
	Marks              []markRow
	TopErrors          []topErrorRow
	Checks             []row
	HasTraffic         bool
	Limits             []limitHit
	Requests           *requestTable
	AllRequests        string
	Recipients         []recipientGroup
	HasAlerts          bool
}

// endpointParts are the charts' bands: classes of statuses.
var statusBands = []band{{"c2", "2xx"}, {"c1", "1xx"}, {"c3", "3xx"}, {"c4", "4xx"}, {"c5", "5xx"}, {"c0", "no answer"}}

var statusOrder = []int{2, 1, 3, 4, 5, 0}

func (u *UI) endpoint(w http.ResponseWriter, r *http.Request) error {
	if err := u.hasEndpoints(r); err != nil {
		return err
	}
	query := r.URL.Query()
	method, route := r.PathValue("method"), r.PathValue("route")
	if strings.HasPrefix(r.URL.Path, "/endpoints/"+method+"/") {
		route = "/" + route
	}
	if asked := query.Get("route"); asked != "" {
		route = asked
	}
	name := method
	if route != "" {
		name += " " + route
	}
	found := u.endpointsNamed(query.Get("api"), name)
	switch {
	case len(found) == 0:
		return fault.NotFound("there is no operation %s%s: no request was seen, and no document has it", cut(name, 300), ofAPI(query.Get("api")))
	case len(found) > 1: // of several APIs
		http.Redirect(w, r, "/endpoints?"+url1("q", name), http.StatusSeeOther)
		return nil
	}
	e, now := found[0], u.now()
	chosen, err := parseRangeOf(query, now, "1h", endpointRanges)
	if err != nil {
		return err
	}
	page := &endpointPage{
		API: e.API, Method: e.Method, Route: e.Route, Name: e.Operation, Range: chosen,
		Undocumented: e.Undocumented, Deprecated: e.Deprecated, Unused: e.Unused, HasTraffic: u.Traffic != nil, HasAlerts: u.Alerts != nil,
	}
	glyph := endpointStates[e.state()]
	page.State, page.Word = glyph[0], glyph[1]
	if op, ok := u.documents()[e.API][e.Operation]; ok {
		page.Summary = op.Summary
	}
	page.Sub = endpointSub(&e, now)
	page.Tiles = endpointTiles(&e)
	u.endpointRanges(page, r.URL, now)
	u.endpointCharts(r, page, &e, now)
	page.Budgets = u.budgetCards(r, &e, now)
	page.Conditions = u.conditionRows(&e, now)
	page.Thresholds = thresholdFields(&e)
	for _, t := range u.Endpoints.TopErrors(e.API, e.Operation, chosen.From, topErrorRows) {
		page.TopErrors = append(page.TopErrors, topErrorRowOf(&t, now))
	}
	page.Checks = u.checksOf(&e, now)
	if u.Traffic != nil {
		sample := u.Traffic.Requests.Recent(traffic.RequestFilter{API: e.API, Operation: e.Operation}, requestsRead)
		page.Requests = requestTableOf(sample, false, false)
		page.Limits = u.limitHits(sample)
		page.AllRequests = requestsPath(e.API, e.Operation, false)
	}
	if u.Alerts != nil {
		page.Recipients = u.recipientGroups(e.API, e.Operation)
	}
	return u.show(w, r, "endpoint", shell{Title: e.Operation, Nav: "endpoints", Page: page})
}

func ofAPI(api string) string {
	if api == "" {
		return ""
	}
	return " of the API " + cut(api, 100)
}

// requestsPath is the list of requests of an operation on the traffic page.
func requestsPath(api, operation string, notable bool) string {
	q := url.Values{"operation": {operation}}
	if api != "" {
		q.Set("api", api)
	}
	if notable {
		q.Set("requests", "notable")
	}
	return "/traffic?" + q.Encode() + "#requests"
}

// endpointsNamed are the operations with a name; of one API, or of all ("").
func (u *UI) endpointsNamed(api, name string) []endpoint {
	return slices.DeleteFunc(u.knownEndpoints(), func(e endpoint) bool {
		return e.Operation != name || api != "" && e.API != api
	})
}

func endpointSub(e *endpoint, now time.Time) string {
	var parts []string
	switch {
	case e.Unused:
		return "its API's document has it, and no request has come since Lapwing looks"
	case e.Requests == 0:
		parts = append(parts, "no requests in the last "+span(e.Over))
	default:
		parts = append(parts, shareText(e.Share)+" of "+plural(e.Requests, "request")+" failed in the last "+span(e.Over))
	}
	if !e.LastSeen.IsZero() {
		parts = append(parts, "last request "+ago(now, e.LastSeen))
	}
	return strings.Join(parts, " · ")
}

func endpointTiles(e *endpoint) []tile {
	if e.Unused {
		return nil
	}
	over := span(e.Over)
	requests := tile{Name: "Requests, " + over, Value: rate(e.Rate), Of: "/s", Text: count(e.Requests) + " in all", Link: "#chart"}
	failed := tile{Name: "Error rate, " + over, Value: "–", Text: "no requests", Link: "#errors"}
	if e.Requests > 0 {
		failed.Value, failed.Text = shareText(e.Share), fmt.Sprintf("%s of %s failed", count(e.Errors), count(e.Requests))
	}
	switch e.State {
	case "critical":
		failed.Tone = "is-down"
	case "warning":
		failed.Tone = "is-degraded"
	}
	p95 := tile{Name: "Latency p95", Value: latency(e.P95), Text: "p50 " + latency(e.P50) + " · p99 " + latency(e.P99), Link: "#latency"}
	client := tile{Name: "4xx", Value: portion(e.Status[4], e.Requests), Text: plural(e.Status[4], "answer"), Link: "#chart"}
	refused := tile{Name: "Refused by Lapwing", Value: count(e.Refused), Text: "limits, blocks, no access"}
	if e.Aborted > 0 {
		refused.Text = plural(e.Aborted, "client") + " went away"
	}
	budget := tile{Name: "Budget left", Value: "–", Text: "no objective"}
	if left, ok := e.budget(); ok {
		budget.Value, budget.Link = budgetText(left), "#budgets"
		for i := range e.Budgets {
			if b := &e.Budgets[i]; b.Left == left {
				budget.Text = b.Objective + ", " + percentText(b.Target) + " over " + span(b.Over)
			}
		}
		if tone := budgetTone(left); tone != "up" {
			budget.Tone = "is-" + tone
		}
	}
	return []tile{requests, failed, p95, client, refused, budget}
}

// endpointRanges makes the links of the range selector, which keep the API.
func (u *UI) endpointRanges(page *endpointPage, at *url.URL, now time.Time) {
	link := func(change func(q url.Values)) string {
		q := at.Query()
		for _, name := range []string{"range", "from", "to"} {
			q.Del(name)
		}
		change(q)
		return "?" + q.Encode()
	}
	fixed := func(by int) string {
		length := page.Range.To.Sub(page.Range.From) * time.Duration(by)
		return link(func(q url.Values) {
			q.Set("from", strconv.FormatInt(page.Range.From.Add(length).Unix(), 10))
			q.Set("to", strconv.FormatInt(page.Range.To.Add(length).Unix(), 10))
		})
	}
	for _, c := range endpointRanges {
		page.Ranges = append(page.Ranges, orderChoice{c.Key, link(func(q url.Values) { q.Set("range", c.Key) }), c.Key == page.Range.Key})
	}
	page.Earlier = fixed(-1)
	if !page.Range.Live() && page.Range.To.Before(now) {
		page.Later = fixed(1)
	}
}

// checksOf are the checks that ask the operation.
func (u *UI) checksOf(e *endpoint, now time.Time) []row {
	var views []checks.View
	for _, v := range u.Checks.List() {
		if v.API == e.API && v.Operation == e.Operation && e.Route != "" {
			views = append(views, v)
		}
	}
	maker := newRowMaker(views, nil, nil, now)
	var rows []row
	for i := range views {
		r := maker.row(&views[i])
		r.Name = views[i].Name
		rows = append(rows, r)
	}
	return rows
}

// limitHit is a limit that held requests of an operation back, as far as the
// sample of requests tells.
type limitHit struct {
	Name, Rule        string
	Delayed, Rejected int
}

func (u *UI) limitHits(sample []traffic.Request) []limitHit {
	var hits []limitHit
	for i := range sample {
		r := &sample[i]
		delayed, rejected := r.Verdict == observe.Delayed, r.Verdict == observe.Rejected
		if r.Policy == "" || !delayed && !rejected {
			continue
		}
		at := slices.IndexFunc(hits, func(h limitHit) bool { return h.Name == r.Policy })
		if at < 0 {
			at = len(hits)
			hits = append(hits, limitHit{Name: r.Policy})
		}
		if delayed {
			hits[at].Delayed++
		} else {
			hits[at].Rejected++
		}
	}
	if u.Traffic.Limits != nil {
		for _, d := range u.Traffic.Limits.Describe() {
			for i := range hits {
				if hits[i].Name == d.Name {
					hits[i].Rule = d.Rule + " by " + d.Key
				}
			}
		}
	}
	return hits
}

// topErrorRow is one kind of failure.
type topErrorRow struct {
	Status, Class  string
	Message        string
	Count          string
	First, Last    moment
	LastAgo        string
	API, Operation string
	Link           string // operation
	Example        string // method and path
	Took           string
	RequestID      string
	TraceID        string
	Upstream       string
	Requests       string // link to requests that failed
}

func topErrorRowOf(t *slo.TopError, now time.Time) topErrorRow {
	row := topErrorRow{
		Status: "no answer", Class: strings.ReplaceAll(t.Class, "_", " "), Message: cut(t.Message, 1000), Count: count(t.Count),
		First: moment{t.First}, Last: moment{t.Last}, LastAgo: ago(now, t.Last),
		API: t.API, Operation: t.Operation, Link: operationPath(t.API, t.Operation), Requests: requestsPath(t.API, t.Operation, true),
		Example: strings.TrimSpace(t.Example.Method + " " + t.Example.Path), Took: someLatency(t.Example.Duration),
		RequestID: t.Example.RequestID, TraceID: t.Example.TraceID, Upstream: t.Example.Upstream,
	}
	if t.Status > 0 {
		row.Status = strconv.Itoa(t.Status)
	}
	return row
}
