package ui

import (
	"fmt"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/checks"
)

// verdict is the first line: is anything wrong now.
type verdict struct {
	Status string // class and glyph
	Text   string
	Sub    string
	Change *lastChange
}

// lastChange is the newest change of state of any check.
type lastChange struct {
	ID, Name, To string
	At           moment
	Age          string
}

func countStates(views []checks.View) map[checks.Status]int {
	counts := map[checks.Status]int{}
	for i := range views {
		counts[views[i].State]++
	}
	return counts
}

func makeVerdict(views []checks.View, counts map[checks.Status]int) verdict {
	total := len(views)
	down, degraded, unknown, paused := counts[checks.Down], counts[checks.Degraded], counts[checks.Unknown], counts[checks.Paused]
	v := verdict{Sub: fmt.Sprintf("%s of %s up", count(counts[checks.Up]), count(total))}
	switch {
	case total == 0:
		return verdict{Status: "unknown", Text: "No checks yet"}
	case down > 0:
		v.Status, v.Text = "down", plural(down, "check")+" down"
		if degraded > 0 {
			v.Text += ", " + count(degraded) + " degraded"
		}
	case degraded > 0:
		v.Status, v.Text = "degraded", plural(degraded, "check")+" degraded"
	case paused == total:
		v.Status, v.Text = "paused", "All checks are paused"
	case counts[checks.Up] == 0:
		v.Status, v.Text = "unknown", "Waiting for the first results"
	case counts[checks.Up] == total && total == 1:
		v.Status, v.Text = "up", "The check is up"
	case counts[checks.Up] == total:
		v.Status, v.Text = "up", "All "+count(total)+" checks are up"
	default:
		v.Status, v.Text = "up", "Nothing is down"
	}
	if n := consequences(views); n > 0 {
		v.Sub += fmt.Sprintf(" · %s down because of another", count(n))
	}
	if paused > 0 {
		v.Sub += " · " + count(paused) + " paused"
	}
	if unknown > 0 {
		v.Sub += " · " + count(unknown) + " not run yet"
	}
	return v
}

// join adds what alerts, requests and jobs tell: no verdict is good while an alert
// fires or a job is missing.
func (v *verdict) join(s *signals, checked int) {
	if checked == 0 && s.judged() {
		*v = endpointsVerdict(s.operations)
	}
	told := alertsVerdict(s.alerts)
	firing := 0
	for i := range s.alerts {
		if s.alerts[i].State == alerting.Firing {
			firing++
		}
	}
	switch {
	case firing == 0:
	case v.Status == "down" || v.Status == "degraded":
		v.Sub = joined(v.Sub, told.Text)
	default:
		v.Sub = joined(v.Sub, v.Text)
		v.Status, v.Text = told.Status, told.Text
	}
	if v.Status == "degraded" && firing > 0 && told.Status == "down" {
		v.Status = "down"
	}
	v.joinHeartbeats(untold(s.beats, s.alerts))
}

// joined parts two halves of a line by a dot.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " · " + b
}

func consequences(views []checks.View) int {
	n := 0
	for i := range views {
		if views[i].State == checks.Down && views[i].BecauseOf != "" {
			n++
		}
	}
	return n
}

// recentChanges is among how many changes of state the one to tell is looked for.
const recentChanges = 100

// newestChange is the news for the line under the verdict, of changes that come
// newest first. That a check came up for the first time is none, and while
// something is wrong it is what went wrong last, not what recovered since.
func newestChange(changes []checks.Transition, views []checks.View, now time.Time) *lastChange {
	var found *lastChange
	wrong := slices.ContainsFunc(views, func(v checks.View) bool { return v.State == checks.Down || v.State == checks.Degraded })
	for _, t := range changes {
		at := slices.IndexFunc(views, func(v checks.View) bool { return v.ID == t.Check })
		if at < 0 || t.From == checks.Unknown && t.To == checks.Up {
			continue
		}
		worse := t.To == checks.Down || t.To == checks.Degraded
		if found == nil || worse {
			found = &lastChange{ID: t.Check, Name: views[at].Name, To: became[t.To], At: moment{t.At}, Age: ago(now, t.At)}
		}
		if worse || !wrong {
			break
		}
	}
	return found
}

var became = map[checks.Status]string{
	checks.Up: "came up", checks.Down: "went down", checks.Degraded: "became degraded",
	checks.Paused: "was paused", checks.Unknown: "was resumed",
}
