package catalog

import (
	"net/url"
	"strings"

	"lapwing.dev/lapwing/internal/fault"
)

// API is one entry of the `apis:` section: an HTTP API under watch.
type API struct {
	// Name of the API, unique in the file. Example: orders
	Name string `yaml:"name"`
	// URL that the API is reached at; checks may give paths on it. Example: http://127.0.0.1:8000
	URL string `yaml:"url"`
	// OpenAPI document: a path on url, a URL or a file. It gives the operations. Example: /openapi.json
	OpenAPI string `yaml:"openapi"`
	// Labels to group and select by. Example: {team: shop}
	Labels map[string]string `yaml:"labels"`
	// ErrorRate says when failed requests are an alert.
	ErrorRate ErrorRate `yaml:"error_rate,omitempty"`
	// Objectives are promises about availability and latency, each with its error budget.
	Objectives []Objective `yaml:"objectives,omitempty"`
	// Unusual says when traffic and latency that differ from past weeks are an alert.
	Unusual Unusual `yaml:"unusual,omitempty"`
}

// Validate reports every mistake of the entry, with paths relative to it. It
// reads nothing: whether the document is there shows when it is loaded.
func (a *API) Validate() fault.Problems {
	var problems fault.Problems
	if strings.TrimSpace(a.Name) == "" {
		problems.Add("name", "give the API a short name, such as orders", "the name is missing")
	}
	if a.URL == "" {
		problems.Add("url", "write where the API is reached, such as http://127.0.0.1:8000", "the URL is missing")
	} else if message, hint := badURL(a.URL); message != "" {
		problems.Add("url", hint, "%s", message)
	}
	if strings.Contains(a.OpenAPI, "://") && !strings.HasPrefix(a.OpenAPI, "file://") {
		if message, hint := badURL(a.OpenAPI); message != "" {
			problems.Add("openapi", hint, "%s", message)
		}
	}
	problems.Merge("error_rate", a.ErrorRate.Validate())
	problems.Merge("", validateObjectives(a.Objectives))
	problems.Merge("unusual", a.Unusual.Validate())
	return problems
}

// badURL says what is wrong with an absolute HTTP URL, or "".
func badURL(text string) (message, hint string) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "this is not a URL", "write it like http://127.0.0.1:8000"
	case u.Scheme == "":
		return "the URL has no scheme", "did you mean http://" + strings.TrimLeft(text, "/") + "?"
	case u.Scheme != "http" && u.Scheme != "https":
		return "the URL must be http or https", "write it like http://127.0.0.1:8000 (localhost:8000 needs http:// before it)"
	case u.Hostname() == "":
		return "the URL has no host", "write it like http://127.0.0.1:8000"
	case u.User != nil:
		return "the URL holds a user name or password", "give them in the check's request: auth: {basic: …}"
	case u.RawQuery != "" || u.Fragment != "":
		return "the URL has a query or a fragment", "leave out what comes after ? or #"
	}
	return "", ""
}
