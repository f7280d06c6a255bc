package ui

import (
	"math"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/slo"
)

// endpoint is an operation that was seen, documented, or both.
type endpoint struct {
	slo.Endpoint
	Unused       bool // documented, and never seen
	Undocumented bool // seen, and its API has a document that says nothing of it
	Deprecated   bool // says the document
}

// state is slo's state, or "unused", or "unjudged": failures above a threshold
// that are too few, or too young, to be an alert are not fine either.
func (e *endpoint) state() string {
	if e.Unused {
		return "unused"
	}
	if e.State == "ok" && e.Warning > 0 && e.Share >= e.Warning {
		return "unjudged"
	}
	return e.State
}

// budget is the least that any of its objectives has left.
func (e *endpoint) budget() (left float64, ok bool) {
	left = math.Inf(1)
	for i := range e.Budgets {
		left = min(left, e.Budgets[i].Left)
	}
	return left, len(e.Budgets) > 0
}

// knownEndpoints joins what was seen with what is documented, in the order of
// APIs and operations.
func (u *UI) knownEndpoints() []endpoint {
	seen := u.Endpoints.Endpoints("")
	documents := u.documents()
	list := make([]endpoint, 0, len(seen))
	met := make(map[[2]string]bool, len(seen))
	for i := range seen {
		e := endpoint{Endpoint: seen[i]}
		key := [2]string{e.API, e.Operation}
		met[key] = true
		if document, has := documents[e.API]; has && e.Route != "" {
			op, documented := document[e.Operation]
			e.Undocumented, e.Deprecated = !documented, op.Deprecated
		}
		list = append(list, e)
	}
	for _, api := range sortedKeys(documents) {
		for _, name := range sortedKeys(documents[api]) {
			if op := documents[api][name]; !met[[2]string{api, name}] {
				list = append(list, endpoint{Endpoint: slo.Endpoint{API: api, Operation: name, Method: op.Method, Route: op.Path}, Unused: true, Deprecated: op.Deprecated})
			}
		}
	}
	return list
}

// documents are the documented operations by API and name, of APIs that have a
// document.
func (u *UI) documents() map[string]map[string]catalog.Operation {
	documents := map[string]map[string]catalog.Operation{}
	if u.Inventory == nil {
		return documents
	}
	for _, api := range u.Inventory.APIs() {
		operations := u.Inventory.Operations(api.Name)
		if len(operations) == 0 {
			continue
		}
		byName := make(map[string]catalog.Operation, len(operations))
		for _, op := range operations {
			byName[op.String()] = op
		}
		documents[api.Name] = byName
	}
	return documents
}

// wholeAPIs are the APIs as a whole; api "" for all.
func (u *UI) wholeAPIs(api string) []endpoint {
	var list []endpoint
	for _, e := range u.Endpoints.APIs() {
		if api == "" || e.API == api {
			list = append(list, endpoint{Endpoint: e})
		}
	}
	return list
}

// endpointRow is one line of the list.
type endpointRow struct {
	Link               string
	API, Method, Route string
	State, Word        string // class, and what it means
	Tone               string
	Rate, Errors       string
	P50, P95, P99      string
	Budget, Meter      string
	BudgetTone         string
	Spark, Bad         string // paths: requests, and failures among them
	Unused             bool
	Undocumented       bool
	Deprecated         bool
	Firing             int // conditions
	Last               string
}

// endpointStates are slo's states as glyph and word.
var endpointStates = map[string][2]string{
	"critical": {"down", "critical"}, "warning": {"degraded", "warning"}, "ok": {"up", "ok"}, "no_data": {"unknown", "no requests"}, "unjudged": {"unknown", "too few to judge"}, "unused": {"none", "never used"},
}

func endpointRowOf(e *endpoint, now time.Time) endpointRow {
	row := endpointRow{
		API: e.API, Method: e.Method, Route: e.Route, Unused: e.Unused, Undocumented: e.Undocumented, Deprecated: e.Deprecated,
		P50: someLatency(e.P50), P95: someLatency(e.P95), P99: someLatency(e.P99),
		Link: endpointPath(e.API, e.Method, e.Route),
	}
	if e.Operation == "" { // an API as a whole
		row.Link = "/endpoints?" + url1("api", e.API)
	}
	if e.Method == "other" {
		row.Method, row.Route = "", "everything else"
	}
	glyph, ok := endpointStates[e.state()]
	if !ok {
		glyph = endpointStates["no_data"]
	}
	row.State, row.Word = glyph[0], glyph[1]
	if row.State == "down" || row.State == "degraded" {
		row.Tone = "is-" + row.State
	}
	if e.Requests > 0 {
		row.Rate, row.Errors = rate(e.Rate)+"/s", shareText(e.Share)
	}
	for i := range e.Firing {
		if e.Firing[i].State == slo.Firing {
			row.Firing++
		}
	}
	if left, ok := e.budget(); ok {
		row.Budget, row.Meter, row.BudgetTone = budgetText(left), fmt4(min(max(left, 0), 1)), budgetTone(left)
	}
	row.Spark, row.Bad = requestSpark(e.Recent, now)
	if !e.LastSeen.IsZero() {
		row.Last = ago(now, e.LastSeen)
	}
	return row
}

// budgetLow is what is left of a budget when it stands out.
const budgetLow = .25

func budgetTone(left float64) string {
	switch {
	case left <= 0:
		return "down"
	case left < budgetLow:
		return "degraded"
	}
	return "up"
}

// budgetText writes what is left: rounded down, so that only an untouched budget
// reads 100 %, and one that is overdrawn says by how much.
func budgetText(left float64) string {
	switch {
	case math.IsNaN(left):
		return "–"
	case left <= -10:
		return "overdrawn " + count(int64(-left)) + "×"
	}
	text := strconv.FormatFloat(math.Floor(left*1000)/10, 'f', -1, 64)
	if left <= -.1 || left >= .1 {
		text = strconv.FormatFloat(math.Floor(left*100), 'f', -1, 64)
	}
	return strings.Replace(text, "-", "−", 1) + nbsp + "%"
}

func fmt4(v float64) string { return strconv.FormatFloat(v, 'f', 4, 64) }

// Geometry of the sparkline of an operation: the last hour in steps of three
// minutes, from one edge of its picture to the other.
const (
	requestSteps = 20
	requestStep  = 3 * time.Minute
)

// requestSpark draws how many requests came, and below it how many of them failed.
func requestSpark(recent []slo.Point, now time.Time) (requests, failed string) {
	var all, bad [requestSteps]uint64
	first := now.Add(-requestSteps * requestStep)
	var most uint64
	for _, p := range recent {
		at := int(p.At.Sub(first) / requestStep)
		if p.At.Before(first) || at < 0 || at >= requestSteps {
			continue
		}
		all[at] += p.Requests
		bad[at] += p.Errors
		most = max(most, all[at])
	}
	if most == 0 {
		return "", ""
	}
	height := func(n uint64) int {
		if n == 0 {
			return 0
		}
		return max(int(math.Round(float64(n)/float64(most)*(sparkBottom-sparkTop))), 1)
	}
	var p, e strings.Builder
	for i := range all {
		x := strconv.Itoa(i * sparkStep)
		if i == 0 {
			p.WriteByte('M')
		} else {
			p.WriteByte(' ')
		}
		p.WriteString(x + " " + strconv.Itoa(sparkBottom-height(all[i])))
		if n := height(bad[i]); bad[i]*100 >= all[i] && n > 0 { // a failure in thousands is not to be seen
			e.WriteString("M" + x + " " + strconv.Itoa(sparkBottom) + "v-" + strconv.Itoa(n))
		}
	}
	return p.String(), e.String()
}
