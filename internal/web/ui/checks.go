package ui

import (
	"net/http"
	"net/url"
	"strconv"

	"lapwing.dev/lapwing/internal/checks"
)

// checkListRows is how many checks a page of the list has.
const checkListRows = 200

type checkListPage struct {
	Filter  filter
	Filters []stateFilter
	APIs    []string
	Sorts   []sortChoice
	Rows    []row
	Total   int // all checks
	Found   int // that the filter leaves
	Page    int
	Pages   int
	Prev    string
	Next    string
	Now     moment
	Beats   *heartbeatsCard // nil: there are none
}

type sortChoice struct{ Key, Name string }

var sortChoices = []sortChoice{
	{"", "Order of the file"},
	{"state", "State, worst first"},
	{"name", "Name"},
	{"uptime", "Uptime, lowest first"},
	{"latency", "Latency, slowest first"},
	{"run", "Last run"},
}

func (u *UI) checkList(w http.ResponseWriter, r *http.Request) error {
	now := u.now()
	views := u.Checks.List()
	f := parseFilter(r.URL.Query())
	all := ids(views)
	days, err := u.history.daily(r.Context(), all, now)
	if err != nil {
		return err
	}
	uptime, err := u.history.uptime(r.Context(), all, now)
	if err != nil {
		return err
	}
	// The counts on the state buttons are of what the rest of the filter leaves.
	rest := f
	rest.State = ""
	counts := countStates(rest.choose(views))
	total := 0
	for _, n := range counts {
		total += n
	}
	chosen := f.choose(views)
	f.order(chosen, uptime)
	page := &checkListPage{
		Filter: f, Filters: stateFilters(counts, total, f), APIs: apiNames(views), Sorts: sortChoices,
		Total: len(views), Found: len(chosen), Now: moment{now}, Beats: u.heartbeatsCard(now),
	}
	page.Pages = max((len(chosen)+checkListRows-1)/checkListRows, 1)
	page.Page, _ = strconv.Atoi(r.URL.Query().Get("page"))
	page.Page = min(max(page.Page, 1), page.Pages)
	if page.Page > 1 {
		page.Prev = pageLink(f, page.Page-1)
	}
	if page.Page < page.Pages {
		page.Next = pageLink(f, page.Page+1)
	}
	first := (page.Page - 1) * checkListRows
	rows := newRowMaker(views, days, uptime, now)
	for i := range chosen[first:min(first+checkListRows, len(chosen))] {
		v := &chosen[first+i]
		r := rows.row(v)
		r.API = v.API
		page.Rows = append(page.Rows, r)
	}
	return u.show(w, r, "checks", shell{Title: "Checks", Nav: "checks", Page: page})
}

func pageLink(f filter, page int) string {
	link := f.with("", "")
	if link != "?" {
		link += "&"
	}
	return link + "page=" + strconv.Itoa(page)
}

func apiNames(views []checks.View) []string {
	var names []string
	seen := map[string]bool{"": true}
	for i := range views {
		if name := views[i].API; !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

func checkPath(id string) string { return "/checks/" + url.PathEscape(id) }

func runPath(id string, run checks.RunID) string { return checkPath(id) + "/runs/" + run.String() }
