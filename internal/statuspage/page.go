package statuspage

import (
	"fmt"
	"slices"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// Page is what people outside the team may see; it is the JSON of /status.json.
type Page struct {
	Title     string        `json:"title"`
	Status    checks.Status `json:"status"`   // the worst state of any component
	Headline  string        `json:"headline"` // "All APIs are up"
	At        time.Time     `json:"at"`
	Groups    []Group       `json:"groups"`
	Incidents []Incident    `json:"incidents"` // newest first
}

// Group is the components of one API.
type Group struct {
	Name       string      `json:"name"` // "" for checks without an API
	Components []Component `json:"components"`
}

// Component is one check, reduced to its name and numbers.
type Component struct {
	ID     string        `json:"id"`
	Name   string        `json:"name"`
	Status checks.Status `json:"status"`
	Since  time.Time     `json:"since,omitzero"`
	Uptime *float64      `json:"uptime_90d"` // 0…1; null without runs
	Days   []Day         `json:"days"`       // oldest first, today last
}

// Input is what a Page is made of.
type Input struct {
	Config      Config
	Checks      []checks.View
	Daily       map[string][]checks.Rollup // by check ID, oldest first
	Uptime      map[string]checks.Uptime   // by check ID
	Transitions []checks.Transition        // of all checks, newest first
	Now         time.Time
}

// DefaultTitle is the title of a page whose configuration has none.
const DefaultTitle = "API status"

// Build makes the page. Checks that the configuration does not list are left
// out, with everything about them.
func Build(in *Input) *Page {
	page := &Page{Title: in.Config.Title, At: in.Now, Groups: []Group{}, Incidents: []Incident{}}
	if page.Title == "" {
		page.Title = DefaultTitle
	}
	shown := map[string]checks.View{}
	groups := map[string]int{}
	for i := range in.Checks {
		v := &in.Checks[i]
		if !in.Config.Shows(v.Name) {
			continue
		}
		shown[v.ID] = *v
		at, known := groups[v.API]
		if !known {
			at = len(page.Groups)
			groups[v.API] = at
			page.Groups = append(page.Groups, Group{Name: v.API})
		}
		g := &page.Groups[at]
		g.Components = append(g.Components, component(v, in))
	}
	page.Status, page.Headline = overall(shown)
	page.Incidents = append(page.Incidents, incidents(in.Transitions, shown, in.Now)...)
	return page
}

// Shows reports whether the check with the name is on the page.
func (c *Config) Shows(name string) bool {
	return len(c.Checks) == 0 || slices.Contains(c.Checks, name)
}

func component(v *checks.View, in *Input) Component {
	c := Component{ID: v.ID, Name: v.Name, Status: v.State, Since: v.Since, Days: days(in.Daily[v.ID], in.Now)}
	if ratio, ok := in.Uptime[v.ID].Quarter.Ratio(); ok {
		c.Uptime = &ratio
	}
	return c
}

// overall says in one line how things are.
func overall(shown map[string]checks.View) (checks.Status, string) {
	var count [5]int
	for _, v := range shown {
		if int(v.State) < len(count) {
			count[v.State]++
		}
	}
	switch watched := len(shown) - count[checks.Paused]; {
	case len(shown) == 0:
		return checks.Unknown, "Nothing is shown here yet"
	case count[checks.Down] > 0 && count[checks.Down] == watched:
		return checks.Down, "Everything is down"
	case count[checks.Down] > 0:
		return checks.Down, fmt.Sprintf("%d of %d down", count[checks.Down], len(shown))
	case count[checks.Degraded] > 0:
		return checks.Degraded, fmt.Sprintf("%d of %d degraded", count[checks.Degraded], len(shown))
	case count[checks.Up] > 0:
		return checks.Up, "Everything is up"
	case watched == 0:
		return checks.Paused, "Monitoring is paused"
	default:
		return checks.Unknown, "Waiting for the first results"
	}
}
