package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/traffic"
)

// searchHits is how many suggestions the search box shows.
const searchHits = 8

// hit is one suggestion.
type hit struct {
	Name  string `json:"name"`
	API   string `json:"api"`
	State string `json:"state"`
	URL   string `json:"url"`
}

// search jumps to the check, the operation or the client that is meant, or to the list of checks
// that may be.
func (u *UI) search(w http.ResponseWriter, r *http.Request) error {
	query := strings.TrimSpace(cut(r.URL.Query().Get("q"), 200))
	views := u.Checks.List()
	for i := range views {
		if v := &views[i]; query != "" && (v.ID == query || strings.EqualFold(v.Name, query)) {
			http.Redirect(w, r, checkPath(v.ID), http.StatusSeeOther)
			return nil
		}
	}
	found, operations, clients := (filter{Query: query}).choose(views), u.endpointHits(query, 2), u.clientHits(query, 2)
	switch {
	case query == "":
	case len(found) == 1 && len(clients) == 0:
		http.Redirect(w, r, checkPath(found[0].ID), http.StatusSeeOther)
		return nil
	case len(found) == 0 && len(operations)+len(clients) == 1:
		only := append(operations, clients...)[0]
		http.Redirect(w, r, only.URL, http.StatusSeeOther) // #nosec G710 -- a path of ours, escaped
		return nil
	case len(found) == 0 && len(operations) > 0:
		http.Redirect(w, r, "/endpoints?"+url1("q", query), http.StatusSeeOther)
		return nil
	}
	http.Redirect(w, r, "/checks?q="+url.QueryEscape(query), http.StatusSeeOther)
	return nil
}

func (u *UI) searchJSON(w http.ResponseWriter, r *http.Request) error {
	query := strings.TrimSpace(cut(r.URL.Query().Get("q"), 200))
	hits := []hit{}
	if query != "" {
		found := filter{Query: query}.choose(u.Checks.List())
		filter{Sort: "state"}.order(found, map[string]checks.Uptime{})
		for i := range found[:min(len(found), searchHits)] {
			v := &found[i]
			hits = append(hits, hit{Name: v.Name, API: v.API, State: v.State.String(), URL: checkPath(v.ID)})
		}
	}
	hits = append(hits, u.endpointHits(query, (searchHits-len(hits)+1)/2)...)
	hits = append(hits, u.clientHits(query, searchHits-len(hits))...)
	text, err := json.Marshal(hits)
	if err != nil {
		return fmt.Errorf("encode suggestions: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "private, no-cache")
	_, _ = w.Write(text)
	return nil
}

// endpointHits are operations whose name holds every word of the query.
func (u *UI) endpointHits(query string, most int) []hit {
	var hits []hit
	if u.Endpoints == nil || query == "" {
		return nil
	}
	words := strings.Fields(strings.ToLower(query))
	all := u.knownEndpoints()
	for i := range all {
		if e := &all[i]; len(hits) < most && e.Route != "" && e.holds(words) {
			hits = append(hits, hit{Name: e.Operation, API: e.API, State: endpointStates[e.state()][0], URL: endpointPath(e.API, e.Method, e.Route)})
		}
	}
	return hits
}

// clientHits are busy clients whose key or user holds the query.
func (u *UI) clientHits(query string, most int) []hit {
	var hits []hit
	if u.Traffic == nil || query == "" {
		return nil
	}
	lower := strings.ToLower(query)
	client := func(key string) hit { return hit{Name: key, API: "client", State: "none", URL: clientPath(key)} }
	if _, known := u.Traffic.Requests.ClientByKey(query, traffic.ClientWindow); known {
		return []hit{client(query)}
	}
	for _, c := range u.Traffic.Requests.Clients(traffic.ClientWindow, 1000) {
		if len(hits) < most && (strings.Contains(strings.ToLower(c.Key), lower) || strings.Contains(strings.ToLower(c.User), lower)) {
			hits = append(hits, client(c.Key))
		}
	}
	return hits
}
