package catalog

import "lapwing.dev/lapwing/internal/units"

// ErrorRate is the `error_rate:` of an API: when the share of failed requests is
// an alert, for each of its operations and for the API as a whole.
type ErrorRate struct {
	// Over is the time that requests are counted over, 1m to 1h. Default: 5m.
	Over units.Duration `yaml:"over"`
	// Warning is the share of failed requests from which there is an alert. Default: 5%.
	Warning *units.Share `yaml:"warning"`
	// Critical is the share from which it is critical. Default: 20%.
	Critical *units.Share `yaml:"critical"`
	// MinRequests that must have come for there to be an alert. Default: 20.
	MinRequests *int `yaml:"min_requests"`
	// MinErrors among them, so that one error at night pages nobody. Default: 3.
	MinErrors *int `yaml:"min_errors"`
	// For is how long it must be so for a warning. Default: 1m.
	For *units.Duration `yaml:"for"`
	// CriticalFor is how long it must be so for a critical alert. Default: 0s, at once: such a share of so many requests is no accident, and somebody should know within seconds.
	CriticalFor *units.Duration `yaml:"critical_for"`
	// Count says what is a failure: statuses (500), classes (5xx) and `transport` for answers that never came. Requests that Lapwing itself refused and clients that went away (499) are never counted. Default: [5xx, transport].
	Count []string `yaml:"count"`
	// Enabled: false counts and shows, but never alerts. Default: true.
	Enabled *bool `yaml:"enabled"`
	// Operations with thresholds of their own, by name; what they do not say is as above. Example: {"POST /orders": {warning: 1%}}
	Operations map[string]ErrorRateOverride `yaml:"operations"`
	// Source that requests are counted from: `exchanges` (gateway, middleware, access logs) or `metrics` (http_server_request_duration_seconds as scraped or received, for an API that only tells metrics). Default: exchanges.
	Source string `yaml:"source"`
	// Selector of the series that mean this API, for `source: metrics`. Default: {job="<name of the API>"}. Example: {job="orders", env="prod"}
	Selector string `yaml:"selector"`
}

// ErrorRateOverride is what one operation has different.
type ErrorRateOverride struct {
	// Warning is the share of failed requests from which there is an alert.
	Warning *units.Share `yaml:"warning"`
	// Critical is the share from which it is critical.
	Critical *units.Share `yaml:"critical"`
	// MinRequests that must have come for there to be an alert.
	MinRequests *int `yaml:"min_requests"`
	// MinErrors among them.
	MinErrors *int `yaml:"min_errors"`
	// Enabled: false never alerts.
	Enabled *bool `yaml:"enabled"`
}

// Objective is one entry of the `objectives:` of an API: a promise with its
// error budget.
type Objective struct {
	// Name of the objective, unique in the API. Example: availability
	Name string `yaml:"name"`
	// Operation that it is about; without one it is the whole API. Example: GET /orders/{id}
	Operation string `yaml:"operation"`
	// Latency that requests must not exceed, for an objective about speed; without one the objective is that requests do not fail. Example: 300ms
	Latency units.Duration `yaml:"latency"`
	// Target is the share of good requests that is promised. Example: 99.9%
	Target units.Share `yaml:"target"`
	// Over is the period of the promise, 1d to 90d. Default: 30d.
	Over units.Duration `yaml:"over"`
	// MinRequests that both windows of a burn-rate alert must have. Default: 20.
	MinRequests *int `yaml:"min_requests"`
	// Alerts: false shows the budget, but never alerts. Default: true.
	Alerts *bool `yaml:"alerts"`
}

// Unusual is the `unusual:` section of an API: what is an alert because it is not
// what it was at the same hour of past weeks.
type Unusual struct {
	// Enabled: false never alerts. Default: true.
	Enabled *bool `yaml:"enabled"`
	// Weeks of history that there must be before anything is called unusual, 1 to 4. Default: 2.
	Weeks *int `yaml:"weeks"`
	// Slower is how many times the usual p95 is too slow. Default: 1.5.
	Slower *float64 `yaml:"slower"`
	// Spike is how many times the usual rate is too much. Default: 3.
	Spike *float64 `yaml:"spike"`
	// Drop is the share of the usual rate below which it is too little. Default: 30%.
	Drop *units.Share `yaml:"drop"`
	// MinRequests that are usual within ten minutes: what has fewer is not judged. Default: 50.
	MinRequests *int `yaml:"min_requests"`
}
