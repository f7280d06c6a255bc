package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/units"
)

// watched is one API as `lapwing watch` found it.
type watched struct {
	name    string
	url     string
	openapi string         // as the configuration names it; "" when there is no document
	checks  []watchedCheck // in the document's order
	skipped int
}

// watchedCheck is one check to write: a path on the API.
type watchedCheck struct {
	name string
	path string
	head bool
	// headers that the document requires, with its examples.
	headers map[string]string
}

// watchFile writes the configuration for what was found. It is meant to be
// read, kept and changed by people.
func watchFile(file string, apis []watched, every units.Duration, now time.Time) string {
	var b strings.Builder
	urls := make([]string, len(apis))
	for i := range apis {
		urls[i] = apis[i].url
	}
	fmt.Fprintf(&b, "# Written by `lapwing watch %s` on %s. It is yours: change it as you like.\n", strings.Join(urls, " "), now.Format("2006-01-02"))
	fmt.Fprintf(&b, "# Run it: lapwing serve -c %s     Every key: lapwing config schema\n\napis:\n", file)
	for _, api := range apis {
		fmt.Fprintf(&b, "  - name: %s\n    url: %s\n", yamlText(api.name), yamlText(api.url))
		if api.openapi != "" {
			fmt.Fprintf(&b, "    openapi: %s\n", yamlText(api.openapi))
		}
	}
	b.WriteString("\nchecks:\n")
	for _, api := range apis {
		for _, c := range api.checks {
			writeWatched(&b, &api, c, every)
		}
		if api.skipped > 0 {
			fmt.Fprintf(&b, "  # %d more operations of %s are unsafe, need parameters or a login: add them by hand.\n", api.skipped, api.name)
		}
	}
	return b.String()
}

func writeWatched(b *strings.Builder, api *watched, c watchedCheck, every units.Duration) {
	fmt.Fprintf(b, "  - name: %s\n    api: %s\n", yamlText(c.name), yamlText(api.name))
	if !c.head && len(c.headers) == 0 {
		fmt.Fprintf(b, "    url: %s\n", yamlText(c.path))
	} else {
		fmt.Fprintf(b, "    request:\n      url: %s\n", yamlText(c.path))
		if c.head {
			b.WriteString("      method: HEAD\n")
		}
		if len(c.headers) > 0 {
			b.WriteString("      headers:\n")
		}
		for _, name := range slices.Sorted(maps.Keys(c.headers)) {
			fmt.Fprintf(b, "        %s: %s\n", yamlText(name), yamlText(c.headers[name]))
		}
	}
	fmt.Fprintf(b, "    every: %s\n", every)
	if api.openapi != "" {
		b.WriteString("    assert:\n      - status in 200..299\n      - {expr: contract, else: degraded}   # the answer matches the OpenAPI document\n")
	}
}

var plainYAML = regexp.MustCompile(`^[A-Za-z/]([A-Za-z0-9_./:?=&{}-]*[A-Za-z0-9_/}-])?( [A-Za-z0-9_./{}-]+)*$`)

// yamlText writes a text as a YAML scalar, quoted unless it is plain beyond doubt.
func yamlText(s string) string {
	lower := strings.ToLower(s)
	switch lower {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		s = lower
	default:
		if plainYAML.MatchString(s) && !strings.Contains(s, "${") {
			return s
		}
	}
	var quoted strings.Builder // JSON strings are YAML strings
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return `""`
	}
	// ${…} in a found path is text, not a variable.
	return strings.ReplaceAll(strings.TrimSpace(quoted.String()), "${", "$${")
}

// apiName makes a short name of a document's title or a host.
func apiName(title, host string, taken map[string]bool) string {
	name := checks.ID(strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(title), " api"), " service"))
	if name == "" || len(name) > 40 {
		name = checks.ID(host)
	}
	base := name
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	taken[name] = true
	return name
}
