package ui

import (
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// row is one check in a list.
type row struct {
	ID      string
	Name    string
	Method  string
	API     string // shown in lists that are not grouped
	State   string // class and, capitalized by the style sheet, text
	Tone    string // class of the row when it needs attention
	Note    string // "flaky", "2 failed", "because of auth"
	Bars    bars
	Uptime  string
	Spark   string
	Values  string // of the sparkline
	Latency string
	Age     string
	At      int64 // milliseconds of Unix time of the last run; 0 when it never ran
}

// makeRow needs the view, its daily roll-ups and its uptime.
func makeRow(v *checks.View, days []checks.Rollup, uptime checks.Uptime, now time.Time) row {
	r := row{
		ID: v.ID, Name: v.Name, Method: v.Method, State: v.State.String(),
		Bars: uptimeBars(days, now), Uptime: share(uptime.Quarter), Latency: "–", Age: "",
		Note: note(v),
	}
	// Checks that were imported are named "GET /orders": say GET once.
	if rest, ok := strings.CutPrefix(v.Name, v.Method+" "); ok && v.Method != "" {
		r.Name = rest
	}
	if v.State == checks.Down || v.State == checks.Degraded {
		r.Tone = "is-" + r.State
	}
	r.Spark, r.Values = sparkline(v.Recent), sparkValues(v.Recent)
	if v.Last != nil {
		r.At = int64(v.Last.Run)
		r.Age = ago(now, v.Last.At())
		if len(v.Last.Attempts) > 0 {
			r.Latency = latency(v.Last.Latency())
		}
	}
	return r
}

func note(v *checks.View) string {
	switch {
	case v.State == checks.Up && v.Failures > 0:
		return plural(v.Failures, "failure")
	case v.BecauseOf != "" && v.State == checks.Down:
		return "because of " + v.BecauseOf
	case v.Flaky:
		return "flaky"
	}
	return ""
}

// ids lists the IDs of views.
func ids(views []checks.View) []string {
	list := make([]string, len(views))
	for i := range views {
		list[i] = views[i].ID
	}
	return list
}
