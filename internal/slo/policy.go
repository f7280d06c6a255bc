package slo

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/catalog"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/observe"
)

// Defaults of an API's error_rate.
const (
	defaultOver        = 5 * time.Minute
	defaultWarning     = .05
	defaultCritical    = .20
	defaultMinRequests = 20
	defaultMinErrors   = 3
	defaultFor         = time.Minute
	defaultPeriod      = 30 * units.Day
)

// policy is an API's error_rate with its defaults filled in. It is never changed.
type policy struct {
	over         time.Duration
	warningFor   time.Duration
	criticalFor  time.Duration
	all          thresholds            // of the API and of operations without their own
	own          map[string]thresholds // by operation
	failing      [600]bool             // by status
	transport    bool                  // no answer is a failure, too
	fromMetrics  bool                  // exchanges do not count: series do
	selector     string
	unusual      unusual
	slowBeyond   []time.Duration            // thresholds of objectives of the whole API
	slowOfOne    map[string][]time.Duration // of operations, besides
	objectivesOf []catalog.Objective
}

// thresholds say when there is an alert about an error rate.
type thresholds struct {
	warning, critical      float64
	minRequests, minErrors uint64
	alerts                 bool
}

// newPolicy fills in the defaults of an API whose configuration is valid.
func newPolicy(api *catalog.API) *policy {
	e := &api.ErrorRate
	p := &policy{
		over: deref(positive(e.Over), defaultOver), warningFor: defaultFor,
		own:         map[string]thresholds{},
		fromMetrics: e.Source == "metrics", selector: e.Selector,
		unusual:      newUnusual(&api.Unusual),
		slowOfOne:    map[string][]time.Duration{},
		objectivesOf: api.Objectives,
	}
	if e.For != nil {
		p.warningFor = e.For.Std()
	}
	if e.CriticalFor != nil {
		p.criticalFor = e.CriticalFor.Std()
	}
	if p.selector == "" {
		p.selector = "{job=" + strconv.Quote(api.Name) + "}"
	}
	p.all = thresholds{
		warning: float64(deref(e.Warning, defaultWarning)), critical: float64(deref(e.Critical, defaultCritical)),
		minRequests: count(e.MinRequests, defaultMinRequests), minErrors: count(e.MinErrors, defaultMinErrors),
		alerts: deref(e.Enabled, true),
	}
	p.all.inOrder(e.Warning != nil)
	for name, o := range e.Operations {
		t := p.all
		t.warning, t.critical = float64(deref(o.Warning, units.Share(t.warning))), float64(deref(o.Critical, units.Share(t.critical)))
		t.minRequests, t.minErrors = count(o.MinRequests, t.minRequests), count(o.MinErrors, t.minErrors)
		t.alerts = deref(o.Enabled, t.alerts)
		t.inOrder(o.Warning != nil)
		p.own[name] = t
	}
	for _, what := range e.Count {
		p.count(what)
	}
	if len(e.Count) == 0 {
		p.count("5xx")
		p.count("transport")
	}
	for i := range api.Objectives {
		o := &api.Objectives[i]
		switch latency := o.Latency.Std(); {
		case latency == 0:
		case o.Operation == "":
			p.slowBeyond = withDuration(p.slowBeyond, latency)
		default:
			p.slowOfOne[o.Operation] = withDuration(p.slowOfOne[o.Operation], latency)
		}
	}
	return p
}

// inOrder moves the threshold that nobody wrote when the other one passed it.
func (t *thresholds) inOrder(warningWritten bool) {
	switch {
	case t.critical >= t.warning:
	case warningWritten:
		t.critical = t.warning
	default:
		t.warning = t.critical
	}
}

// of returns the thresholds of an operation, "" for the whole API.
func (p *policy) of(operation string) thresholds {
	if t, found := p.own[operation]; found {
		return t
	}
	return p.all
}

// slow returns the durations of which an operation counts what is longer.
func (p *policy) slow(operation string) []time.Duration {
	list := append([]time.Duration(nil), p.slowBeyond...)
	for _, d := range p.slowOfOne[operation] {
		list = withDuration(list, d)
	}
	return list
}

func (p *policy) count(what string) {
	if what == "transport" {
		p.transport = true
		return
	}
	if class, found := strings.CutSuffix(strings.ToLower(what), "xx"); found && len(class) == 1 {
		first := int(class[0]-'0') * 100
		for status := first; status < first+100; status++ {
			p.failing[status] = true
		}
		return
	}
	if status, err := strconv.Atoi(what); err == nil && status < len(p.failing) {
		p.failing[status] = true
	}
}

// outcome is what became of a request: six classes of status that are fine, the
// same six that are failures, and what is apart.
type outcome uint8

const (
	failedBy outcome = 6 // plus the class
	aborted  outcome = 12
	refused  outcome = 13
	outcomes         = 14
)

// classify says what became of a request by its status (0: no answer) and the
// part of the way that failed.
func (p *policy) classify(verdict observe.Verdict, failure observe.ErrorClass, status int) outcome {
	switch verdict {
	case observe.Rejected, observe.Blocked, observe.Unauthorized, observe.Invalid:
		return refused
	}
	if status == 499 || failure == observe.ErrorClientGone {
		return aborted
	}
	var o outcome
	if status >= 100 && status < len(p.failing) {
		o = outcome(status / 100) // #nosec G115 -- below 6
	}
	if o > 0 && p.failing[status] || p.transport && transportFailed(failure, o) {
		o += failedBy
	}
	return o
}

// transportFailed reports whether the API gave no proper answer.
func transportFailed(failure observe.ErrorClass, class outcome) bool {
	switch failure {
	case observe.ErrorConnect, observe.ErrorTimeout, observe.ErrorReset, observe.ErrorProtocol, observe.ErrorNoUpstream, observe.ErrorInternal:
		return true
	}
	return class == 0
}

func deref[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}

func positive(d units.Duration) *time.Duration {
	if d <= 0 {
		return nil
	}
	std := d.Std()
	return &std
}

func count(n *int, otherwise uint64) uint64 {
	if n == nil || *n < 0 {
		return otherwise
	}
	return uint64(*n)
}

func withDuration(list []time.Duration, d time.Duration) []time.Duration {
	if slices.Contains(list, d) {
		return list
	}
	return append(list, d)
}
