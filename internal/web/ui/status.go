package ui

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/statuspage"
)

// statusTransitions is how many changes of state, over all checks, incidents are made of.
const statusTransitions = 1000

type statusView struct {
	*statuspage.Page
	State  string
	Groups []statusGroup
	Past   []incidentRow
	Now    moment
	From   string // first day of the bars
	Base   string // for badges
}

type statusGroup struct {
	Name  string
	Items []statusItem
}

type statusItem struct {
	statuspage.Component
	State  string
	Bars   bars
	Uptime string
	Since  moment
}

type incidentRow struct {
	statuspage.Incident
	State   string
	Began   moment
	Ended   moment
	SameDay bool // it ended on the day (UTC) on which it began
	Lasted  string
}

// statusPage builds the public picture.
func (u *UI) statusPage(r *http.Request) (*statuspage.Page, error) {
	now := u.now()
	views := u.Checks.List()
	all := ids(views)
	days, err := u.history.daily(r.Context(), all, now)
	if err != nil {
		return nil, err
	}
	uptime, err := u.history.uptime(r.Context(), all, now)
	if err != nil {
		return nil, err
	}
	changes, err := u.Checks.Transitions(r.Context(), "", statusTransitions)
	if err != nil {
		return nil, fmt.Errorf("read state changes: %w", err)
	}
	return statuspage.Build(&statuspage.Input{
		Config: u.statusConfig(), Checks: views, Daily: days, Uptime: uptime, Transitions: changes, Now: now,
	}), nil
}

func (u *UI) statusConfig() statuspage.Config {
	if u.Status == nil {
		return statuspage.Config{}
	}
	return u.Deps.Status()
}

func (u *UI) status(w http.ResponseWriter, r *http.Request) error {
	now := u.now()
	page, err := u.statusPage(r)
	if err != nil {
		return err
	}
	view := &statusView{
		Page: page, State: page.Status.String(), Now: moment{now},
		From: checks.Daily.Start(now).AddDate(0, 0, 1-statuspage.Days).Format("2 Jan 2006"),
	}
	for _, g := range page.Groups {
		group := statusGroup{Name: g.Name}
		for _, c := range g.Components {
			item := statusItem{Component: c, State: c.Status.String(), Bars: publicBars(c.Days), Uptime: "no runs yet", Since: moment{c.Since}}
			if c.Uptime != nil {
				item.Uptime = percent(*c.Uptime) + " uptime"
			}
			group.Items = append(group.Items, item)
		}
		view.Groups = append(view.Groups, group)
	}
	for _, i := range page.Incidents {
		row := incidentRow{Incident: i, State: i.Worst.String(), Began: moment{i.Start}, Ended: moment{i.End}}
		if i.Open() {
			row.Lasted = span(now.Sub(i.Start))
		} else {
			row.Lasted = span(i.End.Sub(i.Start))
			row.SameDay = checks.Daily.Start(i.Start).Equal(checks.Daily.Start(i.End))
		}
		view.Past = append(view.Past, row)
	}
	return u.show(w, r, "status", shell{Title: page.Title, Nav: "status", Public: !u.viewer(r).CanRead, Page: view})
}

func (u *UI) statusJSON(w http.ResponseWriter, r *http.Request) error {
	page, err := u.statusPage(r)
	if err != nil {
		return err
	}
	text, err := json.Marshal(page)
	if err != nil {
		return fmt.Errorf("encode status page: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(append(text, '\n'))
	return nil
}

// badgeCheck finds a check that the public may know of.
func (u *UI) badgeCheck(id string) (checks.View, error) {
	view, err := u.Checks.View(id)
	config := u.statusConfig()
	if err != nil || !config.Shows(view.Name) {
		return view, fault.NotFound("there is no badge for %q", cut(id, 100))
	}
	return view, nil
}

func (u *UI) stateBadge(w http.ResponseWriter, r *http.Request) error {
	id, ok := strings.CutSuffix(r.PathValue("file"), ".svg")
	if !ok {
		return u.notFound(w, r)
	}
	view, err := u.badgeCheck(id)
	if err != nil {
		badgeError(w, err)
		return nil
	}
	writeBadge(w, r, statuspage.StateBadge(view.Name, view.State))
	return nil
}

func (u *UI) uptimeBadge(w http.ResponseWriter, r *http.Request) error {
	if r.PathValue("file") != "uptime.svg" {
		return u.notFound(w, r)
	}
	view, err := u.badgeCheck(r.PathValue("id"))
	if err != nil {
		badgeError(w, err)
		return nil
	}
	uptime, err := u.history.uptime(r.Context(), ids(u.Checks.List()), u.now())
	if err != nil {
		u.log.ErrorContext(r.Context(), "badge failed", "path", r.URL.Path, "error", err)
		badgeError(w, err)
		return nil
	}
	w30 := uptime[view.ID]
	windows := map[string]checks.Share{"24h": w30.Day, "7d": w30.Week, "30d": w30.Month, "90d": w30.Quarter, "365d": w30.Year}
	window := r.URL.Query().Get("window")
	if window == "" {
		window = "30d"
	}
	part, ok := windows[window]
	if !ok {
		badgeError(w, fault.Invalid("window %q is not known; use 24h, 7d, 30d, 90d or 365d", cut(window, 20)))
		return nil
	}
	writeBadge(w, r, statuspage.UptimeBadge(view.Name, window, part))
	return nil
}

// badgeError answers with a picture that says what is wrong: an error page in
// the place of a picture is a broken picture.
func badgeError(w http.ResponseWriter, err error) {
	status, text := http.StatusInternalServerError, "not readable"
	switch fault.KindOf(err) {
	case fault.KindNotFound:
		status, text = http.StatusNotFound, "not found"
	case fault.KindInvalid:
		status, text = http.StatusBadRequest, "bad window"
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(statuspage.ErrorBadge(text).SVG())
}

// writeBadge lets caches (GitHub's image proxy is one) ask again each minute.
func writeBadge(w http.ResponseWriter, r *http.Request, b statuspage.Badge) {
	picture := b.SVG()
	sum := sha256.Sum256(picture)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	header := w.Header()
	header.Set("Content-Type", "image/svg+xml")
	header.Set("Cache-Control", "no-cache, max-age=60")
	header.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(picture) // #nosec G705 -- SVG escapes its texts; the policy of package web allows no script anyway
}
