package ui

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/fault"
)

// Bounds of the alerts page: what is beyond is on the next page, or in the API.
const (
	alertRows     = 100
	resolvedFor   = 24 * time.Hour // that resolved alerts are listed
	silenceRows   = 50
	deliveryRows  = 25
	deliveryNames = 3 // alerts named in a delivery
	badgeAge      = time.Second
)

type alertsPage struct {
	Verdict    verdict
	Failed     string  // what could not be read
	AsOf       *moment // when the list is of, in that case
	Filter     alertFilter
	States     []stateFilter
	Rows       []alertRow
	Total      int
	Found      int
	Page       int
	Pages      int
	Prev, Next string
	Silences   []silenceRow
	Expired    []silenceRow
	MoreSil    int
	Deliveries deliveriesCard
	Receivers  []receiverRow
	Bare       bool // nobody but open pages is told
	Who        whoCard
	CanWrite   bool
}

// hasAlerts refuses pages that there are only with alerts.
func (u *UI) hasAlerts(r *http.Request) error {
	if u.Alerts == nil {
		return fault.NotFound("there is no page %s", r.URL.Path)
	}
	return nil
}

// alertList returns the alerts, resolved ones of the last day too, read no longer
// than maxAge ago. With an error comes the last good list and its time.
func (u *UI) alertList(ctx context.Context, maxAge time.Duration) ([]alerting.View, time.Time, error) {
	now := u.now()
	return u.alertsKept.get(now, maxAge, func() ([]alerting.View, error) { return u.Alerts.Alerts(ctx, now.Add(-resolvedFor)) })
}

// firing is how many alerts wait for somebody: the badge of the navigation.
func (u *UI) firing(r *http.Request) (n int, worst string) {
	age := badgeAge
	if r.Header.Get(partHeader) != "" {
		age = 0 // something has just changed
	}
	list, _, _ := u.alertList(r.Context(), age) // without alerts there is no badge; the page of alerts says why
	worst = "degraded"
	for i := range list {
		if list[i].State != alerting.Firing {
			continue
		}
		n++
		if markClass(&list[i]) == "down" {
			worst = "down"
		}
	}
	return n, worst
}

func (u *UI) alerts(w http.ResponseWriter, r *http.Request) error {
	if err := u.hasAlerts(r); err != nil {
		return err
	}
	now, query := u.now(), r.URL.Query()
	f := parseAlertFilter(query)
	page := &alertsPage{Filter: f, CanWrite: u.viewer(r).CanWrite}
	all, at, err := u.alertList(r.Context(), 0)
	u.unread(r, page, "alerts", err)
	if err != nil && !at.IsZero() {
		page.AsOf = &moment{at}
	}
	silences, _, err := u.silencesKept.get(now, 0, func() ([]alerting.Silence, error) { return u.Alerts.Silences(r.Context(), now.Add(-resolvedFor)) })
	u.unread(r, page, "silences", err)
	page.Verdict = alertsVerdict(all)
	if err != nil && len(all) == 0 && page.Failed != "" && at.IsZero() {
		page.Verdict = verdict{Status: "unknown", Text: "The alerts could not be read"}
	}
	rest := f
	rest.State = ""
	left := rest.choose(all)
	page.States = f.states(left)
	chosen := f.choose(left)
	page.Total, page.Found = len(all), len(chosen)
	page.Pages = max((len(chosen)+alertRows-1)/alertRows, 1)
	page.Page, _ = strconv.Atoi(query.Get("page"))
	page.Page = min(max(page.Page, 1), page.Pages)
	if page.Page > 1 {
		page.Prev = f.with("page", strconv.Itoa(page.Page-1))
	}
	if page.Page < page.Pages {
		page.Next = f.with("page", strconv.Itoa(page.Page+1))
	}
	first := (page.Page - 1) * alertRows
	for i := range chosen[first:min(first+alertRows, len(chosen))] {
		row := alertRowOf(&chosen[first+i], now)
		row.Write = page.CanWrite
		page.Rows = append(page.Rows, row)
	}
	for i := range silences {
		row := silenceRowOf(&silences[i], now)
		row.Write = page.CanWrite
		switch {
		case row.Expired && len(page.Expired) < silenceRows:
			page.Expired = append(page.Expired, row)
		case !row.Expired && len(page.Silences) < silenceRows:
			page.Silences = append(page.Silences, row)
		default:
			page.MoreSil++
		}
	}
	err = u.deliveriesCard(r, &page.Deliveries, now)
	u.unread(r, page, "notifications", err)
	receivers := u.Alerts.Receivers()
	page.Receivers = receiverRows(receivers)
	page.Bare = !slices.ContainsFunc(receivers, func(r alerting.Receiver) bool {
		return slices.ContainsFunc(r.Integrations, func(kind string) bool { return kind != "desktop" })
	})
	page.Who = u.whoCard(query.Get("labels"))
	return u.show(w, r, "alerts", shell{Title: "Alerts", Nav: "alerts", Page: page})
}

// unread notes that something could not be read, for the page and the log.
func (u *UI) unread(r *http.Request, page *alertsPage, what string, err error) {
	if err == nil || r.Context().Err() != nil {
		return
	}
	u.log.ErrorContext(r.Context(), "alerts not readable", "page", "alerts", "what", what, "error", err)
	if page.Failed == "" {
		page.Failed = "The " + what + " could not be read now"
		return
	}
	page.Failed += ", nor the " + what
}

// alertsVerdict says whether somebody is waited for.
func alertsVerdict(list []alerting.View) verdict {
	counts := map[alerting.State]int{}
	worst := "degraded"
	for i := range list {
		counts[list[i].State]++
		if list[i].State == alerting.Firing && markClass(&list[i]) == "down" {
			worst = "down"
		}
	}
	v := verdict{Status: "up", Text: "No alert is firing"}
	switch n := counts[alerting.Firing]; {
	case n > 0:
		v.Status, v.Text = worst, plural(n, "alert")+" firing"
	case counts[alerting.Acknowledged] > 0:
		v.Status, v.Text = "degraded", "Nothing new: somebody has each alert that fires"
	case counts[alerting.Suppressed] > 0:
		v.Status, v.Text = "paused", "Nothing but silenced alerts"
	}
	var parts []string
	for _, p := range []struct {
		state alerting.State
		name  string
	}{{alerting.Acknowledged, "acknowledged"}, {alerting.Suppressed, "quiet"}, {alerting.Pending, "pending"}, {alerting.Resolved, "resolved in 24 h"}} {
		if n := counts[p.state]; n > 0 {
			parts = append(parts, count(n)+" "+p.name)
		}
	}
	v.Sub = strings.Join(parts, " · ")
	return v
}

// alertRow is one alert in the list.
type alertRow struct {
	ID, Link     string
	Name         string
	Severity     string
	State, Word  string // class and state
	Summary      string
	Labels       []label
	MoreLabels   int
	Since        moment
	Age          string
	Old          bool // Since needs its date
	Told         []string
	Escalated    []string
	Quiet        []quietBy
	Ack          *ackRow
	CanAck       bool
	SilenceQuery string // link to a silence of it
	Write        bool   // the viewer may do something about it
}

type label struct{ Name, Value string }

// quietBy is why an alert is not told.
type quietBy struct{ Kind, Name, Link string }

// ackRow is who has an alert.
type ackRow struct {
	By, Note string
	At       moment
	Until    *moment // nil: until it is resolved
}

// labelsShown is how many labels a row has: the rest is on the page of the alert.
const labelsShown = 10

func alertRowOf(a *alerting.View, now time.Time) alertRow {
	row := alertRow{
		ID: a.ID, Link: alertPath(a.ID), Name: alertName(a), Severity: cut(a.Labels[alerting.LabelSeverity], 40), State: alertGlyph(a), Word: alertWord(a),
		Summary: alertSummary(a), Since: moment{a.Starts}, Age: ago(now, a.Starts), Old: now.Sub(a.Starts) >= 24*time.Hour,
		Told: a.Receivers, Escalated: a.Escalated, Quiet: quietness(a), Ack: ackRowOf(a), CanAck: a.State == alerting.Firing,
	}
	if a.State == alerting.Resolved {
		row.Since, row.Age, row.Old = moment{a.Ends}, ago(now, a.Ends), now.Sub(a.Ends) >= 24*time.Hour
	} else {
		row.SilenceQuery = "/alerts/silences/new?" + url1("alert", a.ID)
	}
	row.Labels, row.MoreLabels = labelList(a.Labels, labelsShown, alerting.LabelName, alerting.LabelSeverity)
	return row
}

// labelList is at most most labels, the usual ones first, without some.
func labelList(labels map[string]string, most int, without ...string) (list []label, more int) {
	for _, name := range labelNames(labels) {
		value := labels[name]
		switch {
		case slices.Contains(without, name):
		case len(list) == most:
			more++
		default:
			list = append(list, label{cut(name, 200), cut(value, 500)})
		}
	}
	return list, more
}

// labelNames are the names of labels, those first that people look for first.
func labelNames(labels map[string]string) []string {
	names := []string{alerting.LabelName, alerting.LabelSeverity, alerting.LabelAPI, alerting.LabelOperation, alerting.LabelCheck}
	usual := len(names)
	for _, name := range sortedKeys(labels) {
		if !slices.Contains(names[:usual], name) {
			names = append(names, name)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool {
		_, has := labels[name]
		return !has
	})
}

func ackRowOf(a *alerting.View) *ackRow {
	if a.Ack == nil {
		return nil
	}
	row := &ackRow{By: who(a.Ack.By), Note: cut(a.Ack.Note, 1000), At: moment{a.Ack.At}}
	if !a.Ack.Until.IsZero() {
		row.Until = &moment{a.Ack.Until}
	}
	return row
}

func quietness(a *alerting.View) []quietBy {
	var list []quietBy
	for _, id := range a.SilencedBy {
		list = append(list, quietBy{"silenced", id, "#silence-" + id})
	}
	for _, id := range a.InhibitedBy {
		list = append(list, quietBy{"inhibited by", id, alertPath(id)})
	}
	for _, name := range a.MutedBy {
		list = append(list, quietBy{"muted by", name, ""})
	}
	return list[:min(len(list), labelsShown)]
}

// alertName is what an alert is called; other systems may send one without a name.
func alertName(a *alerting.View) string {
	if name := a.Labels[alerting.LabelName]; name != "" {
		return cut(name, 300)
	}
	return "alert " + cut(a.ID, 64)
}

// alertSummary is an alert in one line.
func alertSummary(a *alerting.View) string {
	for _, note := range []string{alerting.NoteSummary, alerting.NoteDescription, "message"} {
		if text := strings.TrimSpace(a.Annotations[note]); text != "" {
			return cut(text, 500)
		}
	}
	return ""
}

// alertGlyph is the class of an alert: how bad it is while it fires, and else
// what became of it.
func alertGlyph(a *alerting.View) string {
	switch a.State {
	case alerting.Suppressed:
		return "paused"
	case alerting.Pending:
		return "unknown"
	case alerting.Resolved:
		return "up"
	case alerting.Firing, alerting.Acknowledged:
	}
	return severityState(a.Labels[alerting.LabelSeverity])
}

// alertWord is the state of an alert in a word.
func alertWord(a *alerting.View) string {
	if a.State != alerting.Suppressed {
		return string(a.State)
	}
	switch {
	case len(a.SilencedBy) > 0:
		return "silenced"
	case len(a.InhibitedBy) > 0:
		return "inhibited"
	case len(a.MutedBy) > 0:
		return "muted"
	}
	return "quiet"
}

// receiverRow is one receiver with its test button.
type receiverRow struct {
	Name, Link string
	Kinds      string
	Test       string // path
}

func receiverRows(list []alerting.Receiver) []receiverRow {
	var rows []receiverRow
	for _, r := range list {
		kinds := strings.Join(r.Integrations, ", ")
		if kinds == "" {
			kinds = "tells nobody"
		}
		rows = append(rows, receiverRow{Name: r.Name, Link: "?" + url1("receiver", r.Name) + "#deliveries", Kinds: kinds, Test: fmt.Sprintf("/alerts/receivers/%s/test", pathPart(r.Name))})
	}
	return rows
}
