package ui

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"lapwing.dev/lapwing/internal/checks"
)

// filter chooses and orders checks; it is the query of a list's URL.
type filter struct {
	State string // "down", or "" for all
	API   string
	Query string // words, each in the name, the API, the target or a label
	Label string // "team=shop" or "team"
	Sort  string // "", name, state, uptime, latency, run
}

func parseFilter(q url.Values) filter {
	f := filter{
		State: q.Get("state"), API: q.Get("api"), Label: q.Get("label"), Sort: q.Get("sort"),
		Query: strings.TrimSpace(cut(q.Get("q"), 200)),
	}
	var state checks.Status
	if state.UnmarshalText([]byte(f.State)) != nil {
		f.State = ""
	}
	if !slices.Contains([]string{"name", "state", "uptime", "latency", "run"}, f.Sort) {
		f.Sort = ""
	}
	return f
}

// with returns the query string with one value changed.
func (f filter) with(key, value string) string {
	q := url.Values{}
	for k, v := range map[string]string{"state": f.State, "api": f.API, "q": f.Query, "label": f.Label, "sort": f.Sort, key: value} {
		if k == key {
			v = value
		}
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(q) == 0 {
		return "?"
	}
	return "?" + q.Encode()
}

func (f filter) choose(views []checks.View) []checks.View {
	words := strings.Fields(strings.ToLower(f.Query))
	return slices.DeleteFunc(slices.Clone(views), func(v checks.View) bool {
		return f.State != "" && v.State.String() != f.State ||
			f.API != "" && v.API != f.API ||
			f.Label != "" && !hasLabel(v.Labels, f.Label) ||
			!matches(&v, words)
	})
}

func hasLabel(labels map[string]string, want string) bool {
	key, value, exact := strings.Cut(want, "=")
	have, ok := labels[key]
	return ok && (!exact || have == value)
}

// matches reports whether every word occurs somewhere in the check.
func matches(v *checks.View, words []string) bool {
	if len(words) == 0 {
		return true
	}
	var text strings.Builder
	for _, part := range []string{v.Name, v.API, v.Method, v.Target, v.Operation, v.ID} {
		text.WriteString(strings.ToLower(part))
		text.WriteByte('\n')
	}
	for k, value := range v.Labels {
		text.WriteString(strings.ToLower(k + "=" + value + "\n"))
	}
	for _, word := range words {
		if !strings.Contains(text.String(), word) {
			return false
		}
	}
	return true
}

// severity orders states by how much they need somebody.
var severity = map[checks.Status]int{
	checks.Down: 0, checks.Degraded: 1, checks.Unknown: 2, checks.Up: 3, checks.Paused: 4,
}

// order sorts by f.Sort; the order of the configuration is kept where it says nothing.
func (f filter) order(views []checks.View, uptime map[string]checks.Uptime) {
	ratio := func(v *checks.View) float64 {
		r, ok := uptime[v.ID].Quarter.Ratio()
		if !ok {
			return 2 // without runs: last
		}
		return r
	}
	slices.SortStableFunc(views, func(a, b checks.View) int {
		switch f.Sort {
		case "name":
			return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
		case "state":
			return cmp.Compare(severity[a.State], severity[b.State])
		case "uptime":
			return cmp.Compare(ratio(&a), ratio(&b))
		case "latency":
			return cmp.Compare(lastLatency(&b), lastLatency(&a)) // slowest first
		case "run":
			return cmp.Compare(lastRun(&b), lastRun(&a)) // newest first
		}
		return 0
	})
}

func lastLatency(v *checks.View) int64 {
	if v.Last == nil || len(v.Last.Attempts) == 0 {
		return -1
	}
	return int64(v.Last.Latency())
}

func lastRun(v *checks.View) checks.RunID {
	if v.Last == nil {
		return 0
	}
	return v.Last.Run
}

// cut shortens text to at most n bytes, at a rune's border.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "")
}
