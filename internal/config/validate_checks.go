package config

import (
	"fmt"
	"slices"
	"strings"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
)

// validateTargets wants every relative URL to have an API that it is on.
func validateTargets(f *File, _ string) fault.Problems {
	var ps fault.Problems
	var apis []string
	for _, api := range f.APIs {
		apis = append(apis, api.Name)
	}
	for i := range f.Checks {
		check := &f.Checks[i]
		for _, target := range targets(check) {
			path := fmt.Sprintf("checks[%d].%s", i, target.path)
			if check.API == "" && isRelative(target.url) {
				ps.Add(path, relativeHint(target.url, apis), "%q is not a whole URL, and the check has no api that it could be on", shorten(target.url))
			}
		}
	}
	return ps
}

type target struct{ path, url string }

// targets returns the URLs of a check with their paths. A request without a url
// is left to the request's own validation.
func targets(check *checks.Check) []target {
	var list []target
	add := func(path, url string) {
		if url != "" {
			list = append(list, target{path, url})
		}
	}
	add("url", check.URL)
	if check.Request != nil {
		add("request.url", check.Request.URL)
	}
	for i := range check.Steps {
		add(fmt.Sprintf("steps[%d].request.url", i), check.Steps[i].Request.URL)
	}
	return list
}

// isRelative reports whether a URL needs a base. One that begins with a captured
// value is whole only when it is used.
func isRelative(url string) bool {
	if strings.HasPrefix(url, "${") {
		return false
	}
	scheme, _, found := strings.Cut(url, "://")
	return !found || strings.ContainsAny(scheme, "/?#")
}

func relativeHint(url string, apis []string) string {
	switch {
	case !strings.HasPrefix(url, "/"):
		return "write https://" + shorten(url) + " or http://" + shorten(url)
	case len(apis) == 1:
		return "add api: " + apis[0]
	case len(apis) > 1:
		return "add api: and the name of one; " + suggest("", "API", slices.Clone(apis))
	}
	return "write it whole, such as http://127.0.0.1:8000" + shorten(url)
}

// validateTimes wants runs to end before the next begins.
func validateTimes(f *File, _ string) fault.Problems {
	var ps fault.Problems
	for i := range f.Checks {
		check := &f.Checks[i]
		every := max(check.Every, check.Interval)
		if every == 0 {
			every = checks.DefaultEvery
		}
		if check.Cron == "" && check.Timeout > every {
			ps.Add(fmt.Sprintf("checks[%d].timeout", i), fmt.Sprintf("write at most %s, or a longer `every`", every),
				"timeout %s is longer than the %s between two runs", check.Timeout, every)
		}
	}
	return ps
}
