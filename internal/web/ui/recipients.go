package ui

import (
	"strings"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/slo"
)

// whoCard answers "who would get this?" for labels that somebody types.
type whoCard struct {
	Labels string
	Asked  bool
	Wrong  string
	Rows   []recipientRow
}

// recipientRow is who would get an alert.
type recipientRow struct {
	Receiver  string
	Kinds     string
	Route     string
	Timing    string // "after 30 s, again every 4 h"
	GroupBy   string
	Escalates []string // "after 10 min without acknowledgement: on-call"
}

// recipientGroup is who would get alerts of some severities.
type recipientGroup struct {
	Severities string
	Rows       []recipientRow
}

func (u *UI) whoCard(text string) whoCard {
	card := whoCard{Labels: strings.TrimSpace(cut(text, maxMatcherText))}
	if card.Labels == "" {
		return card
	}
	labels, err := parseLabels(card.Labels)
	if err != nil {
		card.Wrong = sentence(err.Error())
		return card
	}
	card.Asked, card.Rows = true, u.recipientRows(labels)
	return card
}

func (u *UI) recipientRows(labels map[string]string) []recipientRow {
	kinds := map[string]string{}
	for _, r := range u.Alerts.Receivers() {
		kinds[r.Name] = strings.Join(r.Integrations, ", ")
	}
	var rows []recipientRow
	for _, r := range u.Alerts.Recipients(labels) {
		row := recipientRow{Receiver: r.Receiver, Kinds: kinds[r.Receiver], Route: r.Route, GroupBy: strings.Join(r.GroupBy, ", ")}
		var timing []string
		if r.Wait > 0 {
			timing = append(timing, "after "+span(r.Wait))
		} else {
			timing = append(timing, "at once")
		}
		if r.Repeat > 0 {
			timing = append(timing, "again every "+span(r.Repeat))
		}
		row.Timing = strings.Join(timing, ", ")
		for _, e := range r.Escalates {
			row.Escalates = append(row.Escalates, "after "+span(e.After.Std())+" without acknowledgement: "+e.To)
		}
		rows = append(rows, row)
	}
	return rows
}

// recipientGroups are who would get an alert about an operation, by severity.
func (u *UI) recipientGroups(api, operation string) []recipientGroup {
	var groups []recipientGroup
	for _, severity := range []string{"critical", "warning"} {
		rows := u.recipientRows(map[string]string{
			alerting.LabelName: slo.ErrorRateHigh, alerting.LabelSeverity: severity, alerting.LabelAPI: api, alerting.LabelOperation: operation, alerting.LabelSource: "slo",
		})
		if n := len(groups); n > 0 && sameRecipients(groups[n-1].Rows, rows) {
			groups[n-1].Severities += " and " + severity
			continue
		}
		groups = append(groups, recipientGroup{severity, rows})
	}
	return groups
}

func sameRecipients(a, b []recipientRow) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Receiver != b[i].Receiver || a[i].Route != b[i].Route || strings.Join(a[i].Escalates, "\n") != strings.Join(b[i].Escalates, "\n") {
			return false
		}
	}
	return true
}
