package checks

import (
	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/units"
)

// Check is one entry of the `checks:` section: a scheduled probe.
type Check struct {
	// Name of the check, unique in the file. Example: orders-health
	Name string `yaml:"name"`
	// API that the check belongs to, by name; relative URLs are on its url.
	API string `yaml:"api"`
	// URL to GET. Alone it means: 2xx within the timeout, certificate good for 14 days. Example: /health
	URL string `yaml:"url"`
	// Request in full, instead of `url`.
	Request *probe.HTTPRequest `yaml:"request"`
	// Steps in order, instead of `url` or `request`; one run, one result. Cookies are shared between them.
	Steps []RequestStep `yaml:"steps"`
	// Assert lists what must hold. Default: `status in 200..299`, and `tls.expires_in > 14d` or else degraded.
	Assert []Assertion `yaml:"assert"`
	// Every says how often the check runs. Default: 1m.
	Every units.Duration `yaml:"every"`
	// Interval is the same as `every`.
	Interval units.Duration `yaml:"interval"`
	// Cron schedule instead of `every`: minute, hour, day of month, month, weekday. Example: "*/5 * * * *"
	Cron string `yaml:"cron"`
	// Active hours; outside them the check does not run, and a start of `every` moves to just after they open. Example: Mon-Fri 08:00-20:00 Europe/Berlin
	Active string `yaml:"active"`
	// Timeout of one attempt, over all its steps. Default: 10s, or three quarters of `every` when that is shorter.
	Timeout units.Duration `yaml:"timeout"`
	// Retries within one run, before it counts as failed.
	Retries Retries `yaml:"retries"`
	// Alert says when the check counts as down and as recovered.
	Alert Alert `yaml:"alert"`
	// DependsOn names checks; while one of them is down, this one's failure is shown as its consequence.
	DependsOn []string `yaml:"depends_on"`
	// Labels to group and select by. Example: {team: shop}
	Labels map[string]string `yaml:"labels"`
	// Paused keeps the check from running.
	Paused bool `yaml:"paused"`

	// Sensitive are values that came from the environment or a file: the loader
	// sets them so that they can be redacted from evidence.
	Sensitive []string `yaml:"-"`
}

// RequestStep is one request of a check with several.
type RequestStep struct {
	// Name of the step. Default: its number.
	Name string `yaml:"name"`
	// Request to send.
	Request probe.HTTPRequest `yaml:"request"`
	// Assert lists what must hold before the next step runs. Default: `status in 200..299`.
	Assert []Assertion `yaml:"assert"`
	// Capture values for later steps, by name: an expression over the answer. Example: {token: json.access_token}
	Capture map[string]Capture `yaml:"capture"`
	// Always runs the step even if an earlier one failed: for cleaning up.
	Always bool `yaml:"always"`
}

// Capture takes a value out of an answer.
type Capture struct {
	// Expr over the answer, as in assertions. Example: json.access_token
	Expr string `yaml:"expr"`
	// Public values are shown in evidence; others are redacted everywhere.
	Public bool `yaml:"public"`
}

// FromScalar reads the short form: `token: json.access_token`.
func (c *Capture) FromScalar(text string) error {
	c.Expr = text
	return nil
}

// Assertion is one thing that must hold.
type Assertion struct {
	// Expr is an expression over the answer, or `contract`: it matches its OpenAPI operation. Example: status == 200
	Expr string `yaml:"expr"`
	// Schema is a JSON Schema file that the answer's JSON must match, instead of `expr`.
	Schema string `yaml:"schema"`
	// Else says what a failure means: fail or degraded. Default: fail.
	Else string `yaml:"else"`
}

// FromScalar reads the short form: `- status == 200`.
func (a *Assertion) FromScalar(text string) error {
	a.Expr = text
	return nil
}

// Retries are further attempts within one run. Every attempt is kept and shown.
type Retries struct {
	// Max number of further attempts. Default: 0.
	Max int `yaml:"max"`
	// Delay before the first of them, 1h at most; all delays together must be shorter than `every`. Default: 1s.
	Delay units.Duration `yaml:"delay"`
	// Backoff of the delays: fixed, linear or exponential. Default: fixed.
	Backoff string `yaml:"backoff"`
	// On says which failures are tried again: any or network. Default: any.
	On string `yaml:"on"`
}

// Alert says when a check changes its state.
type Alert struct {
	// After this many failed runs in a row the check is down. Default: 1.
	After int `yaml:"after"`
	// RecoverAfter this many good runs in a row it is up again. Default: 1.
	RecoverAfter int `yaml:"recover_after"`
	// To names receivers that are told, whatever `route` says. Default: as `route` says. Example: [slack-api]
	To []string `yaml:"to"`
	// Severity of its alert: info, warning or critical. Default: critical when it is down, warning when it is degraded or flaky.
	Severity string `yaml:"severity"`
}

// Retention is the `history:` section: how long results are kept.
type Retention struct {
	// Results, each run with its phases. Default: 30d.
	Results units.Duration `yaml:"results"`
	// Hourly roll-ups. Default: 90d.
	Hourly units.Duration `yaml:"hourly"`
	// Daily roll-ups, for the uptime over 365 days. Default: 800d.
	Daily units.Duration `yaml:"daily"`
	// Evidence is how many kept requests and answers each check has at most. Default: 50.
	Evidence int `yaml:"evidence"`
}
