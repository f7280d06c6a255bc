package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
)

// validateNames wants no two APIs, and no two checks, to have the same name,
// also in URLs, where a name is reduced to letters, digits and dashes. Whether a
// name is one at all is for the section to say.
func validateNames(f *File, _ string) fault.Problems {
	var ps fault.Problems
	apis := make([]string, len(f.APIs))
	for i := range f.APIs {
		apis[i] = f.APIs[i].Name
	}
	uniqueNames(&ps, "apis", apis)
	names := make([]string, len(f.Checks))
	for i := range f.Checks {
		names[i] = f.Checks[i].Name
	}
	uniqueNames(&ps, "checks", names)
	return ps
}

func uniqueNames(ps *fault.Problems, section string, names []string) {
	first := make(map[string]int, len(names))
	for i, name := range names {
		path := fmt.Sprintf("%s[%d].name", section, i)
		id := checks.ID(name)
		other, taken := first[id]
		switch {
		case id == "":
		case taken && names[other] == name:
			ps.Add(path, "", "name %q is taken by %s[%d]", name, section, other)
		case taken:
			ps.Add(path, "make them differ in a letter or digit", "names %q and %q (%s[%d]) are both %q in URLs", name, names[other], section, other, id)
		default:
			first[id] = i
		}
	}
}

// validateReferences wants every name that is used to exist, and dependencies
// to end somewhere.
func validateReferences(f *File, _ string) fault.Problems {
	var ps fault.Problems
	apis, checkNames := map[string]int{}, map[string]int{}
	for i, api := range f.APIs {
		apis[api.Name] = i
	}
	for i, check := range f.Checks {
		checkNames[check.Name] = i
	}
	refer := func(path, kind, name string, among map[string]int) {
		_, exists := among[name]
		_, nameless := among[""] // a mistake of its own, and maybe the cause of this one
		if exists || nameless {
			return
		}
		hint := ""
		if len(ps) < maxErrors { // looking for what was meant is dear
			hint = suggest(name, kind, slices.Collect(maps.Keys(among)))
		}
		ps.Add(path, hint, "there is no %s %q", kind, name)
	}
	for i, check := range f.Checks {
		if check.API != "" {
			refer(fmt.Sprintf("checks[%d].api", i), "API", check.API, apis)
		}
		for j, name := range check.DependsOn {
			refer(fmt.Sprintf("checks[%d].depends_on[%d]", i, j), "check", name, checkNames)
		}
	}
	for i := range f.Heartbeats {
		if name := f.Heartbeats[i].API; name != "" {
			refer(fmt.Sprintf("heartbeats[%d].api", i), "API", name, apis)
		}
	}
	for i := range f.Ingest.AccessLogs {
		if name := f.Ingest.AccessLogs[i].API; name != "" {
			refer(fmt.Sprintf("ingest.access_logs[%d].api", i), "API", name, apis)
		}
	}
	for i := range f.Ingest.ErrorLogs {
		if name := f.Ingest.ErrorLogs[i].API; name != "" {
			refer(fmt.Sprintf("ingest.error_logs[%d].api", i), "API", name, apis)
		}
	}
	for i, name := range f.StatusPage.Checks {
		refer(fmt.Sprintf("status_page.checks[%d]", i), "check", name, checkNames)
	}
	cycles(&ps, f.Checks, checkNames)
	return ps
}

// suggest names the candidate that was meant, or a few that there are.
func suggest(name, kind string, among []string) string {
	if hint := fault.DidYouMean(name, among); hint != "" {
		return hint
	}
	const few = 10
	slices.Sort(among)
	switch {
	case len(among) == 0:
		return "none is configured"
	case len(among) > few:
		return fmt.Sprintf("%ss are %s, …", kind, strings.Join(among[:few], ", "))
	}
	return fmt.Sprintf("%ss are %s", kind, strings.Join(among, ", "))
}

// cycles reports each circle of dependencies once, where it closes. The walk
// keeps its own stack, so that long chains cost memory and not goroutine stack.
func cycles(ps *fault.Problems, list []checks.Check, known map[string]int) {
	const (
		fresh = iota
		onPath
		done
	)
	type visit struct{ check, next int }
	state := make([]int, len(list))
	for start := range list {
		if state[start] != fresh {
			continue
		}
		path := []visit{{check: start}}
		state[start] = onPath
		for len(path) > 0 {
			top := &path[len(path)-1]
			dependencies := list[top.check].DependsOn
			if top.next == len(dependencies) {
				state[top.check] = done
				path = path[:len(path)-1]
				continue
			}
			j := top.next
			top.next++
			target, exists := known[dependencies[j]]
			switch {
			case !exists || state[target] == done:
			case state[target] == fresh:
				state[target] = onPath
				path = append(path, visit{check: target})
			default:
				var circle []string
				for _, v := range path {
					if v.check == target || len(circle) > 0 {
						circle = append(circle, list[v.check].Name)
					}
				}
				circle = append(circle, list[target].Name)
				ps.Add(fmt.Sprintf("checks[%d].depends_on[%d]", top.check, j), "remove one of them", "checks depend on each other in a circle: %s", strings.Join(circle, " → "))
			}
		}
	}
}
