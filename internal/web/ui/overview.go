package ui

import (
	"fmt"
	"net/http"
	"slices"
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
	Shown     int
	Now       moment
	Failed    string // what of the history could not be read
}

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

// tile is one figure.
type tile struct {
	Name, Value, Of, Text string
	Tone                  string // is-down, is-degraded or ""
	Link                  string // where the figure is explained
	Meter                 string // "0.9987" draws a line of that length; "" none
}

// attention is one thing that somebody should look at.
type attention struct {
	ID, Name, API string
	Status        string
	Why           string
	Since         moment
	Age           string
	Run           checks.RunID
	Also          int // checks that are down because of this one
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
	changes, err := u.Checks.Transitions(r.Context(), "", 1)
	u.note(r, page, err)

	page.Verdict = makeVerdict(views, counts)
	page.Verdict.Change = newestChange(changes, views, now)
	page.Tiles = u.tiles(views, counts, uptime, last24, now)
	page.Attention, page.More = needsAttention(views, now)
	if u.Latency != nil {
		page.Chart = latencyChart(u.Latency.Points(now), now)
	}
	page.Filters = stateFilters(counts, len(views), f)
	chosen := f.choose(views)
	page.Shown = len(chosen)
	page.Groups = groupRowsByAPI(chosen, days, uptime, now)
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

func consequences(views []checks.View) int {
	n := 0
	for i := range views {
		if views[i].State == checks.Down && views[i].BecauseOf != "" {
			n++
		}
	}
	return n
}

func newestChange(changes []checks.Transition, views []checks.View, now time.Time) *lastChange {
	if len(changes) == 0 {
		return nil
	}
	t := changes[0]
	at := slices.IndexFunc(views, func(v checks.View) bool { return v.ID == t.Check })
	if at < 0 {
		return nil
	}
	to := map[checks.Status]string{
		checks.Up: "came up", checks.Down: "went down", checks.Degraded: "became degraded",
		checks.Paused: "was paused", checks.Unknown: "was resumed",
	}[t.To]
	return &lastChange{ID: t.Check, Name: views[at].Name, To: to, At: moment{t.At}, Age: ago(now, t.At)}
}

func (u *UI) tiles(views []checks.View, counts map[checks.Status]int, uptime map[string]checks.Uptime, last24 dayCount, now time.Time) []tile {
	up := tile{Name: "Checks up", Value: count(counts[checks.Up]), Of: count(len(views)), Link: "/checks"}
	switch {
	case counts[checks.Down] > 0:
		up.Tone, up.Link = "is-down", "/checks?state=down"
		up.Text = count(counts[checks.Down]) + " down"
		if counts[checks.Degraded] > 0 {
			up.Text += " · " + count(counts[checks.Degraded]) + " degraded"
		}
	case counts[checks.Degraded] > 0:
		up.Tone, up.Link = "is-degraded", "/checks?state=degraded"
		up.Text = count(counts[checks.Degraded]) + " degraded"
	default:
		up.Text = "none down"
	}
	return []tile{up, uptimeTile(uptime, last24), u.latencyTile(now), flakyTile(last24), certTile(views, now)}
}

func uptimeTile(uptime map[string]checks.Uptime, last24 dayCount) tile {
	var sum checks.Share
	for _, w := range uptime {
		sum.Good += w.Day.Good
		sum.Total += w.Day.Total
	}
	t := tile{Name: "Uptime, 24 h", Value: share(sum), Link: "/checks?sort=uptime", Text: "no runs yet"}
	if ratio, ok := sum.Ratio(); ok {
		t.Meter = fmt.Sprintf("%.4f", ratio)
		t.Text = fmt.Sprintf("%s of %s runs failed", count(sum.Total-sum.Good), count(sum.Total))
	}
	return t
}

func (u *UI) latencyTile(now time.Time) tile {
	t := tile{Name: "Latency p95, 5 min", Value: "–", Text: "no runs in the last 5 min", Link: "/checks?sort=latency"}
	if u.Latency == nil {
		return t
	}
	if p50, p95 := u.Latency.Last(now, 5); p95 > 0 {
		t.Value, t.Text = latency(p95), "p50 "+latency(p50)
	}
	return t
}

func flakyTile(last24 dayCount) tile {
	t := tile{Name: "Flaky runs, 24 h", Value: count(last24.Flaky), Text: "passed after a retry", Link: "/checks"}
	if last24.Flaky == 0 {
		t.Text = "none needed a retry"
	}
	if last24.Missed > 0 {
		t.Text = count(last24.Missed) + " runs missed"
		t.Tone = "is-degraded"
	}
	return t
}

func certTile(views []checks.View, now time.Time) tile {
	t := tile{Name: "Next certificate", Value: "–", Text: "no TLS seen yet"}
	var next *checks.View
	for i := range views {
		v := &views[i]
		if !v.CertExpires.IsZero() && (next == nil || v.CertExpires.Before(next.CertExpires)) {
			next = v
		}
	}
	if next == nil {
		return t
	}
	left := next.CertExpires.Sub(now)
	t.Link, t.Text = checkPath(next.ID), next.Name
	switch {
	case left <= 0:
		t.Value, t.Tone = "expired", "is-down"
	case left < certSoon:
		t.Value, t.Tone = span(left), "is-degraded"
	default:
		t.Value = span(left)
	}
	return t
}

// needsAttention lists what is not as it should be, the worst first, at most
// attentionShown, and how many more there are. A check that is down because of
// another is counted with that one.
func needsAttention(views []checks.View, now time.Time) (list []attention, more int) {
	down := map[string]int{} // ID → index in list
	add := func(v *checks.View, status, why string, since time.Time) {
		a := attention{ID: v.ID, Name: v.Name, API: v.API, Status: status, Why: why, Since: moment{since}, Age: ago(now, since)}
		if v.Last != nil {
			a.Run = v.Last.Run
		}
		list = append(list, a)
	}
	for i := range views {
		if v := &views[i]; v.State == checks.Down && v.BecauseOf == "" {
			down[v.ID] = len(list)
			add(v, "down", v.Reason, v.Since)
		}
	}
	for i := range views {
		v := &views[i]
		if v.State != checks.Down || v.BecauseOf == "" {
			continue
		}
		if at, ok := down[v.BecauseOf]; ok {
			list[at].Also++
			continue
		}
		add(v, "down", "because "+v.BecauseOf+" is down", v.Since)
	}
	for i := range views {
		if v := &views[i]; v.State == checks.Degraded {
			add(v, "degraded", v.Reason, v.Since)
		}
	}
	for i := range views {
		v := &views[i]
		switch left := v.CertExpires.Sub(now); {
		case v.State == checks.Up && v.Failures > 0:
			add(v, "degraded", plural(v.Failures, "failed run")+" in a row, not yet counted as down: "+v.Reason, lastAt(v))
		case v.State == checks.Up && !v.CertExpires.IsZero() && left < certSoon:
			add(v, "degraded", "the certificate expires in "+span(left), time.Time{})
		}
	}
	if len(list) > attentionShown {
		more = len(list) - attentionShown
		list = list[:attentionShown]
	}
	return list, more
}

func lastAt(v *checks.View) time.Time {
	if v.Last == nil {
		return time.Time{}
	}
	return v.Last.At()
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
func groupRowsByAPI(views []checks.View, days map[string][]checks.Rollup, uptime map[string]checks.Uptime, now time.Time) []group {
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
		target.Rows = append(target.Rows, makeRow(v, days[v.ID], uptime[v.ID], now))
	}
	return groups
}
