package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

// Bounds of the list of operations: what is beyond is on the next page.
const (
	endpointRows    = 500
	endpointAPIRows = 30
)

type endpointsPage struct {
	Empty   bool // nothing was ever seen, and no document promises anything
	Verdict verdict
	Whole   []endpointRow // APIs as a whole
	MoreAPI int
	Filter  endpointFilter
	States  []stateFilter
	APIs    []string
	Columns []listHead
	Sorts   []sortChoice
	Rows    []endpointRow
	Over    string // what the figures are of: "over the last 5 min"
	Total   int
	Found   int
	Page    int
	Pages   int
	Prev    string
	Next    string
	Several bool // APIs: rows say which
}

// hasEndpoints refuses pages that there are only where operations are judged.
func (u *UI) hasEndpoints(r *http.Request) error {
	if u.Endpoints == nil {
		return fault.NotFound("there is no page %s", r.URL.Path)
	}
	return nil
}

func (u *UI) endpoints(w http.ResponseWriter, r *http.Request) error {
	if err := u.hasEndpoints(r); err != nil {
		return err
	}
	now := u.now()
	f := parseEndpointFilter(r.URL.Query())
	all := u.knownEndpoints()
	page := &endpointsPage{Filter: f, Total: len(all), Empty: len(all) == 0}
	if page.Empty {
		page.Verdict = verdict{Status: "unknown", Text: "No operations yet"}
		return u.show(w, r, "endpoints", shell{Title: "Endpoints", Nav: "endpoints", Page: page})
	}
	page.Verdict, page.Over = endpointsVerdict(all), countedOver(all)
	page.APIs = endpointAPIs(all)
	page.Several = len(page.APIs) > 1 && f.API == ""
	for _, whole := range u.wholeAPIs(f.API) {
		if len(page.Whole) == endpointAPIRows {
			page.MoreAPI++
			continue
		}
		page.Whole = append(page.Whole, endpointRowOf(&whole, now))
	}
	// The counts on the buttons are of what the rest of the filter leaves.
	rest := f
	rest.State = ""
	left := rest.choose(all)
	page.States = f.states(left)
	chosen := f.choose(left)
	f.order(chosen)
	page.Columns, page.Sorts = f.columns(), endpointSorts()
	page.Found = len(chosen)
	page.Pages = max((len(chosen)+endpointRows-1)/endpointRows, 1)
	page.Page, _ = strconv.Atoi(r.URL.Query().Get("page"))
	page.Page = min(max(page.Page, 1), page.Pages)
	if page.Page > 1 {
		page.Prev = f.with("page", strconv.Itoa(page.Page-1))
	}
	if page.Page < page.Pages {
		page.Next = f.with("page", strconv.Itoa(page.Page+1))
	}
	first := (page.Page - 1) * endpointRows
	for i := range chosen[first:min(first+endpointRows, len(chosen))] {
		page.Rows = append(page.Rows, endpointRowOf(&chosen[first+i], now))
	}
	return u.show(w, r, "endpoints", shell{Title: "Endpoints", Nav: "endpoints", Page: page})
}

// endpointsVerdict says how many operations fail too often.
func endpointsVerdict(all []endpoint) verdict {
	counts := map[string]int{}
	flags := map[string]int{}
	for i := range all {
		counts[all[i].state()]++
		if all[i].Undocumented {
			flags["undocumented"]++
		}
	}
	seen := len(all) - counts["unused"]
	v := verdict{Status: "up"}
	switch bad := counts["critical"] + counts["warning"]; {
	case bad > 0:
		v.Status = "degraded"
		if counts["critical"] > 0 {
			v.Status = "down"
		}
		v.Text = plural(bad, "operation") + " of " + count(len(all)) + " fail too often"
		if bad == 1 {
			v.Text = "1 operation of " + count(len(all)) + " fails too often"
		}
	case seen == 0:
		v.Status, v.Text = "unknown", "No requests to "+plural(len(all), "operation")+" yet"
	case counts["ok"] == 0 && counts["unjudged"] > 0:
		v.Status, v.Text = "unknown", "Too few requests to judge"
	case counts["ok"] == 0:
		v.Status, v.Text = "unknown", "No requests now"
	case len(all) == 1:
		v.Text = "The operation answers as it should"
	default:
		v.Text = "No operation fails too often"
	}
	parts := []string{plural(seen, "operation") + " with requests"}
	for _, p := range []struct {
		n    int
		name string
	}{{counts["unjudged"], " with failures, but too few to judge"}, {counts["no_data"], " quiet now"}, {flags["undocumented"], " undocumented"}, {counts["unused"], " documented, but never used"}} {
		if p.n > 0 {
			parts = append(parts, count(p.n)+p.name)
		}
	}
	v.Sub = strings.Join(parts, " · ")
	return v
}

// countedOver says over which time the figures are, when it is the same for all.
func countedOver(all []endpoint) string {
	text := ""
	for i := range all {
		over := all[i].Over
		switch {
		case over <= 0:
		case text == "":
			text = span(over)
		case text != span(over):
			return "over the time that each API's error_rate says"
		}
	}
	if text == "" {
		return ""
	}
	return "over the last " + text
}

func endpointAPIs(all []endpoint) []string {
	var names []string
	for i := range all {
		if all[i].API != "" && !slices.Contains(names, all[i].API) {
			names = append(names, all[i].API)
		}
	}
	slices.Sort(names)
	return names
}

// endpointPath is the page of an operation. A route that a browser or a proxy would
// tidy up goes into the query, where nobody does.
func endpointPath(api, method, route string) string {
	q := url.Values{}
	if api != "" {
		q.Set("api", api)
	}
	path := "/endpoints/" + url.PathEscape(method)
	segments := strings.Split(strings.TrimPrefix(route, "/"), "/")
	odd := route != "" && !strings.HasPrefix(route, "/")
	for i, s := range segments {
		odd = odd || s == "." || s == ".." || s == "" && i < len(segments)-1
		segments[i] = url.PathEscape(s)
	}
	switch {
	case odd:
		q.Set("route", route)
	case route != "":
		path += "/" + strings.Join(segments, "/")
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// splitOperation parts "GET /orders/{id}" into method and route.
func splitOperation(name string) (method, route string) {
	method, route, _ = strings.Cut(name, " ")
	return method, route
}

// operationPath is endpointPath for an operation by its name.
func operationPath(api, name string) string {
	method, route := splitOperation(name)
	return endpointPath(api, method, route)
}

// shareText writes a share between 0 and 1 as portion does: only none reads 0 %.
func shareText(share float64) string {
	switch {
	case share <= 0:
		return "0" + nbsp + "%"
	case share >= 1:
		return "100" + nbsp + "%"
	case share >= .0995:
		return fmt.Sprintf("%.1f"+nbsp+"%%", min(share*100, 99.9))
	case share < .0001:
		return "<" + nbsp + "0.01" + nbsp + "%"
	}
	return fmt.Sprintf("%.2f"+nbsp+"%%", share*100)
}
