package checks

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/secret"
	"lapwing.dev/lapwing/internal/units"
)

// Event is what the live stream says of a run.
type Event struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	API       string    `json:"api,omitempty"`
	State     Status    `json:"state"`
	Since     time.Time `json:"since,omitzero"`
	Status    Status    `json:"status,omitzero"` // of the last run
	Reason    string    `json:"reason,omitempty"`
	LatencyMS float64   `json:"latency_ms"`
	Run       RunID     `json:"run,omitempty"`
	At        time.Time `json:"at,omitzero"`
	Flaky     bool      `json:"flaky,omitempty"`
	Failures  int       `json:"failures,omitempty"`
}

// event describes the check's last run. The caller holds the lock.
func (c *check) event() Event {
	e := Event{
		ID: c.plan.id, Name: c.plan.config.Name, API: c.plan.config.API,
		State: c.state(), Since: c.shown.life.Since, Failures: c.shown.life.Failures,
	}
	if r := c.shown.last; r != nil {
		e.Status, e.Reason, e.Run, e.At, e.Flaky = r.Status, r.Last().Reason, r.Run, r.At(), r.Flaky()
		e.LatencyMS = float64(r.Latency().Microseconds()) / 1000
	}
	return e
}

// state is what people see: a pause hides what was before.
func (c *check) state() Status {
	if c.paused() {
		return Paused
	}
	if c.shown.life.State == Paused { // resumed, and not run since
		return Unknown
	}
	return c.shown.life.State
}

// List returns all checks in the order of the file.
func (m *Manager) List() []View {
	m.mu.Lock()
	views := make([]View, 0, len(m.order))
	for _, id := range m.order {
		views = append(views, m.view(m.checks[id]))
	}
	m.mu.Unlock()
	for i := range views {
		m.complete(&views[i])
	}
	return views
}

// View returns one check; fault.NotFound when there is none with this ID.
func (m *Manager) View(id string) (View, error) {
	m.mu.Lock()
	c := m.checks[id]
	if c == nil {
		m.mu.Unlock()
		return View{}, fault.NotFound("there is no check %q", id)
	}
	v := m.view(c)
	m.mu.Unlock()
	m.complete(&v)
	return v, nil
}

// complete fills in what other locks guard.
func (m *Manager) complete(v *View) {
	if v.State != Paused {
		v.Next = m.scheduler.next(v.ID)
	}
}

// view copies a check. The caller holds the lock.
func (m *Manager) view(c *check) View {
	p := c.plan
	first := &p.steps[0]
	v := View{
		ID: p.id, Name: p.config.Name, API: p.config.API,
		Method: first.request.Method(), Target: redactURL(first.request.URL(), p.redactor),
		Schedule: p.schedule.text, Interval: p.schedule.every, Timeout: p.config.Timeout.Std(),
		Labels: p.config.Labels, State: c.state(), Since: c.shown.life.Since,
		AlertTo: p.config.Alert.To, Severity: p.config.Alert.Severity,
		Failures: c.shown.life.Failures, Running: m.inFlight[p.id] != 0, Missed: c.missed, CertExpires: c.shown.facts.certExpires,
	}
	v.Operation = m.operation(p, v.Method, first.request.URL())
	v.StepViews = make([]StepView, 0, len(p.steps))
	for i := range p.steps {
		step := p.steps[i].view(p.redactor)
		if step.Name != "" {
			v.Steps = append(v.Steps, step.Name)
		}
		v.Asserts = append(v.Asserts, step.Asserts...)
		v.StepViews = append(v.StepViews, step)
	}
	for _, name := range p.config.DependsOn {
		v.DependsOn = append(v.DependsOn, ID(name))
	}
	switch {
	case c.life.Paused:
		v.PausedBy = c.life.PausedBy
	case p.config.Paused:
		v.PausedBy = "configuration"
	}
	if r := c.shown.last; r != nil {
		last := *r
		v.Last, v.Flaky, v.Reason = &last, r.Flaky(), r.Last().Reason
		if r.Status == Up && v.State == Down {
			v.Reason = "answering again; waiting for more good runs"
		}
	}
	for _, seconds := range c.shown.recent {
		v.Recent = append(v.Recent, time.Duration(float64(seconds)*float64(time.Second)))
	}
	if v.State == Down || v.State == Degraded {
		v.BecauseOf = m.rootCause(c, map[string]bool{p.id: true})
	}
	return v
}

// view describes one request.
func (sp *stepPlan) view(redactor *secret.Redactor) StepView {
	v := StepView{Name: sp.name, Method: sp.request.Method(), Target: redactURL(sp.request.URL(), redactor), Always: sp.always}
	for i := range sp.asserts {
		a := &sp.asserts[i]
		if a.isDefaultCert() && strings.HasPrefix(sp.request.URL(), "http://") {
			continue // there will be no certificate
		}
		v.Asserts = append(v.Asserts, redactor.Text(a.text))
	}
	for _, c := range sp.captures {
		v.Captures = append(v.Captures, c.name)
	}
	slices.Sort(v.Captures)
	return v
}

// rootCause follows depends_on to the deepest check that is down.
func (m *Manager) rootCause(c *check, seen map[string]bool) string {
	for _, name := range c.plan.config.DependsOn {
		id := ID(name)
		on := m.checks[id]
		if on == nil || seen[id] || on.state() != Down {
			continue
		}
		seen[id] = true
		if deeper := m.rootCause(on, seen); deeper != "" {
			return deeper
		}
		return id
	}
	return ""
}

// operation names the operation that a check requests, when its API's document has it.
func (m *Manager) operation(p *plan, method, rawURL string) string {
	if m.contracts == nil || p.config.API == "" {
		return ""
	}
	name, _ := m.contracts.Operation(p.config.API, method, pathOf(rawURL))
	return name
}

// Results returns runs of a check, newest first.
func (m *Manager) Results(ctx context.Context, id string, from, to time.Time, limit int) ([]Result, error) {
	if err := m.known(id); err != nil {
		return nil, err
	}
	return m.store.Results(ctx, id, from, to, limit)
}

// Detail returns one run, with its evidence when that was kept (else nil).
func (m *Manager) Detail(ctx context.Context, id string, run RunID) (*Result, *Evidence, error) {
	if err := m.known(id); err != nil {
		return nil, nil, err
	}
	result, err := m.store.Result(ctx, id, run)
	if err != nil {
		return nil, nil, err
	}
	evidence, err := m.store.Evidence(ctx, id, run)
	if fault.KindOf(err) == fault.KindNotFound {
		return result, nil, nil
	}
	return result, evidence, err
}

// EvidenceRuns returns the runs whose request and answer were kept, newest first.
func (m *Manager) EvidenceRuns(ctx context.Context, id string) ([]RunID, error) {
	if err := m.known(id); err != nil {
		return nil, err
	}
	return m.store.EvidenceRuns(ctx, id)
}

// Rollups returns hourly or daily counts, oldest first, by check ID.
func (m *Manager) Rollups(ctx context.Context, ids []string, step Step, from, to time.Time) (map[string][]Rollup, error) {
	return m.store.Rollups(ctx, ids, step, from, to)
}

// Transitions returns changes of state, newest first; id "" is all checks.
func (m *Manager) Transitions(ctx context.Context, id string, limit int) ([]Transition, error) {
	if id != "" {
		if err := m.known(id); err != nil {
			return nil, err
		}
	}
	return m.store.Transitions(ctx, id, limit)
}

// TraceID is the W3C trace id that the requests of a run carried.
func (m *Manager) TraceID(id string, run RunID) string {
	return m.runner.tracer.traceID(id, run)
}

func (m *Manager) known(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.checks[id] == nil {
		return fault.NotFound("there is no check %q", id)
	}
	return nil
}

// Uptime returns the share of good runs over the usual windows, from roll-ups:
// hours for a day and a week, days for longer windows. A window includes the
// step in which it begins.
func (m *Manager) Uptime(ctx context.Context, ids []string) (map[string]Uptime, error) {
	now := time.Now()
	hours, err := m.store.Rollups(ctx, ids, Hourly, Hourly.Start(now.Add(-units.Week)), now)
	if err != nil {
		return nil, err
	}
	days, err := m.store.Rollups(ctx, ids, Daily, Daily.Start(now.Add(-365*units.Day)), now)
	if err != nil {
		return nil, err
	}
	uptimes := make(map[string]Uptime, len(ids))
	for _, id := range ids {
		uptimes[id] = Uptime{
			Day:     shareSince(hours[id], Hourly.Start(now.Add(-units.Day))),
			Week:    shareSince(hours[id], Hourly.Start(now.Add(-units.Week))),
			Month:   shareSince(days[id], Daily.Start(now.Add(-30*units.Day))),
			Quarter: shareSince(days[id], Daily.Start(now.Add(-90*units.Day))),
			Year:    shareSince(days[id], Daily.Start(now.Add(-365*units.Day))),
		}
	}
	return uptimes, nil
}

func shareSince(rollups []Rollup, from time.Time) Share {
	var s Share
	first := sort.Search(len(rollups), func(i int) bool { return !rollups[i].Start.Before(from) })
	for i := range rollups[first:] {
		r := &rollups[first+i]
		s.Good += uint64(r.Up + r.Degraded)
		s.Total += uint64(r.Runs())
	}
	return s
}

// Pause keeps a check from running until Resume; it survives restarts.
func (m *Manager) Pause(ctx context.Context, id, by string) error {
	return m.setPaused(ctx, id, by, true)
}

// Resume lets a paused check run again. A check that the file pauses cannot be
// resumed here.
func (m *Manager) Resume(ctx context.Context, id, by string) error {
	return m.setPaused(ctx, id, by, false)
}

func (m *Manager) setPaused(ctx context.Context, id, by string, paused bool) error {
	m.mu.Lock()
	c := m.checks[id]
	switch {
	case c == nil:
		m.mu.Unlock()
		return fault.NotFound("there is no check %q", id)
	case c.plan.config.Paused:
		m.mu.Unlock()
		return fault.Conflict("check %q is paused in the configuration; change `paused:` there", c.plan.config.Name)
	case c.life.Paused == paused:
		m.mu.Unlock()
		return nil
	}
	t := Transition{Check: id, At: time.Now().Round(0), From: c.state(), To: Paused, By: by}
	m.mu.Unlock()
	if !paused {
		t.To = Unknown
	}
	// The store is asked outside the lock: a slow disk must not stop the checks.
	if err := m.store.SetPaused(ctx, t, paused); err != nil {
		return kept(err, "nothing has changed, because it could not be written down")
	}
	m.mu.Lock()
	c = m.checks[id]
	if c == nil {
		m.mu.Unlock()
		return fault.NotFound("check %q was removed", id)
	}
	c.life = Life{State: t.To, Since: t.At, LastRun: c.life.LastRun, Paused: paused}
	if paused {
		c.life.PausedBy = by
	}
	c.shown.life = c.life
	c.previous = verdict{}
	event := c.event()
	m.mu.Unlock()
	if m.publisher != nil {
		m.publisher.Publish("check", &event)
	}
	return nil
}

// IDs returns the IDs of the configured checks, sorted.
func (m *Manager) IDs() []string {
	ids := m.ids()
	slices.Sort(ids)
	return ids
}
