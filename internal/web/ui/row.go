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

// rowMaker is what the rows of a list are made with.
type rowMaker struct {
	days   map[string][]checks.Rollup // by check ID
	uptime map[string]checks.Uptime
	names  map[string]string // of the checks that others are down because of
	now    time.Time
	unread bool // some of the history could not be read
}

func newRowMaker(views []checks.View, days map[string][]checks.Rollup, uptime map[string]checks.Uptime, now time.Time) *rowMaker {
	return &rowMaker{days: days, uptime: uptime, names: causes(views, shortName), now: now}
}

// causes names the checks that others are down because of, by ID.
func causes(views []checks.View, name func(*checks.View) string) map[string]string {
	names := map[string]string{}
	for i := range views {
		if id := views[i].BecauseOf; id != "" {
			names[id] = id // in case it is gone
		}
	}
	for i := range views {
		if _, ok := names[views[i].ID]; ok {
			names[views[i].ID] = name(&views[i])
		}
	}
	return names
}

func (m *rowMaker) row(v *checks.View) row {
	r := row{
		ID: v.ID, Name: shortName(v), Method: v.Method, State: v.State.String(),
		Bars: uptimeBars(m.days[v.ID], m.now), Uptime: share(m.uptime[v.ID].Quarter), Latency: "–", Age: "",
		Note: m.note(v),
	}
	if m.unread && m.uptime == nil {
		r.Uptime = "–"
	}
	if v.State == checks.Down || v.State == checks.Degraded {
		r.Tone = "is-" + r.State
	}
	r.Spark, r.Values = sparkline(v.Recent), sparkValues(v.Recent)
	if v.Last != nil {
		r.At = int64(v.Last.Run)
		r.Age = ago(m.now, v.Last.At())
		if len(v.Last.Attempts) > 0 {
			r.Latency = latency(v.Last.Latency())
		}
	}
	return r
}

// shortName is the name beside the method: checks that were imported are named
// "GET /orders", of which GET is said once.
func shortName(v *checks.View) string {
	if rest, ok := strings.CutPrefix(v.Name, v.Method+" "); ok && v.Method != "" {
		return rest
	}
	return v.Name
}

func (m *rowMaker) note(v *checks.View) string {
	switch {
	case v.State == checks.Up && v.Failures > 0:
		return plural(v.Failures, "failure")
	case v.BecauseOf != "" && v.State == checks.Down:
		return "because of " + m.names[v.BecauseOf]
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
