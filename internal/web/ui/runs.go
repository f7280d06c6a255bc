package ui

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

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

// Later is the query of the next range; "" when it has not happened yet.
func (p *checkPage) Later() string {
	if p.Range.Live() || !p.Range.To.Before(p.Now.Time) {
		return ""
	}
	return p.Range.Shift(1)
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
