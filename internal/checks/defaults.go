package checks

import (
	"time"

	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/units"
)

// The defaults of a check, as the field comments of Check promise them.
const (
	DefaultEvery      = units.Duration(time.Minute)
	DefaultTimeout    = units.Duration(10 * time.Second)
	DefaultRetryDelay = units.Duration(time.Second)

	minEvery = units.Duration(time.Second)
	maxRetry = 10

	maxRetryDelay = units.Duration(time.Hour)
	maxSteps      = 50
)

// The words of the configuration.
const (
	elseFail     = "fail"
	elseDegraded = "degraded"

	backoffFixed       = "fixed"
	backoffLinear      = "linear"
	backoffExponential = "exponential"

	onAny     = "any"
	onNetwork = "network"

	contractAssertion = "contract"
)

const (
	defaultStatusAssertion = "status in 200..299"
	defaultCertAssertion   = "tls.expires_in > 14d"
)

// DefaultRetention is how long history is kept when the file says nothing.
func DefaultRetention() Retention {
	return Retention{
		Results:  units.Duration(30 * units.Day),
		Hourly:   units.Duration(90 * units.Day),
		Daily:    units.Duration(800 * units.Day),
		Evidence: 50,
	}
}

// withDefaults fills in what the file left out. It never changes c.
func (c Check) withDefaults() Check {
	if c.Every == 0 {
		c.Every = c.Interval
	}
	if c.Every == 0 && c.Cron == "" {
		c.Every = DefaultEvery
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
		if c.Every != 0 {
			c.Timeout = min(c.Timeout, c.Every*3/4) // a hanging target must not run into the next start
		}
	}
	if c.Retries.Delay == 0 {
		c.Retries.Delay = DefaultRetryDelay
	}
	if c.Retries.Backoff == "" {
		c.Retries.Backoff = backoffFixed
	}
	if c.Retries.On == "" {
		c.Retries.On = onAny
	}
	c.Alert.After = max(c.Alert.After, 1)
	c.Alert.RecoverAfter = max(c.Alert.RecoverAfter, 1)
	return c
}

// requests returns the steps of a check in the one form in which they run:
// a check with `url` or `request` has one step without a name.
func (c *Check) requests() []RequestStep {
	switch {
	case len(c.Steps) > 0:
		return c.Steps
	case c.Request != nil:
		return []RequestStep{{Request: *c.Request, Assert: c.Assert}}
	default:
		return []RequestStep{{Request: probe.HTTPRequest{URL: c.URL}, Assert: c.Assert}}
	}
}
