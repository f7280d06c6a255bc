package ui

import (
	"cmp"
	"math"
	"net/url"
	"slices"
	"strings"
)

// endpointFilter chooses and orders operations; it is the query of the list's URL.
type endpointFilter struct {
	State string // critical, warning, ok, no_data, unused, undocumented; "" for all
	API   string
	Query string // words, each in the operation or the API
	Sort  string // a column; "" is what needs somebody first
	Back  bool   // the other way round
}

// listHead is a column that the list can be ordered by.
type listHead struct {
	Key, Name string
	Class     string // nr for numbers
	Link      string
	Sorted    string // aria-sort: ascending, descending or ""
}

// endpointColumns are the columns in their order, each with the way that people
// mean first: the worst on top, names from A to Z.
var endpointColumns = []struct {
	key, name, words, class string
	ascending               bool // of the first way
	less                    func(a, b *endpoint) int
}{
	{"state", "State", "State, worst first", "", false, func(a, b *endpoint) int { return cmp.Compare(urgency(a), urgency(b)) }},
	{"name", "Operation", "Name", "", true, func(a, b *endpoint) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Method, b.Method))
	}},
	{"api", "API", "API", "", true, func(a, b *endpoint) int { return cmp.Compare(a.API, b.API) }},
	{"rate", "Requests", "Requests, most first", "nr", false, func(a, b *endpoint) int { return cmp.Compare(b.Rate, a.Rate) }},
	{"errors", "Error rate", "Error rate, highest first", "nr", false, func(a, b *endpoint) int { return cmp.Compare(b.Share, a.Share) }},
	{"p50", "p50", "p50, slowest first", "nr", false, func(a, b *endpoint) int { return cmp.Compare(b.P50, a.P50) }},
	{"p95", "p95", "p95, slowest first", "nr", false, func(a, b *endpoint) int { return cmp.Compare(b.P95, a.P95) }},
	{"p99", "p99", "p99, slowest first", "nr p99", false, func(a, b *endpoint) int { return cmp.Compare(b.P99, a.P99) }},
	{"budget", "Budget left", "Budget, least left first", "nr", true, func(a, b *endpoint) int { return cmp.Compare(leftOr(a, math.Inf(1)), leftOr(b, math.Inf(1))) }},
	{"last", "Last hour", "Last request", "hour", false, func(a, b *endpoint) int { return b.LastSeen.Compare(a.LastSeen) }},
}

func leftOr(e *endpoint, none float64) float64 {
	if left, ok := e.budget(); ok {
		return left
	}
	return none
}

// urgency orders operations by how much they need somebody.
func urgency(e *endpoint) int {
	for i, state := range []string{"critical", "warning", "unjudged", "ok", "no_data", "unused"} {
		if e.state() == state {
			return i
		}
	}
	return 4
}

// endpointFlag is one choice of the buttons above the list.
type endpointFlag struct {
	key, name string
	is        func(e *endpoint) bool
}

var endpointFlags = []endpointFlag{
	{"critical", "Critical", func(e *endpoint) bool { return e.state() == "critical" }},
	{"warning", "Warning", func(e *endpoint) bool { return e.state() == "warning" }},
	{"no_data", "Quiet", func(e *endpoint) bool { return e.state() == "no_data" }},
	{"undocumented", "Undocumented", func(e *endpoint) bool { return e.Undocumented }},
	{"unused", "Unused", func(e *endpoint) bool { return e.Unused }},
}

func parseEndpointFilter(q url.Values) endpointFilter {
	f := endpointFilter{State: q.Get("state"), API: cut(q.Get("api"), 200), Query: strings.TrimSpace(cut(q.Get("q"), 200))}
	if f.State != "ok" && !slices.ContainsFunc(endpointFlags, func(s endpointFlag) bool { return s.key == f.State }) {
		f.State = ""
	}
	f.Sort, f.Back = strings.CutPrefix(q.Get("sort"), "-")
	if f.Sort == "" || !slices.ContainsFunc(endpointSorts(), func(s sortChoice) bool { return s.Key == f.Sort }) {
		f.Sort, f.Back = "", false
	}
	return f
}

// Order is the parameter sort.
func (f endpointFilter) Order() string {
	if f.Back {
		return "-" + f.Sort
	}
	return f.Sort
}

// with returns the query string with one value changed.
func (f endpointFilter) with(key, value string) string {
	q := url.Values{}
	for k, v := range map[string]string{"state": f.State, "api": f.API, "q": f.Query, "sort": f.Order(), key: value} {
		if k == key {
			v = value
		}
		if v != "" {
			q.Set(k, v)
		}
	}
	if len(q) == 0 {
		return "/endpoints"
	}
	return "?" + q.Encode()
}

func (f endpointFilter) choose(all []endpoint) []endpoint {
	words := strings.Fields(strings.ToLower(f.Query))
	var list []endpoint
	for i := range all {
		e := &all[i]
		if f.API != "" && e.API != f.API || !f.inState(e) || !e.holds(words) {
			continue
		}
		list = append(list, *e)
	}
	return list
}

func (f endpointFilter) inState(e *endpoint) bool {
	if f.State == "" {
		return true
	}
	for _, s := range endpointFlags {
		if s.key == f.State {
			return s.is(e)
		}
	}
	return e.state() == f.State
}

// holds reports whether every word occurs somewhere in the operation.
func (e *endpoint) holds(words []string) bool {
	if len(words) == 0 {
		return true
	}
	text := strings.ToLower(e.Operation + "\n" + e.API)
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// order sorts; what is equal is ordered by how much it needs somebody, and then
// by how busy it is.
func (f endpointFilter) order(list []endpoint) {
	usual := func(a, b *endpoint) int {
		return cmp.Or(cmp.Compare(urgency(a), urgency(b)), cmp.Compare(b.Rate, a.Rate), cmp.Compare(a.API, b.API), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Method, b.Method))
	}
	by := usual
	for _, c := range endpointColumns {
		if c.key == f.Sort {
			by = c.less
		}
	}
	sign := 1
	if f.Back {
		sign = -1
	}
	slices.SortStableFunc(list, func(a, b endpoint) int { return cmp.Or(sign*by(&a, &b), usual(&a, &b)) })
}

func (f endpointFilter) states(all []endpoint) []stateFilter {
	list := []stateFilter{{Name: "All", Link: f.with("state", ""), Count: len(all), Current: f.State == ""}}
	for _, s := range endpointFlags {
		choice := stateFilter{Name: s.name, Link: f.with("state", s.key), Current: f.State == s.key}
		for i := range all {
			if s.is(&all[i]) {
				choice.Count++
			}
		}
		list = append(list, choice)
	}
	return list
}

// columns are the heads of the list: a click orders by one, another one turns
// the order round.
func (f endpointFilter) columns() []listHead {
	var list []listHead
	for _, c := range endpointColumns {
		col := listHead{Key: c.key, Name: c.name, Class: c.class, Link: f.with("sort", c.key)}
		if c.key == f.Sort {
			if !f.Back {
				col.Link = f.with("sort", "-"+c.key)
			}
			col.Sorted = "descending"
			if c.ascending != f.Back {
				col.Sorted = "ascending"
			}
		}
		list = append(list, col)
	}
	return list
}

// endpointSorts are the orders of the form, for small screens.
func endpointSorts() []sortChoice {
	list := []sortChoice{{"", "What needs somebody first"}}
	for _, c := range endpointColumns {
		list = append(list, sortChoice{c.key, c.words})
	}
	return list
}

// url1 is a query of one parameter.
func url1(key, value string) string { return url.Values{key: {value}}.Encode() }
