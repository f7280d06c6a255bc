package ui

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

const (
	runRows        = 30   // in the table of runs
	maxChartRuns   = 6000 // beyond it, the chart is made of roll-ups
	transitionRows = 12
)

type checkPage struct {
	View        checks.View
	ID          string
	State       string
	Since       moment
	Lasting     string // how long the state has lasted
	PausedBy    string
	BecauseOf   string // name of the check that is to blame
	Next        moment
	NextIn      string // "in 21 s", "now"
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
	Steps       []stepDefinition
	Now         moment
	Notice      string
	CertExpires moment
	CertIn      string
}

type uptimeFigure struct {
	Name, Value, Runs string
	Since             string // first day of the history, when it is shorter than the window
}

type changeRow struct {
	At       moment
	From, To string
	Lasted   string // how long the state before had lasted; "" when not known
	Reason   string
	By       string
	Run      checks.RunID
}

type dependency struct{ ID, Name, State string }

func (u *UI) check(w http.ResponseWriter, r *http.Request) error {
	now := u.now()
	id := r.PathValue("id")
	view, err := u.Checks.View(id)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	span24, err := parseRange(query, now, usualRange(&view))
	if err != nil {
		return err
	}
	page := &checkPage{
		View: view, ID: id, PausedBy: who(view.PausedBy), State: view.State.String(), Since: moment{view.Since}, Range: span24,
		Next: moment{view.Next}, Now: moment{now}, Problems: query.Get("runs") == "problems",
	}
	if !view.Since.IsZero() {
		page.Lasting = span(now.Sub(view.Since))
	}
	if !view.Next.IsZero() {
		page.NextIn = "now"
		if left := view.Next.Sub(now); left >= time.Second {
			page.NextIn = "in " + span(left)
		}
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
	page.Definition, page.Steps = definition(&view), stepDefinitions(&view)
	u.relations(page)
	return u.show(w, r, "check", shell{Title: view.Name, Nav: "checks", Page: page})
}

// usualRange is the last day, or the last hour of a check that runs so often
// that only an hour has its phases drawn.
func usualRange(v *checks.View) string {
	if v.Interval > 0 && 24*time.Hour/v.Interval > maxChartRuns {
		return "1h"
	}
	return "24h"
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
	today := checks.Daily.Start(now)
	year, err := u.Checks.Rollups(ctx, []string{page.ID}, checks.Daily, today.AddDate(0, 0, -364), now)
	if err != nil {
		return fmt.Errorf("read the days of a year: %w", err)
	}
	page.Uptimes = uptimeFigures(uptime[page.ID], firstDay(year[page.ID]), today)
	changes, err := u.Checks.Transitions(ctx, page.ID, transitionRows+1)
	if err != nil {
		return fmt.Errorf("read state changes: %w", err)
	}
	page.Changes = changeRows(changes)
	return nil
}

// uptimeFigures is the uptime over the usual windows. first is the first day with
// runs of the last year.
func uptimeFigures(w checks.Uptime, first, today time.Time) []uptimeFigure {
	var list []uptimeFigure
	for _, f := range []struct {
		name  string
		days  int
		share checks.Share
	}{{"24 h", 1, w.Day}, {"7 days", 7, w.Week}, {"30 days", 30, w.Month}, {"90 days", 90, w.Quarter}, {"365 days", 365, w.Year}} {
		figure := uptimeFigure{Name: f.name, Value: "–", Runs: "no runs yet"}
		if ratio, ok := f.share.Ratio(); ok {
			figure.Value = percent(ratio)
			figure.Runs = fmt.Sprintf("%s of %s failed", count(f.share.Total-f.share.Good), plural(f.share.Total, "run"))
			if f.days > 1 && first.After(today.AddDate(0, 0, 1-f.days)) {
				figure.Since = first.Format("2 Jan")
			}
		}
		list = append(list, figure)
	}
	return list
}

// firstDay is the first day that had runs; zero without one.
func firstDay(days []checks.Rollup) time.Time {
	for i := range days {
		if days[i].Runs() > 0 {
			return days[i].Start
		}
	}
	return time.Time{}
}

func changeRows(changes []checks.Transition) []changeRow {
	var rows []changeRow
	for i, t := range changes[:min(len(changes), transitionRows)] {
		row := changeRow{At: moment{t.At}, From: t.From.String(), To: t.To.String(), Reason: t.Reason, By: who(t.By), Run: t.Run}
		if i+1 < len(changes) {
			row.Lasted = span(t.At.Sub(changes[i+1].At))
		}
		rows = append(rows, row)
	}
	return rows
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
