package checks

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/checks/assert"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/units"
)

var captureName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validator validates the checks of one file; what many of them say is compiled
// once. It is not safe for concurrent use.
type Validator struct {
	Dir string // folder that relative files are relative to

	expressions expressions
}

// Validate reports every mistake of the check itself; whether the names in it
// (api, depends_on) exist is for the whole file to say.
func (v *Validator) Validate(c *Check) fault.Problems { return c.validate(v.Dir, &v.expressions) }

// Validate is Validator.Validate for a single check. Files are relative to dir.
func (c *Check) Validate(dir string) fault.Problems { return c.validate(dir, &expressions{}) }

func (c *Check) validate(dir string, x *expressions) fault.Problems {
	var ps fault.Problems
	if strings.TrimSpace(c.Name) == "" {
		ps.Add("name", "give each check a name, such as `name: orders-health`", "a check needs a name")
	} else if ID(c.Name) == "" {
		ps.Add("name", "use letters or digits", "%q has no letter or digit", c.Name)
	} else if len(c.Name) > 200 {
		ps.Add("name", "200 bytes at most", "the name is too long")
	}
	c.validateKind(&ps)
	c.validateTimes(&ps)
	c.validateRetries(&ps)
	if len(c.Steps) == 0 {
		if c.Request != nil {
			ps.Merge("request", c.Request.Validate())
		}
		c.validateAsserts(&ps, "", c.Assert, nil, dir, x)
		return ps
	}
	var vars []string
	names := map[string]bool{}
	for i := range c.Steps {
		step := &c.Steps[i]
		path := fmt.Sprintf("steps[%d]", i)
		ps.Merge(path+".request", step.Request.Validate())
		if step.Name != "" && names[step.Name] {
			ps.Add(path+".name", "names of steps are unique within a check", "there is another step %q", step.Name)
		}
		names[step.Name] = true
		c.validateAsserts(&ps, path, step.Assert, vars, dir, x)
		// A step's captures are seen by later steps only, and in a fixed order.
		for _, name := range slices.Sorted(maps.Keys(step.Capture)) {
			validateCapture(&ps, fault.JoinPath(path, "capture."+name), name, step.Capture[name], vars, x)
		}
		vars = append(vars, slices.Sorted(maps.Keys(step.Capture))...)
	}
	return ps
}

func (c *Check) validateKind(ps *fault.Problems) {
	kinds := 0
	for _, given := range []bool{c.URL != "", c.Request != nil, len(c.Steps) > 0} {
		if given {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		ps.Add("", "add `url: /health`, or a `request:`, or `steps:`", "the check asks for nothing")
	case kinds > 1:
		ps.Add("", "keep one", "url, request and steps exclude each other")
	case len(c.Steps) > maxSteps:
		ps.Add("steps", fmt.Sprintf("%d at most; split the check", maxSteps), "%d steps are too many", len(c.Steps))
	}
	if len(c.Steps) > 0 && len(c.Assert) > 0 {
		ps.Add("assert", "move it into the step that it is about", "a check with steps asserts in its steps")
	}
}

func (c *Check) validateTimes(ps *fault.Problems) {
	every, key := c.Every, "every"
	if c.Interval != 0 {
		if c.Every != 0 {
			ps.Add("interval", "keep `every`", "every and interval are the same thing")
		}
		every, key = c.Interval, "interval"
	}
	if c.Cron != "" && every != 0 {
		ps.Add("cron", "keep one", "cron and %s exclude each other", key)
	}
	if every != 0 && every < minEvery {
		ps.Add(key, "the shortest is 1s", "%s is too short", every)
	}
	if _, err := newSchedule("x", &Check{Every: DefaultEvery, Cron: c.Cron}); err != nil {
		ps.Add("cron", `write five fields, such as "*/5 * * * *"`, "%s", err)
		return
	}
	if c.Active != "" {
		if _, err := parseActiveHours(c.Active); err != nil {
			ps.Add("active", "", "%s", err)
			return
		}
	}
	if c.Cron == "" {
		return
	}
	s, err := newSchedule("x", &Check{Cron: c.Cron, Active: c.Active})
	if err != nil {
		ps.Add("cron", "", "%s", err)
		return
	}
	if _, ok := s.next(time.Now()); !ok {
		ps.Add("cron", "change it, or the active hours", "the schedule has no start within a year")
	}
}

func (c *Check) validateRetries(ps *fault.Problems) {
	r := c.Retries
	if r.Max < 0 || r.Max > maxRetry {
		ps.Add("retries.max", fmt.Sprintf("0 to %d", maxRetry), "%d retries", r.Max)
	}
	if r.Delay > maxRetryDelay {
		ps.Add("retries.delay", "the longest is "+maxRetryDelay.String(), "%s is too long", r.Delay)
	} else if every := max(c.Every, c.Interval); every != 0 && r.Max > 0 && r.Max <= maxRetry {
		if pauses := r.pauses(); pauses >= every.Std() {
			ps.Add("retries", "use fewer, or shorter delays", "the delays of all retries take %s, longer than the %s between runs", units.Duration(pauses), every)
		}
	}
	oneOf(ps, "retries.backoff", r.Backoff, backoffFixed, backoffLinear, backoffExponential)
	oneOf(ps, "retries.on", r.On, onAny, onNetwork)
	if c.Alert.After < 0 || c.Alert.After > 1000 {
		ps.Add("alert.after", "1 to 1000", "%d runs", c.Alert.After)
	}
	switch c.Alert.Severity {
	case "", "info", "warning", "critical":
	default:
		ps.Add("alert.severity", "write info, warning or critical", "%q is not a severity", c.Alert.Severity)
	}
	if c.Alert.RecoverAfter < 0 || c.Alert.RecoverAfter > 1000 {
		ps.Add("alert.recover_after", "1 to 1000", "%d runs", c.Alert.RecoverAfter)
	}
}

func (c *Check) validateAsserts(ps *fault.Problems, prefix string, asserts []Assertion, vars []string, dir string, x *expressions) {
	for i, a := range asserts {
		path := fault.JoinPath(prefix, fmt.Sprintf("assert[%d]", i))
		oneOf(ps, path+".else", a.Else, elseFail, elseDegraded)
		switch {
		case a.Expr != "" && a.Schema != "":
			ps.Add(path, "make them two assertions", "expr and schema exclude each other")
		case a.Schema != "":
			if _, err := assert.LoadSchema(resolvePath(dir, a.Schema)); err != nil {
				ps.Add(path+".schema", "", "%s", err)
			}
		case a.Expr == contractAssertion:
			if c.API == "" {
				ps.Add(path, "add `api: NAME` of an API with an `openapi:` document", "contract needs an API")
			}
		case strings.TrimSpace(a.Expr) == "":
			ps.Add(path, "write an expression, such as `status == 200`", "the assertion is empty")
		default:
			_, err := x.condition(a.Expr, vars)
			addExpressionProblem(ps, path, err)
		}
	}
}

func validateCapture(ps *fault.Problems, path, name string, c Capture, vars []string, x *expressions) {
	if !captureName.MatchString(name) {
		ps.Add(path, "use letters, digits and _", "%q cannot be used as ${%s}", name, name)
	}
	if strings.TrimSpace(c.Expr) == "" {
		ps.Add(path, "write an expression, such as `json.access_token`", "the capture is empty")
		return
	}
	_, err := x.value(c.Expr, vars)
	addExpressionProblem(ps, path, err)
}

func addExpressionProblem(ps *fault.Problems, path string, err error) {
	if err == nil {
		return
	}
	if e, ok := errors.AsType[*assert.Error](err); ok {
		*ps = append(*ps, fault.Problem{Path: path, Message: e.Message, Hint: e.Hint, Offset: e.Offset, Excerpt: e.Excerpt})
		return
	}
	ps.Add(path, "", "%s", err)
}

func oneOf(ps *fault.Problems, path, value string, words ...string) {
	if value != "" && !slices.Contains(words, value) {
		ps.Add(path, "use "+strings.Join(words, ", "), "%q is not known here", value)
	}
}
