package ui

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/units"
)

type settingsPage struct {
	Sections  []*settingSection
	Settings  int
	Defaults  int
	HasConfig bool
	Reload    Reload
	ReloadAt  moment
	Health    []health.Notice
	About     []field
	HasTokens bool
	Tokens    []tokenRow
	NewToken  string // shown once, right after it was made
	NewName   string
	Now       moment
}

// settingSection is one section of the file.
type settingSection struct {
	Name     string
	Count    int // of settings
	Settings []settingRow
	Checks   []checkSettings // in the section of the checks
}

type settingRow struct {
	Setting
	Place string // "lapwing.yaml:14"
}

type tokenRow struct {
	Token
	Scope    string
	Made     moment
	Ends     moment
	Used     moment
	UsedAgo  string
	Outdated bool
}

func (u *UI) settings(w http.ResponseWriter, r *http.Request) error {
	return u.showSettings(w, r, "", "")
}

func (u *UI) showSettings(w http.ResponseWriter, r *http.Request, newToken, newName string) error {
	now := u.now()
	page := &settingsPage{NewToken: newToken, NewName: newName, Now: moment{now}}
	if u.Config != nil {
		page.HasConfig = true
		page.fillConfig(u.Config)
	}
	if u.Health != nil {
		page.Health = u.Health.List()
	}
	if u.About != nil {
		page.About = aboutFields(u.Deps.About(), len(u.Checks.List()), now)
	}
	if u.Tokens != nil && u.viewer(r).CanAdmin {
		page.HasTokens = true
		tokens, err := u.Tokens.List(r.Context())
		if err != nil {
			return fmt.Errorf("read tokens: %w", err)
		}
		for _, t := range tokens {
			row := tokenRow{Token: t, Scope: strings.Join(t.Scopes, ", "), Made: moment{t.Created}, Ends: moment{t.Expires}, Used: moment{t.LastUsed}, UsedAgo: ago(now, t.LastUsed)}
			row.Outdated = !t.Expires.IsZero() && !now.Before(t.Expires)
			page.Tokens = append(page.Tokens, row)
		}
	}
	if newToken != "" {
		w.Header().Set("Cache-Control", "no-store")
	}
	return u.show(w, r, "settings", shell{Title: "Settings", Nav: "settings", Page: page})
}

func (p *settingsPage) fillConfig(c Config) {
	p.Reload = c.ReloadStatus()
	p.ReloadAt = moment{p.Reload.At}
	for _, s := range c.Effective() {
		name := "general" // the settings that are in no section
		if end := strings.IndexAny(s.Path, ".["); end > 0 {
			name = s.Path[:end]
		}
		at := slices.IndexFunc(p.Sections, func(section *settingSection) bool { return section.Name == name })
		if at < 0 {
			at = len(p.Sections)
			p.Sections = append(p.Sections, &settingSection{Name: name})
		}
		row := settingRow{Setting: s, Place: "default"}
		if !s.Default {
			row.Place = filepath.Base(s.File)
			if s.Line > 0 { // a flag has no lines
				row.Place += ":" + strconv.Itoa(s.Line)
			}
		} else {
			p.Defaults++
		}
		p.Settings++
		p.Sections[at].Count++
		p.Sections[at].Settings = append(p.Sections[at].Settings, row)
	}
	for i := range p.Sections {
		if p.Sections[i].Name == "checks" {
			compactChecks(p.Sections[i])
		}
	}
}

// Counted is how many settings the section has, in words.
func (s *settingSection) Counted() string { return plural(s.Count, "setting") }

func aboutFields(a About, watched int, now time.Time) []field {
	list := []field{
		{Name: "Version", Value: a.Version},
		{Name: "Go", Value: a.Go},
		{Name: "Checks", Value: count(watched)},
		{Name: "Data folder", Value: a.Data, Code: true},
	}
	if a.DataBytes > 0 {
		list = append(list, field{Name: "Data on disk", Value: size(a.DataBytes)})
	}
	if !a.Started.IsZero() {
		list = append(list, field{Name: "Running for", Value: span(now.Sub(a.Started))})
	}
	return append(list,
		field{Name: "Memory in use", Value: size(a.HeapBytes)},
		field{Name: "Goroutines", Value: count(a.Goroutines)})
}

func (u *UI) reload(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.mayWrite(r); err != nil {
		return err
	}
	if u.Config == nil {
		return fault.NotFound("there is no configuration file to reload")
	}
	// Mistakes in the file are in the reload status, which the page shows.
	if err := u.Config.Reload(r.Context()); err != nil {
		u.log.WarnContext(r.Context(), "reload by hand refused", "error", err)
	}
	http.Redirect(w, r, "/settings#configuration", http.StatusSeeOther)
	return nil
}

// scopesOf maps the choices of the form to scopes.
var scopesOf = map[string][]string{
	"read": {"read"}, "write": {"read", "write"}, "admin": {"read", "write", "admin"},
}

// tokens is where the answer to the form is; who asks for it again sees the list.
func (u *UI) tokens(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/settings#tokens", http.StatusSeeOther)
	return nil
}

func (u *UI) createToken(w http.ResponseWriter, r *http.Request) error {
	if err := u.mayAdmin(r); err != nil {
		return err
	}
	name := strings.TrimSpace(r.PostFormValue("name"))
	if name == "" || len(name) > 100 {
		return fault.Invalid("a token needs a name of at most 100 characters, such as the machine that uses it")
	}
	scopes, ok := scopesOf[r.PostFormValue("scope")]
	if !ok {
		return fault.Invalid("choose what the token may do: read, write or admin")
	}
	var expires time.Time
	if text := r.PostFormValue("expires"); text != "" {
		d, err := units.ParseDuration(text)
		if err != nil {
			return fault.Invalid("%w", err)
		}
		if d > 0 {
			expires = u.now().Add(d.Std())
		}
	}
	text, err := u.Tokens.Create(r.Context(), name, scopes, expires)
	if err != nil {
		return err
	}
	// No redirect: the text is shown in this answer and nowhere else.
	return u.showSettings(w, r, text, name)
}

func (u *UI) revokeToken(w http.ResponseWriter, r *http.Request) error {
	if err := u.mayAdmin(r); err != nil {
		return err
	}
	if err := u.Tokens.Revoke(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	http.Redirect(w, r, "/settings#tokens", http.StatusSeeOther)
	return nil
}

func (u *UI) mayAdmin(r *http.Request) error {
	if u.Tokens == nil {
		return fault.NotFound("there are no tokens here")
	}
	if v := u.viewer(r); !v.CanAdmin {
		return fault.Forbidden("%s may not manage tokens", v.Name)
	}
	return nil
}
