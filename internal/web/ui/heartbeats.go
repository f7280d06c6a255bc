package ui

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/heartbeats"
)

// heartbeatRows is how many heartbeats a page lists.
const heartbeatRows = 200

// heartbeatsCard is the jobs that tell when they have run.
type heartbeatsCard struct {
	Rows                []heartbeatRow
	Missing, Failed     int
	MissingAs, FailedAs string // classes of the numbers: the worst of each
	More                int
}

type heartbeatRow struct {
	Name, API   string
	State, Word string // class and word
	Tone        string // class of the row when it needs attention
	Last        moment
	LastAgo     string // "" when it never told
	Due         moment
	DueIn       string // "in 11 min", "5 min ago"
	Message     string
	Since       moment
	SinceAgo    string
}

// badHeartbeat reports whether somebody should look at a job.
func badHeartbeat(v *heartbeats.View) bool {
	return v.State == heartbeats.Missing || v.State == heartbeats.Failed
}

// heartbeatClass is the class of a state: as bad as its alert is.
func heartbeatClass(v *heartbeats.View) string {
	switch v.State {
	case heartbeats.OK:
		return "up"
	case heartbeats.Late:
		return "degraded"
	case heartbeats.Missing, heartbeats.Failed:
		if severityState(v.Severity) == "down" {
			return "down"
		}
		return "degraded"
	}
	return "unknown"
}

var heartbeatOrder = map[heartbeats.State]int{heartbeats.Missing: 0, heartbeats.Failed: 1, heartbeats.Late: 2, heartbeats.Waiting: 3, heartbeats.OK: 4}

// heartbeatsCard lists the heartbeats, those first that somebody should look at;
// nil without any.
func (u *UI) heartbeatsCard(now time.Time) *heartbeatsCard {
	list := u.heartbeats()
	if len(list) == 0 {
		return nil
	}
	card := &heartbeatsCard{}
	slices.SortStableFunc(list, func(a, b heartbeats.View) int { return cmp.Compare(heartbeatOrder[a.State], heartbeatOrder[b.State]) })
	card.Missing, card.Failed = countBad(list)
	for i := range list {
		as := &card.FailedAs
		if list[i].State == heartbeats.Missing {
			as = &card.MissingAs
		}
		if badHeartbeat(&list[i]) && *as != "down" {
			*as = heartbeatClass(&list[i])
		}
	}
	card.More = max(len(list)-heartbeatRows, 0)
	for i := range list[:min(len(list), heartbeatRows)] {
		v := &list[i]
		row := heartbeatRow{
			Name: v.Name, API: v.API, State: heartbeatClass(v), Word: string(v.State), Message: cut(v.Message, 500),
			Last: moment{v.Last}, LastAgo: ago(now, v.Last), Due: moment{v.Due}, DueIn: ago(now, v.Due), Since: moment{v.Since}, SinceAgo: ago(now, v.Since),
		}
		if v.Due.After(now) {
			row.DueIn = "in " + span(v.Due.Sub(now))
		}
		if badHeartbeat(v) {
			row.Tone = "is-" + row.State
		}
		card.Rows = append(card.Rows, row)
	}
	return card
}

func (u *UI) heartbeats() []heartbeats.View {
	if u.Heartbeats == nil {
		return nil
	}
	return slices.Clone(u.Heartbeats.List())
}

func countBad(list []heartbeats.View) (missing, failed int) {
	for i := range list {
		switch list[i].State {
		case heartbeats.Missing:
			missing++
		case heartbeats.Failed:
			failed++
		}
	}
	return missing, failed
}

// heartbeatOf is the job that an alert is about; "" when it is about none.
func heartbeatOf(a *alerting.View) string {
	if a.Labels[alerting.LabelSource] != "heartbeats" {
		return ""
	}
	return a.Labels["heartbeat"]
}

// untold leaves those of which no alert that fires tells.
func untold(list []heartbeats.View, alerts []alerting.View) []heartbeats.View {
	told := map[string]bool{}
	for i := range alerts {
		if alerts[i].State == alerting.Firing {
			told[heartbeatOf(&alerts[i])] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(v heartbeats.View) bool { return told[v.Name] })
}

// joinHeartbeats adds jobs that are missing or failed and of which nothing else
// in the verdict tells.
func (v *verdict) joinHeartbeats(list []heartbeats.View) {
	missing, failed := countBad(list)
	var text string
	switch {
	case missing+failed == 0:
		return
	case missing == 0:
		text = plural(failed, "heartbeat") + " failed"
	default:
		text = plural(missing, "heartbeat") + " missing"
		if failed > 0 {
			text += ", " + count(failed) + " failed"
		}
	}
	worst := "degraded"
	if slices.ContainsFunc(list, func(b heartbeats.View) bool { return heartbeatClass(&b) == "down" }) {
		worst = "down"
	}
	if v.Status == "down" || v.Status == "degraded" {
		v.Sub = joined(v.Sub, text)
		if worst == "down" {
			v.Status = worst
		}
		return
	}
	if v.Sub != "" { // there are checks
		v.Sub = joined(v.Sub, v.Text)
	}
	v.Status, v.Text = worst, text
}

// heartbeats adds the jobs that are missing or failed.
func (l *attentionList) heartbeats(list []heartbeats.View) {
	for i := range list {
		v := &list[i]
		if !badHeartbeat(v) {
			continue
		}
		why := "failed"
		if first, _, _ := strings.Cut(strings.TrimSpace(v.Message), "\n"); first != "" {
			why += ": " + cut(first, 300)
		}
		if v.State == heartbeats.Missing {
			why = "it has never told that it ran"
			if !v.Last.IsZero() {
				why = "it has not told that it ran for " + span(l.now.Sub(v.Last))
			}
			why += "; it was due " + ago(l.now, v.Due)
		}
		l.byHeartbeat[v.Name] = l.add(attention{Name: v.Name, API: v.API, Link: "/checks#heartbeat-" + v.Name, Status: heartbeatClass(v), Why: why}, v.Since)
	}
}
