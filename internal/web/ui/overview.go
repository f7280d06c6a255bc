package ui

import (
	"net/http"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// Bounds of the overview: what is beyond is one click away.
const (
	attentionShown = 6
	overviewRows   = 600 // beyond it groups are cut to their first rows
	groupRows      = 25
	certSoon       = 14 * 24 * time.Hour
)

type overviewPage struct {
	Verdict   verdict
	Tiles     []tile
	Attention []attention
	More      int // needing attention, not shown
	Chart     *chart
	Filters   []stateFilter
	Groups    []group
	Total     int
	Signals   bool   // there is anything to tell of
	AllLink   string // to everything that needs attention
	Shown     int
	Now       moment
	Failed    string // what of the history could not be read
}

// stateFilter is one button above the list.
type stateFilter struct {
	Name, Link string
	Count      int
	Current    bool
}

// group is the checks of one API.
type group struct {
	Name    string
	Rows    []row
	Total   int
	Down    int
	Degrade int
	More    string // link to the rest; "" when all are shown
}

func (u *UI) overview(w http.ResponseWriter, r *http.Request) error {
	now := u.now()
	views := u.Checks.List()
	f := filter{State: parseFilter(r.URL.Query()).State}
	page := &overviewPage{Total: len(views), Now: moment{now}}
	counts := countStates(views)
	all := ids(views)
	// History that cannot be read costs its numbers, not the page: what is wrong
	// now is known without it.
	days, err := u.history.daily(r.Context(), all, now)
	u.note(r, page, err)
	uptime, err := u.history.uptime(r.Context(), all, now)
	u.note(r, page, err)
	last24, err := u.history.last24h(r.Context(), all, now)
	u.note(r, page, err)
	changes, err := u.Checks.Transitions(r.Context(), "", recentChanges)
	u.note(r, page, err)

	s := u.signals(r, now)
	page.Verdict = makeVerdict(views, counts)
	page.Verdict.join(s, len(views))
	page.Signals = len(views) > 0 || s.judged() || len(s.alerts) > 0 || len(s.beats) > 0
	page.Verdict.Change = newestChange(changes, views, now)
	page.Tiles = u.tiles(views, counts, uptime, last24, page.Failed != "", s, now)
	page.Attention, page.More = needsAttention(views, s, now)
	page.AllLink = "/checks?sort=state"
	if u.Alerts != nil {
		page.AllLink = "/alerts"
	}
	if u.Latency != nil {
		page.Chart = latencyChart(u.Latency.Points(now), now)
	}
	page.Filters = stateFilters(counts, len(views), f)
	chosen := f.choose(views)
	page.Shown = len(chosen)
	rows := newRowMaker(views, days, uptime, now)
	rows.unread = page.Failed != ""
	page.Groups = groupRowsByAPI(chosen, rows)
	return u.show(w, r, "overview", shell{Title: page.Verdict.Text, Nav: "overview", Page: page})
}

// note keeps the first failure for the page and logs it.
func (u *UI) note(r *http.Request, page *overviewPage, err error) {
	if err == nil || r.Context().Err() != nil {
		return
	}
	page.Failed = "The history could not be read, so some numbers are missing. What is shown as the present state is right."
	u.log.ErrorContext(r.Context(), "history not readable", "page", "overview", "error", err)
}

func stateFilters(counts map[checks.Status]int, total int, f filter) []stateFilter {
	list := []stateFilter{{Name: "All", Link: f.with("state", ""), Count: total, Current: f.State == ""}}
	for _, s := range []checks.Status{checks.Down, checks.Degraded, checks.Paused} {
		name := s.String()
		list = append(list, stateFilter{Name: strings.ToUpper(name[:1]) + name[1:], Link: f.with("state", name), Count: counts[s], Current: f.State == name})
	}
	return list
}

// groupRowsByAPI keeps the order of the configuration. When there are very many
// checks, each group shows those in trouble and its first ones.
func groupRowsByAPI(views []checks.View, rows *rowMaker) []group {
	var groups []group
	at := map[string]int{}
	for i := range views {
		v := &views[i]
		g, known := at[v.API]
		if !known {
			g = len(groups)
			at[v.API] = g
			groups = append(groups, group{Name: v.API})
		}
		target := &groups[g]
		target.Total++
		failing := false
		switch v.State {
		case checks.Down:
			target.Down++
			failing = true
		case checks.Degraded:
			target.Degrade++
			failing = true
		}
		if len(views) > overviewRows && len(target.Rows) >= groupRows && (!failing || len(target.Rows) >= 2*groupRows) {
			target.More = "/checks" + filter{API: v.API}.with("", "")
			continue
		}
		target.Rows = append(target.Rows, rows.row(v))
	}
	return groups
}
