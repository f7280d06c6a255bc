package ui

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// pages are the parsed templates by name of the page. The shared ones (layout,
// parts, row, chart) are part of each.
type pages struct {
	dev    string
	byName map[string]*template.Template
	buffer sync.Pool // *bytes.Buffer
}

// sharedTemplates are parsed into every page.
var sharedTemplates = []string{"templates/layout.html", "templates/parts.html", "templates/row.html", "templates/chart.html", "templates/requests.html", "templates/alerting.html"}

func openPages(dev string) (*pages, error) {
	source, err := sources(dev)
	if err != nil {
		return nil, err
	}
	shared, err := template.New("").Option("missingkey=error").ParseFS(source, sharedTemplates...)
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	p := &pages{dev: dev, byName: map[string]*template.Template{}}
	p.buffer.New = func() any { return new(bytes.Buffer) }
	names, err := fs.Glob(source, "templates/*.html")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if slices.Contains(sharedTemplates, name) {
			continue
		}
		page, err := shared.Clone()
		if err == nil {
			page, err = page.ParseFS(source, name)
		}
		if err != nil {
			return nil, fmt.Errorf("parse templates: %w", err)
		}
		p.byName[strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")] = page
	}
	return p, nil
}

// shell is what surrounds each page.
type shell struct {
	Title     string
	Nav       string // the entry of the navigation that is current
	Static    string // URL of the static files
	Query     string // in the search box
	Viewer    Viewer
	Demo      bool
	Public    bool   // no navigation: the page is for people outside the team
	Login     bool   // there is a way to log in
	Traffic   bool   // there are traffic pages
	Endpoints bool   // there are pages of operations
	Alerts    bool   // there are pages of alerts
	Firing    int    // alerts that wait for somebody
	FiringAs  string // class of their number
	Warnings  int    // about Lapwing itself
	Page      any
}

// partHeader asks for the parts of a page that change by themselves, without
// what surrounds them; its value is "live".
const partHeader = "Lapwing-Part"

// show renders the page called name with status 200.
func (u *UI) show(w http.ResponseWriter, r *http.Request, name string, s shell) error {
	return u.showStatus(w, r, http.StatusOK, name, s)
}

func (u *UI) showStatus(w http.ResponseWriter, r *http.Request, status int, name string, s shell) error {
	all := u.pages
	if all.dev != "" {
		var err error
		if all, err = openPages(all.dev); err != nil {
			return err
		}
	}
	page := all.byName[name]
	if page == nil {
		return fmt.Errorf("there is no template %q", name)
	}
	s.Title = oneWay(s.Title)
	s.Static, s.Viewer, s.Demo, s.Login, s.Traffic = u.files.base(), u.viewer(r), u.Demo, u.Session != nil, u.Traffic != nil
	if u.Health != nil && s.Viewer.CanRead {
		s.Warnings = len(u.Health.List())
	}
	s.Endpoints, s.Alerts = u.Endpoints != nil, u.Alerts != nil
	if s.Alerts && s.Viewer.CanRead {
		s.Firing, s.FiringAs = u.firing(r)
	}
	entries := []string{"layout"}
	if r.Header.Get(partHeader) == "live" && page.Lookup("live") != nil {
		entries = []string{"live", "firing"}
	}
	// Into a buffer first: a failing template must not leave half a page.
	buf := u.pages.buffer.Get().(*bytes.Buffer)
	defer u.pages.buffer.Put(buf)
	buf.Reset()
	for _, entry := range entries {
		if err := page.ExecuteTemplate(buf, entry, &s); err != nil {
			return fmt.Errorf("render page %q: %w", name, err)
		}
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "private, no-cache")
	}
	header.Add("Vary", partHeader)
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // an error means that the reader has gone
	return nil
}

// oneWay drops the controls of the writing direction from a title, where no
// element can keep them from turning the rest of it around.
func oneWay(title string) string {
	return strings.Map(func(r rune) rune {
		if r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x200E || r == 0x200F {
			return -1
		}
		return r
	}, title)
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
