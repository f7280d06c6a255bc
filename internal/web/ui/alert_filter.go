package ui

import (
	"net/url"
	"slices"
	"strings"

	"lapwing.dev/lapwing/internal/alerting"
)

// alertFilter chooses alerts; it is the query of the list's URL.
type alertFilter struct {
	State string // "" is everything that goes on
	Query string // words, each in a label or the summary
}

var alertStates = []struct {
	key  alerting.State
	name string
}{
	{alerting.Firing, "Firing"},
	{alerting.Acknowledged, "Acknowledged"},
	{alerting.Suppressed, "Quiet"},
	{alerting.Pending, "Pending"},
	{alerting.Resolved, "Resolved"},
}

func parseAlertFilter(q url.Values) alertFilter {
	f := alertFilter{State: q.Get("state"), Query: strings.TrimSpace(cut(q.Get("q"), 300))}
	for _, s := range alertStates {
		if string(s.key) == f.State {
			return f
		}
	}
	f.State = ""
	return f
}

// with returns the query string with one value changed.
func (f alertFilter) with(key, value string) string {
	q := url.Values{}
	for k, v := range map[string]string{"state": f.State, "q": f.Query, key: value} {
		if k == key {
			v = value
		}
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(q) == 0 {
		return "/alerts"
	}
	return "?" + q.Encode()
}

func (f alertFilter) choose(all []alerting.View) []alerting.View {
	words := strings.Fields(strings.ToLower(f.Query))
	var list []alerting.View
	for i := range all {
		if f.inState(&all[i]) && alertHolds(&all[i], words) {
			list = append(list, all[i])
		}
	}
	return list
}

func (f alertFilter) inState(a *alerting.View) bool {
	return f.State == "" || f.State == string(a.State)
}

// alertHolds reports whether every word occurs somewhere in the alert.
func alertHolds(a *alerting.View, words []string) bool {
	if len(words) == 0 {
		return true
	}
	var text strings.Builder
	for name, value := range a.Labels {
		text.WriteString(strings.ToLower(name + "=" + value + "\n"))
	}
	text.WriteString(strings.ToLower(a.ID + "\n" + alertSummary(a)))
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text.String(), w) })
}

// states are the buttons above the list. Resolved alerts are not among all of
// them: they are over.
func (f alertFilter) states(all []alerting.View) []stateFilter {
	list := []stateFilter{{Name: "All", Link: f.with("state", ""), Count: len(all), Current: f.State == ""}}
	for _, s := range alertStates {
		choice := stateFilter{Name: s.name, Link: f.with("state", string(s.key)), Current: f.State == string(s.key)}
		for i := range all {
			if all[i].State == s.key {
				choice.Count++
			}
		}
		list = append(list, choice)
	}
	return list
}
