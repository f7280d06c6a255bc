package delivery

import (
	_ "embed"
	tmplhtml "html/template"
	"net/url"
	"strings"
	tmpltext "text/template"
	"time"

	"github.com/prometheus/alertmanager/template"
)

// ours redefines Alertmanager's default messages under their own names.
//
//go:embed messages.tmpl
var ours string

// Templates returns Alertmanager's templates, ours over them, and the user's (paths
// or patterns) over these. external is what {{ .ExternalURL }} is.
func Templates(paths []string, external *url.URL) (*template.Template, error) {
	t, err := template.FromGlobs(nil, addFunctions)
	if err != nil {
		return nil, err
	}
	if err := t.Parse(strings.NewReader(ours)); err != nil {
		return nil, err
	}
	for _, path := range paths {
		if err := t.FromGlob(path); err != nil {
			return nil, err
		}
	}
	t.ExternalURL = external
	return t, nil
}

// addFunctions adds what our messages call. Users' templates may call it too.
func addFunctions(text *tmpltext.Template, html *tmplhtml.Template) {
	written := func(w wording) func(int, *template.Data) string {
		return func(room int, d *template.Data) string { return details(w, d.Alerts, d.ExternalURL, room, time.Now()) }
	}
	functions := map[string]any{
		"subject":         subject,
		"plainDetails":    written(plainWording()),
		"escapedDetails":  written(escapedWording()),
		"slackDetails":    written(slackWording()),
		"markdownDetails": written(markdownWording()),
		"cardDetails":     written(cardWording()),
		"instances": func(room int, alerts []template.Alert) string {
			return details(plainWording(), alerts, "", room, time.Now())
		},
		"slackText":    slackWording().plain,
		"markdownText": markdownWording().plain,
		"worstFirst":   func(alerts template.Alerts) []template.Alert { return inOrder(alerts) },
		"heading":      func(a template.Alert) string { return heading(&a) },
		"lasts":        func(a template.Alert) string { return since(&a, time.Now()) },
		"about":        func(a template.Alert) string { return about(&a) },
		"webLink":      webLink,
		"clip":         func(most int, s string) string { return fit(plainWording(), s, most) },
		"first": func(n int, alerts []template.Alert) []template.Alert {
			return alerts[:min(max(n, 0), len(alerts))]
		},
		"beyond": func(n int, alerts []template.Alert) int { return max(len(alerts)-n, 0) },
		// firstLink is the page with the data of the worst alert.
		"firstLink": func(d *template.Data) string {
			for _, a := range inOrder(d.Alerts) {
				if page := webLink(a.Annotations["page"]); page != "" {
					return page
				}
			}
			return d.ExternalURL + "/alerts"
		},
	}
	text.Funcs(functions)
	html.Funcs(functions)
}
