package ui

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"time"

	"lapwing.dev/lapwing/internal/traffic"
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
	Link               string // page of the operation; "" where operations are not judged
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
		if u.Endpoints != nil && op.Method != "other" && op.API != "" {
			row.Link = endpointPath(op.API, op.Method, op.Route)
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

// withoutOperation is the address of the traffic page without the choice of an
// operation.
func withoutOperation(u *url.URL) string {
	q := u.Query()
	q.Del("operation")
	q.Del("api")
	if text := q.Encode(); text != "" {
		return "?" + text
	}
	return u.Path
}
