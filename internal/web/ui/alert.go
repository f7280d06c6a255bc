package ui

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
)

// alertPage is one alert.
type alertPage struct {
	alertRow
	Labels      []label // all of them
	Description string
	Evidence    string
	Curl        string
	Notes       []label // annotations that have no place of their own
	Trace       string
	Page        string // link to the data; "" without one
	Runbook     string // link to what to do about it; "" without one
	Endpoint    string // link to the operation
	Check       string // link to the check
	Timeline    []timelineRow
	Deliveries  deliveriesCard
	Failed      string
	Recipients  []recipientRow
	Lengths     []blockLength
	Resolved    bool
	CanWrite    bool
}

// timelineRow is something that happened to an alert.
type timelineRow struct {
	At           moment
	State        string // class
	Text, Detail string
	By           string
}

var ackLengths = []blockLength{
	{"0", "until it is resolved", true}, {"30m", "30 minutes", false}, {"2h", "2 hours", false}, {"8h", "8 hours", false}, {"24h", "1 day", false},
}

// Bounds of the page of an alert.
const (
	deliveriesRead = 500
	labelsAll      = 100
	evidenceBytes  = 32 << 10
)

func (u *UI) alert(w http.ResponseWriter, r *http.Request) error {
	if err := u.hasAlerts(r); err != nil {
		return err
	}
	now := u.now()
	a, err := u.Alerts.Alert(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	page := &alertPage{
		alertRow: alertRowOf(&a, now), Description: cut(a.Annotations[alerting.NoteDescription], 8<<10), Evidence: cut(a.Annotations[alerting.NoteEvidence], evidenceBytes),
		Curl: cut(a.Annotations[alerting.NoteCurl], 4<<10), Trace: cut(a.Annotations[alerting.NoteTrace], 200), Page: dataLink(a.Annotations[alerting.NotePage]),
		Recipients: u.recipientRows(a.Labels), Lengths: ackLengths, Resolved: a.State == alerting.Resolved, CanWrite: u.viewer(r).CanWrite,
	}
	page.Since, page.Age = moment{a.Starts}, ago(now, a.Starts)
	page.Labels, _ = labelList(a.Labels, labelsAll)
	for i := range page.Quiet {
		if link := page.Quiet[i].Link; strings.HasPrefix(link, "#") {
			page.Quiet[i].Link = "/alerts" + link
		}
	}
	ours := []string{alerting.NoteSummary, alerting.NoteDescription, alerting.NoteEvidence, alerting.NoteCurl, alerting.NoteTrace}
	if page.Page != "" {
		ours = append(ours, alerting.NotePage)
	}
	// As rules of Prometheus name it by custom.
	if page.Runbook = webLink(a.Annotations["runbook_url"]); page.Runbook != "" {
		ours = append(ours, "runbook_url")
	}
	page.Notes, _ = labelList(a.Annotations, labelsAll, ours...)
	if page.Description == page.Summary {
		page.Description = ""
	}
	if op := a.Operation(); op != "" && u.Endpoints != nil && len(u.endpointsNamed(a.Labels[alerting.LabelAPI], op)) > 0 {
		page.Endpoint = operationPath(a.Labels[alerting.LabelAPI], op)
	}
	if id := u.checkNamed(a.Labels[alerting.LabelCheck]); id != "" {
		page.Check = checkPath(id)
	}
	mine, err := u.deliveriesOf(r, a.ID)
	if err != nil {
		u.log.ErrorContext(r.Context(), "alerts not readable", "page", "alert", "error", err)
		page.Failed = "The notifications could not be read now, so they are missing below."
	}
	page.Deliveries = deliveriesCard{Alert: a.ID, CanWrite: page.CanWrite}
	for i := range mine[:min(len(mine), deliveryRows)] {
		page.Deliveries.Rows = append(page.Deliveries.Rows, deliveryRowOf(&mine[i], now))
	}
	silences, _, err := u.silencesKept.get(now, badgeAge, func() ([]alerting.Silence, error) { return u.Alerts.Silences(r.Context(), now.Add(-resolvedFor)) })
	if err != nil {
		u.log.ErrorContext(r.Context(), "silences not readable", "page", "alert", "error", err)
	}
	page.Timeline = timeline(&a, mine, silences)
	return u.show(w, r, "alert", shell{Title: page.Name, Nav: "alerts", Page: page})
}

// dataLink is the link of an annotation, when it leads to a page of ours or
// somewhere by HTTP.
func dataLink(text string) string {
	if strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") && !strings.HasPrefix(text, "/\\") {
		return cut(text, 4<<10)
	}
	return webLink(text)
}

// webLink is the link of an annotation, when it leads somewhere by HTTP.
func webLink(text string) string {
	if strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://") {
		return cut(text, 4<<10)
	}
	return ""
}

// Link is where a note leads that is an address; "" for any other text.
func (l label) Link() string { return webLink(l.Value) }

// checkNamed is the ID of a check by its ID or name; "" without one.
func (u *UI) checkNamed(name string) string {
	if name == "" {
		return ""
	}
	views := u.Checks.List()
	for i := range views {
		if views[i].ID == name || views[i].Name == name {
			return views[i].ID
		}
	}
	return ""
}

// deliveriesOf are the notifications that told of an alert, newest first.
func (u *UI) deliveriesOf(r *http.Request, id string) ([]alerting.Delivery, error) {
	all, err := u.Alerts.Deliveries(r.Context(), "", 0, deliveriesRead)
	return slices.DeleteFunc(all, func(d alerting.Delivery) bool {
		return !slices.ContainsFunc(d.Alerts, func(t alerting.Told) bool { return t.ID == id })
	}), err
}

// timeline is what happened to an alert, oldest first.
func timeline(a *alerting.View, deliveries []alerting.Delivery, silences []alerting.Silence) []timelineRow {
	began := "began to fire"
	if a.State == alerting.Pending {
		began = "began to hold; nobody is told before it lasts"
	}
	rows := []timelineRow{{At: moment{a.Starts}, State: severityState(a.Labels[alerting.LabelSeverity]), Text: began}}
	add := func(at time.Time, row timelineRow) {
		if !at.IsZero() {
			row.At = moment{at}
			rows = append(rows, row)
		}
	}
	for i := range deliveries[:min(len(deliveries), deliveryRows)] {
		d := &deliveries[i]
		to := d.Receiver
		if d.Kind != "" {
			to += " (" + d.Kind + ")"
		}
		row := timelineRow{State: "up", Text: "told " + to}
		at := d.Last
		if at.IsZero() {
			at = d.Created
		}
		switch d.State {
		case "waiting":
			row.State, row.Text, row.Detail = "degraded", "could not tell "+to+" yet, tried "+plural(d.Tries, "time"), cut(d.Error, 500)
		case "failed":
			row.State, row.Text, row.Detail = "down", "gave up telling "+to+" after "+plural(d.Tries, "try"), cut(d.Error, 500)
			if d.Tries > 1 {
				row.Text = "gave up telling " + to + " after " + count(d.Tries) + " tries"
			}
		case "superseded":
			row.State, row.Text = "paused", "did not tell "+to+": newer news overtook it"
		}
		for _, t := range d.Alerts {
			if t.ID == a.ID && t.State == alerting.Resolved {
				row.Text += " that it is resolved"
			}
		}
		if d.Reason == "escalate" {
			row.Text += ", because nobody had acknowledged it"
		}
		add(at, row)
	}
	if a.Ack != nil {
		row := timelineRow{State: "up", Text: "acknowledged", By: who(a.Ack.By), Detail: cut(a.Ack.Note, 500)}
		add(a.Ack.At, row)
	}
	for i := range silences {
		if s := &silences[i]; slices.Contains(a.SilencedBy, s.ID) {
			add(s.Starts, timelineRow{State: "paused", Text: "silenced", By: who(s.By), Detail: cut(s.Comment, 500)})
		}
	}
	if a.State == alerting.Resolved {
		add(a.Ends, timelineRow{State: "up", Text: "resolved"})
	}
	slices.SortStableFunc(rows, func(a, b timelineRow) int { return a.At.Compare(b.At.Time) })
	return rows
}
