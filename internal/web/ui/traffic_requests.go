package ui

import (
	"slices"
	"strconv"
	"strings"

	"lapwing.dev/lapwing/internal/traffic"
	"lapwing.dev/lapwing/middleware/observe"
)

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
