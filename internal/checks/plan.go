package checks

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"

	"lapwing.dev/lapwing/internal/checks/assert"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/secret"
)

// Contracts holds answers to the OpenAPI document of an API. Package catalog
// implements it.
type Contracts interface {
	// ValidateResponse returns nil when the answer matches its operation, else
	// an error that says in one sentence what does not. It waits for the
	// document, within ctx, when it is not loaded yet.
	ValidateResponse(ctx context.Context, api, method string, u *url.URL, status int, header http.Header, body []byte) error
	// Operation names the operation that a request belongs to: "GET /orders/{id}".
	Operation(api, method, path string) (name string, ok bool)
}

// requester is one prepared request; *probe.Probe is the real one.
type requester interface {
	Do(ctx context.Context, in probe.Input) (*probe.Response, error)
	Method() string
	URL() string
}

// release gives back what the plan's requests share; runs under way finish.
func (p *plan) release(http *probe.HTTP) {
	for i := range p.steps {
		if prepared, ok := p.steps[i].request.(*probe.Probe); ok {
			http.Release(prepared)
		}
	}
}

// plan is a check made ready to run: everything that can be parsed, read or
// refused has been. It is immutable.
type plan struct {
	id       string
	config   Check // with defaults
	schedule schedule
	steps    []stepPlan
	redactor *secret.Redactor
}

// stepPlan is one request of a plan.
type stepPlan struct {
	name     string
	request  requester
	asserts  []assertion
	captures []capture
	body     probe.BodyNeed
	always   bool
}

// assertion is one thing that must hold; exactly one of program, schema and
// contract is set.
type assertion struct {
	text     string
	program  *assert.Program
	schema   *assert.Schema
	contract bool
	degrades bool
}

// capture takes one value for later steps.
type capture struct {
	name    string
	program *assert.Program
	public  bool
}

// compiler makes plans; it has what they share.
type compiler struct {
	http        *probe.HTTP
	dir         string            // folder that relative files are relative to
	apis        map[string]string // base URL by API name
	expressions expressions
}

// compile makes a plan of a check, or says everything that is wrong with it.
func (k *compiler) compile(c Check) (*plan, fault.Problems) {
	c = c.withDefaults()
	problems := c.validate(k.dir, &k.expressions)
	if len(problems) > 0 {
		return nil, problems
	}
	p := &plan{id: ID(c.Name), config: c, redactor: secret.NewRedactor(c.secrets()...)}
	var err error
	if p.schedule, err = newSchedule(p.id, &p.config); err != nil {
		problems.Add("", "", "%s", err)
		return nil, problems
	}
	var vars []string
	for i, step := range c.requests() {
		path := c.stepPath(i)
		sp, err := k.compileStep(&c, step, i, vars)
		if err != nil {
			problems.Add(path, "", "%s", err)
			continue
		}
		for _, captured := range sp.captures {
			vars = append(vars, captured.name)
		}
		p.steps = append(p.steps, sp)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return p, nil
}

// stepPath is where the request of step i stands in the file, relative to the check.
func (c *Check) stepPath(i int) string {
	switch {
	case len(c.Steps) > 0:
		return fmt.Sprintf("steps[%d].request", i)
	case c.Request != nil:
		return "request"
	default:
		return "url"
	}
}

func (k *compiler) compileStep(c *Check, step RequestStep, i int, vars []string) (stepPlan, error) {
	sp := stepPlan{name: step.Name, always: step.Always}
	if sp.name == "" && len(c.Steps) > 0 {
		sp.name = strconv.Itoa(i + 1)
	}
	prepared, err := k.http.Prepare(step.Request, probe.Target{BaseURL: k.apis[c.API]})
	if err != nil {
		return sp, err
	}
	sp.request = prepared
	if sp.asserts, err = k.compileAsserts(step.Assert, vars); err != nil {
		return sp, err
	}
	for _, name := range slices.Sorted(maps.Keys(step.Capture)) { // in the order in which they were validated
		captured := step.Capture[name]
		program, err := k.expressions.value(captured.Expr, vars)
		if err != nil {
			return sp, fmt.Errorf("capture %s: %w", name, err)
		}
		sp.captures = append(sp.captures, capture{name: name, program: program, public: captured.Public})
	}
	sp.body = sp.bodyNeed()
	return sp, nil
}

// compileAsserts compiles the given assertions, or the defaults when there are
// none. The certificate's default stays unless an assertion speaks of TLS.
func (k *compiler) compileAsserts(given []Assertion, vars []string) ([]assertion, error) {
	if len(given) == 0 {
		given = []Assertion{{Expr: defaultStatusAssertion}}
	}
	asserts := make([]assertion, 0, len(given)+1)
	speaksOfTLS := false
	for _, g := range given {
		a, err := k.compileAssert(g, vars)
		if err != nil {
			return nil, err
		}
		if a.program != nil && a.program.Mentions("tls") {
			speaksOfTLS = true
		}
		asserts = append(asserts, a)
	}
	if !speaksOfTLS {
		program, err := k.expressions.condition(defaultCertAssertion, nil)
		if err != nil {
			return nil, err
		}
		asserts = append(asserts, assertion{text: defaultCertAssertion, program: program, degrades: true})
	}
	return asserts, nil
}

func (k *compiler) compileAssert(g Assertion, vars []string) (assertion, error) {
	a := assertion{text: g.Expr, degrades: g.Else == elseDegraded}
	var err error
	switch {
	case g.Schema != "":
		a.text = "schema " + g.Schema
		a.schema, err = assert.LoadSchema(resolvePath(k.dir, g.Schema))
	case g.Expr == contractAssertion:
		a.contract = true
	default:
		a.program, err = k.expressions.condition(g.Expr, vars)
	}
	return a, err
}

// isDefaultCert reports the certificate assertion that Lapwing adds; it is not
// judged, and not shown, for plain HTTP.
func (a *assertion) isDefaultCert() bool { return a.degrades && a.text == defaultCertAssertion }

// bodyNeed says how much of the answer the step's assertions want to see.
func (sp *stepPlan) bodyNeed() probe.BodyNeed {
	for i := range sp.asserts {
		a := &sp.asserts[i]
		if a.contract || a.schema != nil || a.program.NeedsBody() {
			return probe.KeepAll
		}
	}
	for i := range sp.captures {
		if sp.captures[i].program.NeedsBody() {
			return probe.KeepAll
		}
	}
	return probe.KeepEvidence
}

func resolvePath(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// secrets are the values that must not be kept in evidence.
func (c *Check) secrets() []string {
	values := append([]string(nil), c.Sensitive...)
	for _, step := range c.requests() {
		a := step.Request.Auth
		if a == nil {
			continue
		}
		values = append(values, a.Bearer.Reveal())
		if a.Basic != nil {
			values = append(values, a.Basic.Password.Reveal())
		}
		if a.OAuth2 != nil {
			values = append(values, a.OAuth2.ClientSecret.Reveal())
		}
	}
	return values
}
