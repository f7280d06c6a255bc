package ui

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
)

// silenceRow is one silence.
type silenceRow struct {
	ID, Path string
	Matchers []string
	By       string
	Comment  string
	State    string // class
	Word     string // pending, active, expired
	Left     string // "1 h left", "in 20 min"
	Starts   moment
	Ends     moment
	Alerts   int
	Expired  bool
	Again    string // link to the form with the same matchers
	Write    bool   // the viewer may end it
}

func silenceRowOf(s *alerting.Silence, now time.Time) silenceRow {
	row := silenceRow{
		ID: s.ID, Path: "/alerts/silences/" + pathPart(s.ID), By: who(s.By), Comment: cut(s.Comment, 1000), State: "paused", Word: s.State,
		Starts: moment{s.Starts}, Ends: moment{s.Ends}, Alerts: s.Alerts,
		Again: "/alerts/silences/new?" + url.Values{"matchers": {matcherText(s.Matchers)}, "comment": {cut(s.Comment, 500)}}.Encode(),
	}
	for _, m := range s.Matchers[:min(len(s.Matchers), maxMatchers)] {
		row.Matchers = append(row.Matchers, cut(matcherLine(m), 600))
	}
	switch {
	case s.State == "expired" || !s.Ends.After(now):
		row.Expired, row.State, row.Word = true, "none", "expired"
		row.Left = ago(now, s.Ends)
	case s.Starts.After(now):
		row.State, row.Word = "unknown", "pending"
		row.Left = "begins in " + span(s.Starts.Sub(now))
	default:
		row.Left = span(s.Ends.Sub(now)) + " left"
	}
	return row
}

// silenceForm is the page of a new silence.
type silenceForm struct {
	Matchers string
	Comment  string
	For      string
	Lengths  []blockLength
	Alert    string // ID that it was asked from
	Name     string // of that alert
	Preview  bool   // there are matchers, so it can be told what they do
	Wrong    string // what is wrong with them
	Total    int    // alerts that they hold for
	Rows     []alertRow
	CanWrite bool
}

var silenceLengths = []blockLength{
	{"30m", "30 minutes", false}, {"2h", "2 hours", true}, {"8h", "8 hours", false}, {"24h", "1 day", false}, {"7d", "7 days", false},
}

// previewRows is how many alerts a preview names.
const previewRows = 10

// newSilence is the form, with what the silence would do; it changes nothing.
func (u *UI) newSilence(w http.ResponseWriter, r *http.Request) error {
	if err := u.hasAlerts(r); err != nil {
		return err
	}
	query, now := r.URL.Query(), u.now()
	form := &silenceForm{
		Matchers: cut(strings.TrimSpace(query.Get("matchers")), maxMatcherText), Comment: cut(query.Get("comment"), 500), Alert: cut(query.Get("alert"), 64),
		For: cut(query.Get("for"), 20), CanWrite: u.viewer(r).CanWrite,
	}
	if form.Alert != "" {
		a, err := u.Alerts.Alert(r.Context(), form.Alert)
		if err != nil {
			return err
		}
		form.Name = alertName(&a)
		if form.Matchers == "" {
			form.Matchers = matcherText(matchersOf(a.Labels))
		}
	}
	for _, l := range silenceLengths {
		if form.For != "" {
			l.Chosen = l.Value == form.For
		}
		form.Lengths = append(form.Lengths, l)
	}
	matchers, err := parseMatchers(form.Matchers)
	if err != nil {
		form.Wrong = sentence(err.Error())
	} else if len(matchers) > 0 {
		all, _, err := u.alertList(r.Context(), badgeAge)
		if err != nil {
			return err
		}
		hit, err := matching(alertFilter{}.ongoing(all), matchers)
		if err != nil {
			return err
		}
		form.Preview, form.Total = true, len(hit)
		for i := range hit[:min(len(hit), previewRows)] {
			form.Rows = append(form.Rows, alertRowOf(&hit[i], now))
		}
	}
	return u.show(w, r, "silence", shell{Title: "New silence", Nav: "alerts", Page: form})
}

// ongoing leaves resolved alerts out.
func (alertFilter) ongoing(all []alerting.View) []alerting.View {
	var list []alerting.View
	for i := range all {
		if all[i].State != alerting.Resolved {
			list = append(list, all[i])
		}
	}
	return list
}

// matchersOf are the matchers of one alert and those with the same labels, in
// full: a value that is cut matches nothing.
func matchersOf(labels map[string]string) []alerting.Matcher {
	var matchers []alerting.Matcher
	for _, name := range labelNames(labels) {
		if len(matchers) == maxMatchers {
			break
		}
		matchers = append(matchers, alerting.Matcher{Name: name, Op: "=", Value: labels[name]})
	}
	return matchers
}

// silence adds a silence.
func (u *UI) silence(w http.ResponseWriter, r *http.Request) error {
	v, err := u.mayAlert(r)
	if err != nil {
		return err
	}
	matchers, err := parseMatchers(r.FormValue("matchers"))
	if err != nil {
		return err
	}
	if len(matchers) == 0 {
		return fault.Invalid("say which alerts to silence: api=\"orders\" severity=\"warning\"")
	}
	length, err := units.ParseDuration(r.FormValue("for"))
	if err != nil || length <= 0 {
		return fault.Invalid("%q is not a time to be silent for; write 30m, 2h or 7d", cut(r.FormValue("for"), 40))
	}
	comment := strings.TrimSpace(cut(r.FormValue("comment"), 1000))
	if comment == "" {
		return fault.Invalid("say why: others will see a silence and wonder")
	}
	now := u.now()
	id, err := u.Alerts.Silence(r.Context(), alerting.Silence{Matchers: matchers, Starts: now, Ends: now.Add(length.Std()), By: v.Name, Comment: comment})
	if err != nil {
		return err
	}
	return u.changed(w, r, "/alerts#silence-"+pathPart(id))
}

// unsilence ends a silence.
func (u *UI) unsilence(w http.ResponseWriter, r *http.Request) error {
	v, err := u.mayAlert(r)
	if err != nil {
		return err
	}
	if err := u.Alerts.Unsilence(r.Context(), r.PathValue("id"), v.Name); err != nil {
		return err
	}
	return u.changed(w, r, "/alerts#silences")
}
