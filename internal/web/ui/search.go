package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"lapwing.dev/lapwing/internal/checks"
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

// search jumps to the check that is meant, or to the list of those that may be.
func (u *UI) search(w http.ResponseWriter, r *http.Request) error {
	query := strings.TrimSpace(cut(r.URL.Query().Get("q"), 200))
	views := u.Checks.List()
	for i := range views {
		if v := &views[i]; query != "" && (v.ID == query || strings.EqualFold(v.Name, query)) {
			http.Redirect(w, r, checkPath(v.ID), http.StatusSeeOther)
			return nil
		}
	}
	if found := (filter{Query: query}).choose(views); query != "" && len(found) == 1 {
		http.Redirect(w, r, checkPath(found[0].ID), http.StatusSeeOther)
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
	text, err := json.Marshal(hits)
	if err != nil {
		return fmt.Errorf("encode suggestions: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "private, no-cache")
	_, _ = w.Write(text)
	return nil
}
