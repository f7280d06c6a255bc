package app

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/heartbeats"
	"lapwing.dev/lapwing/internal/ingest"
	"lapwing.dev/lapwing/internal/metrics/rules"
	"lapwing.dev/lapwing/internal/slo"
)

// The sources of alerts: who says what is wrong. Each tells all of it every time,
// so that what is not wrong any more ends by itself; rules alone tell of each
// alert, as Prometheus does.
const (
	fromChecks     = "checks"
	fromRetries    = "retries" // of checks that passed only after one
	fromHeartbeats = "heartbeats"
	fromHealth     = "health"
	fromSLO        = "slo"
	fromLogs       = "logs"
	fromRules      = "rules"
)

// learns is how long after a start a source may not know yet what it knew before:
// until then what it does not tell goes on.
func learns(source string) time.Duration {
	switch source {
	case fromRetries:
		return flakyOver
	case fromHealth:
		return 2 * time.Minute
	case fromLogs:
		return 5 * time.Minute
	}
	return 0
}

// alertTaker is what is told of alerts; *alerting.Manager is one.
type alertTaker interface {
	Put(ctx context.Context, alerts ...alerting.Alert) error
	Sync(ctx context.Context, source string, firing []alerting.Alert) error
	Add(ctx context.Context, source string, firing []alerting.Alert) error
	SetPending(source string, pending []alerting.Alert)
}

// checkBook knows how checks stand; *checks.Manager is one.
type checkBook interface {
	List() []checks.View
	Detail(ctx context.Context, id string, run checks.RunID) (*checks.Result, *checks.Evidence, error)
	TraceID(id string, run checks.RunID) string
}

// beatBook knows how heartbeats stand; *heartbeats.Manager is one.
type beatBook interface{ List() []heartbeats.View }

type tellerDeps struct {
	log     *slog.Logger
	checks  checkBook
	beats   beatBook
	notices *health.Registry
	to      alertTaker
	waiting func() []rules.Alert     // of users' rules, not long enough yet; may be nil
	page    func(path string) string // the absolute link to a page
	// failures are kinds of failed requests since a time, most frequent first; may be nil.
	failures func(api, operation string, since time.Time, most int) []slo.TopError
}

// teller turns what the parts find wrong into alerts.
type teller struct {
	tellerDeps

	started    time.Time
	off        atomic.Pointer[map[string]bool] // names of built-in alerts that nobody wants
	dirty      chan struct{}                   // a check may have changed
	conditions chan []slo.Condition
	lines      chan []ingest.Condition

	mu      sync.Mutex
	telling map[string]bool // checks that have an alert
	told    map[story]notes
	failed  map[failure]notes      // by Run alone
	retried map[string][]time.Time // by check: when it passed only after a retry
}

func newTeller(d tellerDeps) *teller {
	d.log = d.log.With("part", "alerts")
	return &teller{
		tellerDeps: d, dirty: make(chan struct{}, 1), conditions: make(chan []slo.Condition, 1), lines: make(chan []ingest.Condition, 1),
		telling: map[string]bool{}, told: map[story]notes{}, failed: map[failure]notes{}, retried: map[string][]time.Time{},
	}
}

// Observe looks at a stored result; it does not block. Most results change
// nothing and cost a look into a map.
func (t *teller) Observe(r *checks.Result) {
	if r.Flaky() {
		t.noteFlaky(r)
	}
	if r.State == checks.Up && r.Status == checks.Up && !r.Flaky() {
		t.mu.Lock()
		telling := t.telling[r.Check]
		t.mu.Unlock()
		if !telling {
			return
		}
	}
	select {
	case t.dirty <- struct{}{}:
	default: // somebody is on the way already
	}
}

// Conditions takes what package slo finds wrong; the latest word counts.
func (t *teller) Conditions(list []slo.Condition) { latest(t.conditions, list) }

// Lines takes what error logs say.
func (t *teller) Lines(list []ingest.Condition) { latest(t.lines, list) }

// latest puts a value into a channel for one, in the place of an older one.
func latest[T any](to chan T, value T) {
	for {
		select {
		case to <- value:
			return
		default:
		}
		select {
		case <-to:
		default:
		}
	}
}

// How often it is looked at what is wrong.
const (
	looksEvery  = 15 * time.Second       // jobs become late, certificates come nearer, checks are paused and removed
	gathers     = 200 * time.Millisecond // what fails together is told together
	restsAtMost = 5 * time.Second
	restsFor    = 10 // times as long as a look took: with thousands of failing checks it is work
)

// Run tells until ctx ends.
func (t *teller) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	t.started = time.Now()
	due, rested := t.started, time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.dirty:
			// Checks that go on failing must not put it off again and again.
			if at := later(time.Now().Add(gathers), rested); at.Before(due) {
				due = at
				timer.Reset(time.Until(due))
			}
		case list := <-t.conditions:
			t.tellConditions(ctx, list)
		case list := <-t.lines:
			t.sync(ctx, fromLogs, t.ofLines(list))
		case <-timer.C:
			began := time.Now()
			failing, flaky := t.ofChecks(ctx)
			t.sync(ctx, fromChecks, failing)
			t.sync(ctx, fromRetries, flaky)
			t.sync(ctx, fromHeartbeats, t.ofHeartbeats())
			t.sync(ctx, fromHealth, t.ofHealth())
			t.showWaiting()
			now := time.Now()
			rested = now.Add(min(restsFor*now.Sub(began), restsAtMost))
			due = now.Add(looksEvery)
			timer.Reset(looksEvery)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (t *teller) sync(ctx context.Context, source string, list []alerting.Alert) {
	if off := t.off.Load(); off != nil {
		list = slices.DeleteFunc(list, func(a alerting.Alert) bool { return (*off)[a.Labels[alerting.LabelName]] })
	}
	tell := t.to.Sync
	if time.Since(t.started) < learns(source) {
		tell = t.to.Add
	}
	if err := tell(ctx, source, list); err != nil && ctx.Err() == nil {
		t.log.Error("alerts could not be stored; they are told again shortly", "source", source, "error", err)
	}
}

func (t *teller) tellConditions(ctx context.Context, list []slo.Condition) {
	var firing, pending []alerting.Alert
	for i := range list {
		switch list[i].State {
		case slo.Pending:
			pending = append(pending, t.ofCondition(&list[i]))
		default:
			if !list[i].Fired.IsZero() {
				firing = append(firing, t.ofCondition(&list[i]))
			}
		}
	}
	t.forgetFailed(list)
	t.to.SetPending(fromSLO, pending)
	t.sync(ctx, fromSLO, firing)
}

// showWaiting shows alerts of users' rules that are not long enough yet.
func (t *teller) showWaiting() {
	const most = 1000
	if t.waiting == nil {
		return
	}
	list := t.waiting()
	pending := make([]alerting.Alert, 0, min(len(list), most))
	for i := range list[:min(len(list), most)] {
		pending = append(pending, t.ofRule(&list[i]))
	}
	t.to.SetPending(fromRules, pending)
}

// Rules takes alerts of users' rules.
func (t *teller) Rules(ctx context.Context, list []rules.Alert) {
	alerts := make([]alerting.Alert, len(list))
	for i := range list {
		alerts[i] = t.ofRule(&list[i])
	}
	if err := t.to.Put(ctx, alerts...); err != nil && ctx.Err() == nil {
		t.log.Error("alerts could not be stored; they are told again in a minute", "source", fromRules, "error", err)
	}
}
