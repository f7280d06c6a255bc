package catalog

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Probe is a request that is safe to send to an operation on a schedule.
type Probe struct {
	Operation Operation
	Path      string            // path and query on the API's URL, with parameters filled in: /orders/17?expand=true
	Headers   map[string]string // required header parameters; nil when there are none
	Reason    string            // where the parameters came from: "order_id from its example"; empty when there are none
}

// Skipped is an operation that is not probed, and why.
type Skipped struct {
	Operation Operation
	Reason    string // "needs bearer authentication"
}

// Probes proposes one request for each operation that can be called without
// changing anything and without knowing more than the document says: GET and
// HEAD whose required parameters have an example, a default or a fixed value.
// Every other operation is in skipped with its reason. base is the URL that the
// paths are to be put on; it is normally the API's own.
func (d *Document) Probes(base string) (probes []Probe, skipped []Skipped) {
	basePath := d.basePath
	if u, err := url.Parse(base); err == nil && base != "" {
		basePath = trimSlash(u.EscapedPath())
	}
	for _, r := range d.all {
		p, reason := d.probe(r)
		if reason != "" {
			skipped = append(skipped, Skipped{r.Operation, reason})
			continue
		}
		// The route is below the API's own path; base may be another view of it.
		full := d.basePath + r.prefix + p.Path
		if rest, ok := strings.CutPrefix(full, basePath); ok && strings.HasPrefix(rest, "/") {
			p.Path = rest
		}
		probes = append(probes, p)
	}
	return probes, skipped
}

// probe fills in a request, or says why there is none.
func (d *Document) probe(r *route) (p Probe, reason string) {
	if reason := d.unsafe(r); reason != "" {
		return p, reason
	}
	if reason := d.needsAuth(r.spec); reason != "" {
		return p, reason
	}
	p.Operation = r.Operation
	path := r.Path
	query := make([]string, 0, 4)
	var sources []string
	for _, parameter := range parametersOf(r) {
		if !parameter.Required && parameter.In != openapi3.ParameterInPath {
			continue
		}
		value, source, ok := sampleOf(parameter)
		if !ok {
			return p, fmt.Sprintf("needs %s parameter %s, which has no example or default", parameter.In, shorten(parameter.Name))
		}
		switch parameter.In {
		case openapi3.ParameterInPath:
			segment, ok := pathSegment(parameter, value)
			if !ok {
				return p, fmt.Sprintf("the example of path parameter %s cannot stand in a path", shorten(parameter.Name))
			}
			path = strings.ReplaceAll(path, "{"+parameter.Name+"}", segment)
		case openapi3.ParameterInQuery:
			query = append(query, queryPairs(parameter, value)...)
		case openapi3.ParameterInHeader:
			text, ok := headerText(value)
			if !ok {
				return p, fmt.Sprintf("the example of header parameter %s cannot stand in a header", shorten(parameter.Name))
			}
			if p.Headers == nil {
				p.Headers = map[string]string{}
			}
			p.Headers[parameter.Name] = text
		default:
			return p, fmt.Sprintf("needs %s parameter %s", shorten(parameter.In), shorten(parameter.Name))
		}
		sources = append(sources, shorten(parameter.Name)+" from its "+source)
	}
	if strings.ContainsAny(path, "{}") {
		return p, "has a path parameter that is not documented"
	}
	p.Path = escapeFixed(path)
	if len(query) > 0 {
		p.Path += "?" + strings.Join(query, "&")
	}
	p.Reason = strings.Join(sources, ", ")
	return p, ""
}

// parametersOf are an operation's parameters and those of its path that it does
// not override, in the document's order.
func parametersOf(r *route) []*openapi3.Parameter {
	var list []*openapi3.Parameter
	for _, ref := range slices.Concat(r.spec.Parameters, r.item.Parameters) {
		if ref == nil || ref.Value == nil {
			continue
		}
		overridden := slices.ContainsFunc(list, func(p *openapi3.Parameter) bool {
			return p.Name == ref.Value.Name && p.In == ref.Value.In
		})
		if !overridden {
			list = append(list, ref.Value)
		}
	}
	return list
}

// unsafe says why an operation must not be called by a machine, or "".
func (d *Document) unsafe(r *route) string {
	if r.Method == http.MethodHead && r.item.Get != nil {
		return "its GET is probed"
	}
	if !r.Safe {
		return r.Method + " may change something"
	}
	if r.spec.RequestBody != nil && r.spec.RequestBody.Value != nil && r.spec.RequestBody.Value.Required {
		return "needs a request body"
	}
	if word := riskyWord(r); word != "" {
		return fmt.Sprintf("looks as if it did something (%q)", word)
	}
	return answersOf(r.spec)
}

// answersOf says why an operation's documented answers rule a probe out, or "".
func answersOf(spec *openapi3.Operation) string {
	if spec.Responses.Len() == 0 {
		return ""
	}
	good := false
	for code, ref := range spec.Responses.Map() {
		if !strings.HasPrefix(code, "2") && code != "default" {
			continue
		}
		good = true
		if ref == nil || ref.Value == nil {
			continue
		}
		for media := range ref.Value.Content {
			if strings.HasPrefix(media, "text/event-stream") {
				return "streams without end (text/event-stream)"
			}
		}
	}
	if !good {
		return "documents no successful answer (2xx)"
	}
	return ""
}

// riskyWords are what operations are called that do something although they are
// a GET: they log out, clear, or start work.
var riskyWords = setOf("logout signout logoff signoff delete remove destroy purge clear flush truncate drop reset revoke " +
	"cancel abort kill stop shutdown restart reboot reload export download unsubscribe subscribe deactivate activate " +
	"disable enable trigger execute exec rebuild reindex migrate rollback sync impersonate")

// riskyWord returns the first risky word in the fixed segments of a route or in
// its operationId ("resetOrders", "reset_orders"), or "".
func riskyWord(r *route) string {
	for segment := range strings.SplitSeq(r.Path, "/") {
		if strings.Contains(segment, "{") {
			continue
		}
		if word := riskyIn(segment); word != "" {
			return word
		}
	}
	return riskyIn(r.ID)
}

func riskyIn(text string) string {
	for _, word := range wordsOf(text) {
		if riskyWords[word] {
			return word
		}
	}
	return ""
}

// wordsOf splits "sign-out", "sign_out" and "signOut"; two neighbours are also
// joined, so that "log-out" gives "logout".
func wordsOf(text string) []string {
	var words []string
	start := -1
	flush := func(end int) {
		if start >= 0 {
			words = append(words, strings.ToLower(text[start:end]))
		}
		start = -1
	}
	for i := range len(text) {
		b := text[i]
		letter := b|0x20 >= 'a' && b|0x20 <= 'z'
		upper := b >= 'A' && b <= 'Z'
		afterLower := i > 0 && text[i-1] >= 'a' && text[i-1] <= 'z'
		if !letter || (upper && afterLower) {
			flush(i)
		}
		if letter && start < 0 {
			start = i
		}
	}
	flush(len(text))
	for i := len(words) - 1; i > 0; i-- {
		words = append(words, words[i-1]+words[i])
	}
	return words
}

// needsAuth names the authentication that an operation needs, or "". A list of
// requirements means any of them; an empty one in it means none is needed.
func (d *Document) needsAuth(spec *openapi3.Operation) string {
	requirements := d.spec.Security
	if spec.Security != nil {
		requirements = *spec.Security
	}
	if len(requirements) == 0 {
		return ""
	}
	needs := ""
	for _, requirement := range requirements {
		if len(requirement) == 0 {
			return ""
		}
		names := make([]string, 0, len(requirement))
		for name := range requirement {
			names = append(names, name)
		}
		slices.Sort(names)
		if needs == "" {
			needs = "needs " + d.schemeName(names[0])
		}
	}
	return needs
}

func (d *Document) schemeName(name string) string {
	if d.spec.Components == nil || d.spec.Components.SecuritySchemes[name] == nil || d.spec.Components.SecuritySchemes[name].Value == nil {
		return fmt.Sprintf("authentication (%s)", shorten(name))
	}
	scheme := d.spec.Components.SecuritySchemes[name].Value
	switch scheme.Type {
	case "http":
		return strings.ToLower(shorten(scheme.Scheme)) + " authentication"
	case "apiKey":
		return fmt.Sprintf("an API key in %s %s", shorten(scheme.In), shorten(scheme.Name))
	case "oauth2":
		return "OAuth 2 authentication"
	case "openIdConnect":
		return "OpenID Connect authentication"
	case "mutualTLS":
		return "a client certificate"
	}
	return fmt.Sprintf("authentication (%s)", shorten(name))
}
