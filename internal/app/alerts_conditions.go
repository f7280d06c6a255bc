package app

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/heartbeats"
	"lapwing.dev/lapwing/internal/ingest"
	"lapwing.dev/lapwing/internal/metrics/rules"
	"lapwing.dev/lapwing/internal/slo"
)

// The alerts of what has no checks.
const (
	heartbeatMissing = "HeartbeatMissing"
	heartbeatFailed  = "HeartbeatFailed"
	lapwingUnwell    = "LapwingUnhealthy"
	errorLogLines    = "ErrorLogLines"
)

// labels drops those that say nothing.
func labels(l map[string]string) map[string]string {
	maps.DeleteFunc(l, func(_, value string) bool { return value == "" })
	return l
}

// ofHealth are the warnings about Lapwing itself.
func (t *teller) ofHealth() []alerting.Alert {
	var list []alerting.Alert
	for _, n := range t.notices.List() {
		severity := "warning"
		if n.Severity == health.Failing {
			severity = "critical"
		}
		list = append(list, alerting.Alert{
			Labels: map[string]string{
				alerting.LabelName: lapwingUnwell, alerting.LabelSeverity: severity, alerting.LabelSource: fromHealth, "code": n.Code,
			},
			Annotations: map[string]string{
				alerting.NoteSummary: "Lapwing: " + n.Title, alerting.NoteDescription: n.Text, alerting.NotePage: t.page("/settings"),
			},
			Starts: n.Since,
		})
	}
	return list
}

// ofHeartbeats are the jobs that did not run, or failed.
func (t *teller) ofHeartbeats() []alerting.Alert {
	var list []alerting.Alert
	for _, v := range t.beats.List() {
		name, summary := heartbeatMissing, ""
		switch v.State {
		case heartbeats.Missing:
			summary = fmt.Sprintf("%s has not told that it ran", v.Name)
			if !v.Last.IsZero() {
				summary += " since " + v.Last.UTC().Format(time.RFC3339)
			}
		case heartbeats.Failed:
			name = heartbeatFailed
			summary = v.Name + " failed"
			if first, _, _ := strings.Cut(v.Message, "\n"); first != "" {
				summary += ": " + first
			}
		default:
			continue
		}
		own := ownLabels(v.Labels)
		maps.Copy(own, map[string]string{
			alerting.LabelName: name, alerting.LabelSeverity: v.Severity, alerting.LabelAPI: v.API,
			alerting.LabelSource: fromHeartbeats, "heartbeat": v.Name, alerting.LabelNotify: strings.Join(v.To, ","),
		})
		list = append(list, alerting.Alert{
			Labels: labels(own),
			Annotations: labels(map[string]string{
				alerting.NoteSummary: summary, alerting.NoteEvidence: v.Message, alerting.NotePage: t.page("/checks#heartbeats"),
				alerting.NoteDescription: fmt.Sprintf("It is to run every %s, and may be %s late.", v.Every, v.Grace),
			}),
			Starts: v.Since,
		})
	}
	return list
}

// ownLabels are labels of the configuration on an alert. An alert with too many, or
// with too long ones, would be refused, and nobody told.
func ownLabels(given map[string]string) map[string]string {
	const most, longest = 32, 200
	own := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(given)) { // in order: two may become one
		value := given[name]
		if name = labelName(name); name == "" || len(name) > longest || len(own) == most {
			continue
		}
		if len(value) > longest {
			value = strings.ToValidUTF8(value[:longest], "") + "…"
		}
		own[name] = value
	}
	return own
}

// labelName makes a label of the configuration fit for Prometheus.
func labelName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '_'
	}, name)
}

// ofCondition is a condition of package slo as an alert.
func (t *teller) ofCondition(c *slo.Condition) alerting.Alert {
	starts := c.Fired
	if starts.IsZero() {
		starts = c.Since
	}
	annotations := labels(map[string]string{
		alerting.NoteSummary: c.Summary, alerting.NoteDescription: c.Description, alerting.NotePage: t.page(c.Page),
	})
	maps.Copy(annotations, t.firstFailed(c))
	return alerting.Alert{
		Labels: labels(map[string]string{
			alerting.LabelName: c.Alert, alerting.LabelSeverity: c.Severity, alerting.LabelAPI: c.API,
			alerting.LabelOperation: c.Operation, alerting.LabelSource: fromSLO, "objective": c.Objective, "window": c.Window,
		}),
		Starts: starts, Annotations: annotations,
	}
}

// failure is one time that an operation or an API failed too often.
type failure struct {
	api, operation string
	since          int64 // Unix milliseconds
}

// firstFailed is a request that failed of those that a condition is about, found
// once and kept, so that every message about it says the same.
func (t *teller) firstFailed(c *slo.Condition) notes {
	if t.failures == nil || c.Alert != slo.ErrorRateHigh {
		return nil
	}
	f := failure{c.API, c.Operation, c.Since.UnixMilli()}
	if known, ok := t.failed[f]; ok {
		return known
	}
	const before = 10 * time.Minute // what the window of the condition may reach back
	list := t.failures(c.API, c.Operation, c.Since.Add(-before), 1)
	if len(list) == 0 {
		return nil
	}
	x := &list[0].Example
	text := fmt.Sprintf("%s %s\n%s", x.Method, x.Path, answerOf(&list[0]))
	if x.Duration > 0 {
		text += " in " + x.Duration.Round(100*time.Microsecond).String()
	}
	if x.Upstream != "" {
		text += ", from " + x.Upstream
	}
	if list[0].Message != "" {
		text += "\n" + list[0].Message
	}
	if x.RequestID != "" {
		text += "\nrequest " + x.RequestID
	}
	n := labels(notes{alerting.NoteEvidence: text, alerting.NoteTrace: x.TraceID})
	t.failed[f] = n
	return n
}

// answerOf is how a kind of failure was answered.
func answerOf(e *slo.TopError) string {
	if e.Status == 0 {
		return "no answer: " + e.Class
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status)))
}

// forgetFailed drops what was kept of conditions that are over.
func (t *teller) forgetFailed(list []slo.Condition) {
	present := map[failure]bool{}
	for i := range list {
		present[failure{list[i].API, list[i].Operation, list[i].Since.UnixMilli()}] = true
	}
	maps.DeleteFunc(t.failed, func(f failure, _ notes) bool { return !present[f] })
}

// ofLines are error logs with too many lines.
func (t *teller) ofLines(conditions []ingest.Condition) []alerting.Alert {
	var list []alerting.Alert
	for i := range conditions {
		c := &conditions[i]
		list = append(list, alerting.Alert{
			Labels: labels(map[string]string{
				alerting.LabelName: errorLogLines, alerting.LabelSeverity: "warning", alerting.LabelAPI: c.API, alerting.LabelSource: fromLogs, "log": c.Name,
			}),
			Starts: c.Since,
			Annotations: labels(map[string]string{
				alerting.NoteSummary:  fmt.Sprintf("%s: %d lines in %s", c.Name, c.Lines, c.Over),
				alerting.NoteEvidence: c.Example, alerting.NotePage: t.page("/endpoints?api=" + url.QueryEscape(c.API)),
			}),
		})
	}
	return list
}

// ofRule is an alert of a user's rule.
func (t *teller) ofRule(r *rules.Alert) alerting.Alert {
	a := alerting.Alert{Labels: maps.Clone(r.Labels), Annotations: maps.Clone(r.Annotations), Starts: r.Starts, Ends: r.Ends}
	if a.Labels[alerting.LabelSource] == "" {
		a.Labels[alerting.LabelSource] = fromRules
	}
	if a.Annotations == nil {
		a.Annotations = map[string]string{}
	}
	if a.Annotations[alerting.NotePage] == "" {
		a.Annotations[alerting.NotePage] = t.page("/alerts")
	}
	if a.Ends.IsZero() {
		a.Ends = r.ValidUntil
	}
	return a
}
