package ui

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/units"
)

const (
	runRows        = 50   // in the table of runs
	maxChartRuns   = 6000 // beyond it, the chart is made of roll-ups
	transitionRows = 12
)

type checkPage struct {
	View        checks.View
	ID          string
	State       string
	Since       moment
	Lasting     string // how long the state has lasted
	BecauseOf   string // name of the check that is to blame
	Next        moment
	NextIn      string
	Uptimes     []uptimeFigure
	Bars        bars
	BarsFrom    string
	Range       timeRange
	Ranges      []rangeChoice
	Chart       *chart
	Runs        []runRow
	Problems    bool // only runs that failed, degraded or needed a retry are listed
	Older       string
	Changes     []changeRow
	DependsOn   []dependency
	Definition  []field
	Now         moment
	Notice      string
	CertExpires moment
	CertIn      string
}

type uptimeFigure struct {
	Name, Value, Runs string
}

// runRow is one run in the table.
type runRow struct {
	Run      checks.RunID
	At       moment
	State    string
	Code     int
	Latency  string
	Size     string
	Phases   []segment
	Attempts int
	Flaky    bool
	Reason   string
	Evidence bool
}

// segment is a part of a bar, at percentages.
type segment struct{ Class, X, W, Text string }

type changeRow struct {
	At       moment
	From, To string
	Lasted   string // how long the state before had lasted; "" when not known
	Reason   string
	By       string
	Run      checks.RunID
}

type dependency struct{ ID, Name, State string }

// field is one line of a definition.
type field struct {
	Name  string
	Value string
	Code  bool
}

func (u *UI) check(w http.ResponseWriter, r *http.Request) error {
	now := u.now()
	id := r.PathValue("id")
	view, err := u.Checks.View(id)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	span24, err := parseRange(query, now, "24h")
	if err != nil {
		return err
	}
	page := &checkPage{
		View: view, ID: id, State: view.State.String(), Since: moment{view.Since}, Range: span24,
		Next: moment{view.Next}, Now: moment{now}, Problems: query.Get("runs") == "problems",
	}
	if !view.Since.IsZero() {
		page.Lasting = span(now.Sub(view.Since))
	}
	if !view.Next.IsZero() {
		page.NextIn = span(view.Next.Sub(now))
	}
	if !view.CertExpires.IsZero() {
		page.CertExpires, page.CertIn = moment{view.CertExpires}, span(view.CertExpires.Sub(now))
	}
	if err := u.checkHistory(r.Context(), page, now); err != nil {
		return err
	}
	if err := u.checkRuns(r.Context(), page, query.Get("before")); err != nil {
		return err
	}
	for _, c := range rangeChoices {
		c.Current = c.Key == span24.Key
		page.Ranges = append(page.Ranges, c)
	}
	page.Definition = definition(&view)
	u.relations(page)
	return u.show(w, r, "check", shell{Title: view.Name, Nav: "checks", Page: page})
}

// checkHistory fills what covers more than the chosen range.
func (u *UI) checkHistory(ctx context.Context, page *checkPage, now time.Time) error {
	all := ids(u.Checks.List())
	if !slices.Contains(all, page.ID) {
		all = append(all, page.ID) // added by a reload in this moment
	}
	days, err := u.history.daily(ctx, all, now)
	if err != nil {
		return err
	}
	page.Bars = uptimeBars(days[page.ID], now)
	page.BarsFrom = checks.Daily.Start(now).AddDate(0, 0, -89).Format("2 Jan 2006")
	uptime, err := u.Checks.Uptime(ctx, []string{page.ID})
	if err != nil {
		return fmt.Errorf("read uptime: %w", err)
	}
	w := uptime[page.ID]
	for _, f := range []struct {
		name  string
		share checks.Share
	}{{"24 h", w.Day}, {"7 days", w.Week}, {"30 days", w.Month}, {"90 days", w.Quarter}, {"365 days", w.Year}} {
		figure := uptimeFigure{Name: f.name, Value: share(f.share), Runs: "no runs"}
		if f.share.Total > 0 {
			figure.Runs = fmt.Sprintf("%s of %s failed", count(f.share.Total-f.share.Good), plural(f.share.Total, "run"))
		}
		page.Uptimes = append(page.Uptimes, figure)
	}
	changes, err := u.Checks.Transitions(ctx, page.ID, transitionRows+1)
	if err != nil {
		return fmt.Errorf("read state changes: %w", err)
	}
	page.Changes = changeRows(changes)
	return nil
}

func changeRows(changes []checks.Transition) []changeRow {
	var rows []changeRow
	for i, t := range changes[:min(len(changes), transitionRows)] {
		row := changeRow{At: moment{t.At}, From: t.From.String(), To: t.To.String(), Reason: t.Reason, By: t.By, Run: t.Run}
		if i+1 < len(changes) {
			row.Lasted = span(t.At.Sub(changes[i+1].At))
		}
		rows = append(rows, row)
	}
	return rows
}

// checkRuns fills the chart and the table for the chosen range.
func (u *UI) checkRuns(ctx context.Context, page *checkPage, before string) error {
	r := page.Range
	length := r.To.Sub(r.From)
	interval := page.View.Interval
	if interval <= 0 {
		interval = time.Minute // a cron schedule: not more often than this
	}
	long := length > 36*time.Hour || length/interval > maxChartRuns
	limit := maxChartRuns
	if long {
		limit = runRows + 1
		if page.Problems {
			limit = maxChartRuns // to find enough of them
		}
		step := checks.Hourly
		if length > 45*24*time.Hour {
			step = checks.Daily
		}
		rollups, err := u.Checks.Rollups(ctx, []string{page.ID}, step, r.From.Truncate(step.Length()), r.To)
		if err != nil {
			return fmt.Errorf("read roll-ups: %w", err)
		}
		page.Chart = rollupChart(rollups[page.ID], step, r)
	}
	to := r.To
	if id, err := checks.ParseRunID(before); err == nil && before != "" {
		if t := id.Time(); long && t.After(r.From) && t.Before(to) {
			to = t
		}
	}
	results, err := u.Checks.Results(ctx, page.ID, r.From, to, limit)
	if err != nil {
		return fmt.Errorf("read runs: %w", err)
	}
	if !long {
		page.Chart = phaseChart(results, r, page.View.Interval, page.ID)
		if id, err := checks.ParseRunID(before); err == nil && before != "" {
			results = slices.DeleteFunc(results, func(res checks.Result) bool { return res.Run >= id })
		}
	}
	if page.Problems {
		results = slices.DeleteFunc(results, func(res checks.Result) bool { return res.Status == checks.Up && !res.Flaky() })
	}
	kept, err := u.Checks.EvidenceRuns(ctx, page.ID)
	if err != nil {
		return fmt.Errorf("read which runs have evidence: %w", err)
	}
	page.Runs = runRowsOf(results[:min(len(results), runRows)], kept)
	if len(results) > runRows {
		q := page.rangeValues()
		q.Set("before", page.Runs[len(page.Runs)-1].Run.String())
		page.Older = "?" + q.Encode() + "#runs"
	}
	return nil
}

func (p *checkPage) rangeValues() url.Values {
	q := url.Values{}
	if p.Range.Key != "" {
		q.Set("range", p.Range.Key)
	} else {
		q.Set("from", strconv.FormatInt(p.Range.From.Unix(), 10))
		q.Set("to", strconv.FormatInt(p.Range.To.Unix(), 10))
	}
	if p.Problems {
		q.Set("runs", "problems")
	}
	return q
}

// AllRuns and OnlyProblems are the links that switch the table.
func (p *checkPage) AllRuns() string {
	q := p.rangeValues()
	q.Del("runs")
	return "?" + q.Encode() + "#runs"
}

// OnlyProblems is the link to the runs that failed, degraded or were flaky.
func (p *checkPage) OnlyProblems() string {
	q := p.rangeValues()
	q.Set("runs", "problems")
	return "?" + q.Encode() + "#runs"
}

func runRowsOf(results []checks.Result, kept []checks.RunID) []runRow {
	var slowest time.Duration
	for i := range results {
		if len(results[i].Attempts) > 0 {
			slowest = max(slowest, results[i].Latency())
		}
	}
	evidence := make(map[checks.RunID]bool, len(kept))
	for _, run := range kept {
		evidence[run] = true
	}
	rows := make([]runRow, 0, len(results))
	for i := range results {
		res := &results[i]
		row := runRow{Run: res.Run, At: moment{res.At()}, State: res.Status.String(), Attempts: len(res.Attempts), Flaky: res.Flaky(), Evidence: evidence[res.Run]}
		if len(res.Attempts) > 0 {
			last := res.Last()
			row.Code, row.Latency, row.Size = last.Code, latency(res.Latency()), size(last.Size)
			row.Reason = last.Reason
			row.Phases = phaseSegments(last, 0, slowest)
			if row.Flaky {
				row.Reason = fmt.Sprintf("passed at attempt %d; before: %s", len(res.Attempts), res.Attempts[len(res.Attempts)-2].Reason)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// phaseSegments lays the phases of an attempt end to end on a bar that is
// whole long.
func phaseSegments(a *checks.Attempt, offset, whole time.Duration) []segment {
	var list []segment
	if whole <= 0 {
		return nil
	}
	at := offset
	for _, p := range phaseList {
		d := p.Of(a.Phases)
		if d <= 0 {
			continue
		}
		list = append(list, segment{Class: p.Class, X: percentage(float64(at) / float64(whole)), W: percentage(float64(d) / float64(whole)), Text: p.Name + " " + latency(d)})
		at += d
	}
	return list
}

// relations fills in the names of the checks that this one depends on.
func (u *UI) relations(page *checkPage) {
	for _, id := range page.View.DependsOn {
		d := dependency{ID: id, Name: id, State: "unknown"}
		if other, err := u.Checks.View(id); err == nil {
			d.Name, d.State = other.Name, other.State.String()
		}
		page.DependsOn = append(page.DependsOn, d)
	}
	if id := page.View.BecauseOf; id != "" {
		page.BecauseOf = id
		if other, err := u.Checks.View(id); err == nil {
			page.BecauseOf = other.Name
		}
	}
}

// definition is the check as configured.
func definition(v *checks.View) []field {
	list := []field{{Name: "Request", Value: v.Method + " " + v.Target, Code: true}}
	add := func(name, value string, code bool) {
		if value != "" {
			list = append(list, field{name, value, code})
		}
	}
	add("API", v.API, false)
	add("Operation", v.Operation, true)
	add("Schedule", v.Schedule, false)
	if v.Timeout > 0 {
		add("Timeout", units.Duration(v.Timeout).String(), false)
	}
	for i, step := range v.Steps {
		add(fmt.Sprintf("Step %d", i+1), step, false)
	}
	for _, a := range v.Asserts {
		add("Assert", a, true)
	}
	for _, k := range sortedKeys(v.Labels) {
		add("Label", k+"="+v.Labels[k], false)
	}
	add("ID", v.ID, true)
	return list
}
