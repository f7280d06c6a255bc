package statuspage

import (
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// Bounds of the list of incidents.
const (
	maxIncidents = 20
	incidentDays = 30
)

// Incident is a time in which one component was not up. Why is not told.
type Incident struct {
	Check string        `json:"check"`
	Name  string        `json:"name"`
	Worst checks.Status `json:"worst"` // down or degraded
	Start time.Time     `json:"start"`
	End   time.Time     `json:"end,omitzero"` // zero while it lasts
}

// Open reports whether it lasts.
func (i *Incident) Open() bool { return i.End.IsZero() }

// incidents folds state changes (newest first) into incidents, newest first:
// from the first change away from up to the next one to up. A pause ends an
// incident too, because nobody watches any more.
func incidents(transitions []checks.Transition, shown map[string]checks.View, now time.Time) []Incident {
	var list []Incident
	open := map[string]int{} // check → index in list
	for _, t := range slices.Backward(transitions) {
		view, ok := shown[t.Check]
		if !ok {
			continue
		}
		at, running := open[t.Check]
		switch {
		case t.To == checks.Down || t.To == checks.Degraded:
			if !running {
				open[t.Check] = len(list)
				list = append(list, Incident{Check: t.Check, Name: view.Name, Worst: t.To, Start: t.At})
				continue
			}
			list[at].Worst = max(list[at].Worst, t.To) // down is the larger of the two
		case running:
			list[at].End = t.At
			delete(open, t.Check)
		}
	}
	oldest := now.AddDate(0, 0, -incidentDays)
	list = slices.DeleteFunc(list, func(i Incident) bool { return !i.Open() && i.End.Before(oldest) })
	slices.SortStableFunc(list, func(a, b Incident) int { return b.Start.Compare(a.Start) })
	return list[:min(len(list), maxIncidents)]
}
