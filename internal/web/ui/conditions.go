package ui

import (
	"net/http"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/slo"
)

// conditionRow is something that is wrong with an operation now.
type conditionRow struct {
	Name, Severity string
	State, Word    string
	Summary        string
	Description    string
	Value          string // "33.4 %, alerts from 20 %"
	Since          moment
	Age            string
	Whole          bool   // about the API
	Link           string // alert
}

// conditionRows are the conditions of an operation and of its API.
func (u *UI) conditionRows(e *endpoint, now time.Time) []conditionRow {
	list := e.Firing
	for _, c := range u.Endpoints.Conditions() {
		if c.API == e.API && c.Operation == "" {
			list = append(slices.Clip(list), c)
		}
	}
	var rows []conditionRow
	for i := range list {
		c := &list[i]
		row := conditionRow{
			Name: c.Alert, Severity: c.Severity, Summary: cut(c.Summary, 500), Description: cut(c.Description, 2000),
			Since: moment{c.Since}, Age: ago(now, c.Since), Whole: c.Operation == "", Value: conditionValue(c),
		}
		row.State, row.Word = severityState(c.Severity), string(c.State)
		switch c.State {
		case slo.Pending:
			row.State = "paused"
		case slo.NoData:
			row.State, row.Word = "unknown", "no data"
		case slo.Firing:
			if u.Alerts != nil {
				row.Link = "/alerts?" + url1("q", c.Alert+" "+e.Operation)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// severityState is the glyph of a severity.
func severityState(severity string) string {
	switch severity {
	case "critical", "page", "error":
		return "down"
	case "info", "none":
		return "unknown"
	}
	return "degraded"
}

// conditionValue writes what was measured and what is the threshold, in the unit
// of the alert.
func conditionValue(c *slo.Condition) string {
	if c.Threshold == 0 && c.Value == 0 {
		return ""
	}
	write := func(v float64) string { return rate(v) + "/s" }
	switch c.Alert {
	case slo.ErrorBudgetBurn:
		write = times
	case slo.LatencyRegression:
		write = func(v float64) string { return latency(time.Duration(v * float64(time.Second))) }
	}
	if c.Alert == slo.ErrorRateHigh {
		return shareText(c.Value) + ", the threshold is " + percentText(c.Threshold)
	}
	return write(c.Value) + ", the threshold is " + write(c.Threshold)
}

func thresholdFields(e *endpoint) []field {
	var fields []field
	if e.Warning > 0 {
		fields = append(fields, field{Name: "Warning", Value: "from " + percentText(e.Warning) + " failed"})
	}
	if e.Critical > 0 {
		fields = append(fields, field{Name: "Critical", Value: "from " + percentText(e.Critical) + " failed"})
	}
	if e.Over > 0 {
		fields = append(fields, field{Name: "Counted over", Value: span(e.Over)})
	}
	return fields
}

// markRow is an alert that fired in the range of a chart.
type markRow struct {
	State, Word   string
	Name, Summary string
	Link          string
	From          moment
	To            *moment // nil while it goes on
	Whole         bool    // about the API
}

// marksShown bounds the alerts that are listed below a chart.
const marksShown = 20

// alertMarks are the alerts about an operation, and its API, within the range.
func (u *UI) alertMarks(r *http.Request, page *endpointPage, e *endpoint, now time.Time) []mark {
	if u.Alerts == nil {
		return nil
	}
	list, err := u.Alerts.Alerts(r.Context(), page.Range.From)
	if err != nil {
		u.log.ErrorContext(r.Context(), "alerts not readable", "page", "endpoint", "error", err)
		return nil
	}
	var marks []mark
	for i := range list {
		a := &list[i]
		if !about(a, e.API, e.Operation) || a.State == alerting.Pending || len(a.InhibitedBy) > 0 || !a.Starts.Before(page.Range.To) {
			continue
		}
		end := now
		row := markRow{State: alertGlyph(a), Word: string(a.State), Name: alertName(a), Summary: alertSummary(a), Link: alertPath(a.ID), From: moment{a.Starts}, Whole: a.Operation() == ""}
		if !a.Ends.IsZero() && a.Ends.Before(now) {
			end = a.Ends
			row.To = &moment{end}
		}
		if end.Before(page.Range.From) {
			continue
		}
		marks = append(marks, mark{Class: markClass(a), From: a.Starts, To: end})
		if len(page.Marks) < marksShown {
			page.Marks = append(page.Marks, row)
		}
	}
	return marks
}

func markClass(a *alerting.View) string {
	if severityState(a.Labels[alerting.LabelSeverity]) == "down" {
		return "down"
	}
	return "degraded"
}

// about reports whether an alert is about an operation or the whole of its API.
func about(a *alerting.View, api, operation string) bool {
	if a.Labels[alerting.LabelAPI] != api {
		return false
	}
	op := a.Operation()
	return op == operation || op == "" && a.Labels[alerting.LabelCheck] == ""
}
