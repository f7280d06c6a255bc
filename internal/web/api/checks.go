package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
)

type checkList struct {
	Checks []checkDTO `json:"checks"`
	Next   string     `json:"next,omitempty"`
}

// listChecks answers GET /checks, ordered by id.
func (a *API) listChecks(w http.ResponseWriter, r *http.Request) error {
	q := readQuery(r, "state", "api", "label", "q", "limit", "cursor")
	filter, limit, cursor := q.checkFilter(), q.limit(), q.cursor()
	if cursor != checks.ID(cursor) { // the id of the last check before
		q.damagedCursor()
	}
	if q.err != nil {
		return q.err
	}
	views := a.deps.Checks.List()
	slices.SortFunc(views, func(a, b checks.View) int { return cmp.Compare(a.ID, b.ID) })
	list := checkList{Checks: []checkDTO{}}
	for i := range views {
		if views[i].ID <= cursor || !filter.matches(&views[i]) {
			continue
		}
		if len(list.Checks) == limit {
			list.Next = nextCursor(list.Checks[limit-1].ID)
			break
		}
		list.Checks = append(list.Checks, showCheck(&views[i]))
	}
	return answer(w, http.StatusOK, list)
}

// getCheck answers GET /checks/{id}.
func (a *API) getCheck(w http.ResponseWriter, r *http.Request) error {
	if err := readQuery(r).err; err != nil {
		return err
	}
	return a.answerCheck(w, r.PathValue("id"))
}

func (a *API) answerCheck(w http.ResponseWriter, id string) error {
	view, err := a.deps.Checks.View(id)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, showCheck(&view))
}

// checkFilter selects checks; each part that is given must hold.
type checkFilter struct {
	states []checks.Status
	apis   []string
	labels []string // "key" or "key=value", all of them
	text   string   // lower case
}

func (q *query) checkFilter() checkFilter {
	filter := checkFilter{apis: q.list("api"), labels: q.list("label"), text: strings.ToLower(q.text("q"))}
	for _, name := range q.list("state") {
		var state checks.Status
		if err := state.UnmarshalText([]byte(name)); err != nil {
			q.fail(fault.Invalid("state: unknown state %.40q; states are unknown, up, degraded, down, paused", name))
		}
		filter.states = append(filter.states, state)
	}
	return filter
}

func (f *checkFilter) matches(v *checks.View) bool {
	if len(f.states) > 0 && !slices.Contains(f.states, v.State) {
		return false
	}
	if len(f.apis) > 0 && !slices.Contains(f.apis, v.API) {
		return false
	}
	for _, label := range f.labels {
		key, want, exact := strings.Cut(label, "=")
		if got, ok := v.Labels[key]; !ok || exact && got != want {
			return false
		}
	}
	return f.text == "" || slices.ContainsFunc([]string{v.Name, v.ID, v.Target, v.Operation}, func(s string) bool {
		return strings.Contains(strings.ToLower(s), f.text)
	})
}
