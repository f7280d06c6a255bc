package catalog

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
)

// The bounds of promises. They are wide: they keep a typo from being a promise,
// and what is counted within memory.
const (
	maxRequests   = 1_000_000
	maxObjectives = 100 // of one API
	maxLatencies  = 8   // different ones among them: each is counted for each request
	maxText       = 200 // bytes of a name or an operation
	maxSelector   = 1000
)

// Validate reports what is wrong in the section.
func (e *ErrorRate) Validate() fault.Problems {
	var ps fault.Problems
	between(&ps, "over", e.Over, time.Minute, time.Hour)
	if e.Over.Std()%(10*time.Second) != 0 {
		ps.Add("over", "write whole minutes, or a multiple of 10s", "%s is not counted in", e.Over)
	}
	validateShares(&ps, e.Warning, e.Critical)
	counted(&ps, "min_requests", e.MinRequests)
	counted(&ps, "min_errors", e.MinErrors)
	if e.For != nil {
		between(&ps, "for", *e.For, 0, 24*time.Hour)
	}
	if e.CriticalFor != nil {
		between(&ps, "critical_for", *e.CriticalFor, 0, 24*time.Hour)
	}
	for i, what := range e.Count {
		if !countable(what) {
			ps.Add(fmt.Sprintf("count[%d]", i), "write a status (500), a class (5xx) or transport", "%q is not what can be counted", what)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Operations)) {
		path := "operations." + name
		if message, hint := badOperation(name); message != "" {
			ps.Add(path, hint, "%s", message)
			continue
		}
		o := e.Operations[name]
		var sub fault.Problems
		validateShares(&sub, or(o.Warning, e.Warning), or(o.Critical, e.Critical))
		counted(&sub, "min_requests", o.MinRequests)
		counted(&sub, "min_errors", o.MinErrors)
		ps.Merge(path, sub)
	}
	switch e.Source {
	case "", "exchanges", "metrics":
	default:
		ps.Add("source", fault.DidYouMean(e.Source, []string{"exchanges", "metrics"}), "%q is not a source; sources are exchanges and metrics", e.Source)
	}
	switch {
	case e.Selector == "":
	case e.Source != "metrics":
		ps.Add("selector", "write `source: metrics` beside it, or remove it", "nothing reads series for this API")
	case len(e.Selector) > maxSelector || !selector.MatchString(e.Selector):
		ps.Add("selector", `write label matchers, such as {job="orders"}`, "this is not a selector of series")
	}
	return ps
}

// selector is what stands between braces in PromQL: label matchers.
var selector = regexp.MustCompile(`^\{\s*` + matcher + `(?:\s*,\s*` + matcher + `)*\s*,?\s*\}$`)

const matcher = `[a-zA-Z_][a-zA-Z0-9_]*\s*(?:=~|!~|!=|=)\s*"(?:[^"\\\n]|\\.)*"`

// validateShares reports thresholds that cannot be meant.
func validateShares(ps *fault.Problems, warning, critical *units.Share) {
	if warning != nil && *warning <= 0 {
		ps.Add("warning", "write a share such as 5%; `enabled: false` never alerts", "a share of 0%% is always reached")
	}
	if critical != nil && *critical <= 0 {
		ps.Add("critical", "write a share such as 20%; `enabled: false` never alerts", "a share of 0%% is always reached")
	}
	if warning != nil && critical != nil && *critical < *warning && *critical > 0 {
		ps.Add("critical", "write the larger share as critical", "critical begins at %s, before warning at %s", *critical, *warning)
	}
}

func validateObjectives(list []Objective) fault.Problems {
	var ps fault.Problems
	if len(list) > maxObjectives {
		ps.Add("objectives", "", "%d objectives are too many; an API can have %d", len(list), maxObjectives)
	}
	seen, latencies := map[string]int{}, map[units.Duration]bool{}
	for i := range list {
		path := fmt.Sprintf("objectives[%d]", i)
		if latency := list[i].Latency; latency != 0 && !latencies[latency] {
			latencies[latency] = true
			if len(latencies) == maxLatencies+1 {
				ps.Add(path+".latency", "use some of the others again", "%s is one latency too many; an API can have %d different ones", latency, maxLatencies)
			}
		}
		ps.Merge(path, list[i].Validate())
		name := list[i].Name
		if first, twice := seen[name]; twice && name != "" {
			ps.Add(path+".name", "names of objectives are unique in an API", "name %q is taken by objectives[%d]", name, first)
			continue
		}
		seen[name] = i
	}
	return ps
}

// Validate reports what is wrong in the objective by itself.
func (o *Objective) Validate() fault.Problems {
	var ps fault.Problems
	switch {
	case strings.TrimSpace(o.Name) == "":
		ps.Add("name", "give the objective a short name, such as availability", "the name is missing")
	case len(o.Name) > maxText:
		ps.Add("name", "", "the name is longer than %d bytes", maxText)
	}
	if o.Operation != "" {
		if message, hint := badOperation(o.Operation); message != "" {
			ps.Add("operation", hint, "%s", message)
		}
	}
	if o.Latency != 0 {
		between(&ps, "latency", o.Latency, time.Millisecond, 2*time.Minute)
	}
	switch {
	case o.Target == 0:
		ps.Add("target", "write the share of good requests that is promised, such as 99.9%", "the target is missing")
	case o.Target < .5:
		ps.Add("target", "write the share of good requests, such as 99.9%", "%s promises more bad requests than good ones", o.Target)
	case o.Target > .999999:
		ps.Add("target", "write at most 99.9999%, which leaves one of a million to fail", "%s leaves no budget: nothing can promise that", o.Target)
	}
	between(&ps, "over", o.Over, units.Day, 90*units.Day)
	if o.Over.Std()%time.Hour != 0 {
		ps.Add("over", "write whole days or hours", "%s is not counted in", o.Over)
	}
	counted(&ps, "min_requests", o.MinRequests)
	return ps
}

// Validate reports what is wrong in the section.
func (u *Unusual) Validate() fault.Problems {
	var ps fault.Problems
	if u.Weeks != nil && (*u.Weeks < 1 || *u.Weeks > 4) {
		ps.Add("weeks", "", "%d is out of range; want 1 to 4", *u.Weeks)
	}
	times := func(path string, n *float64) {
		if n != nil && !(*n > 1 && *n <= 1000) {
			ps.Add(path, "write how many times the usual it is, such as 2", "%g is out of range; want more than 1, up to 1000", *n)
		}
	}
	times("slower", u.Slower)
	times("spike", u.Spike)
	if u.Drop != nil && *u.Drop > .9 {
		ps.Add("drop", "write the share of the usual rate that is too little, such as 30%", "%s of the usual is usual; want up to 90%%", *u.Drop)
	}
	counted(&ps, "min_requests", u.MinRequests)
	return ps
}

// countable reports whether error_rate.count may have a word.
func countable(word string) bool {
	if word == "transport" {
		return true
	}
	if class, found := strings.CutSuffix(strings.ToLower(word), "xx"); found {
		return len(class) == 1 && class >= "1" && class <= "5"
	}
	n, err := strconv.Atoi(word)
	return err == nil && len(word) == 3 && n >= 100 && n <= 599
}

// badOperation says what is wrong with the name of an operation, or "".
func badOperation(name string) (message, hint string) {
	const like = "write it like GET /orders/{id}, as the document has it"
	method, route, found := strings.Cut(name, " ")
	switch {
	case len(name) > maxText:
		return "the operation is longer than " + strconv.Itoa(maxText) + " bytes", ""
	case !found || method == "" || method != strings.ToUpper(method):
		return strconv.Quote(name) + " is not an operation", like
	case !strings.HasPrefix(route, "/") || strings.ContainsAny(route, " ?#"):
		return strconv.Quote(name) + " is not an operation", like
	}
	return "", ""
}

func between(ps *fault.Problems, path string, d units.Duration, least, most time.Duration) {
	if d != 0 && (d.Std() < least || d.Std() > most) {
		ps.Add(path, "", "%s is out of range; want %s to %s", d, units.Duration(least), units.Duration(most))
	}
}

func counted(ps *fault.Problems, path string, n *int) {
	if n != nil && (*n < 1 || *n > maxRequests) {
		ps.Add(path, "", "%d is out of range; want 1 to %d", *n, maxRequests)
	}
}

func or[T any](value, otherwise *T) *T {
	if value != nil {
		return value
	}
	return otherwise
}
