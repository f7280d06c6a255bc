package api_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"lapwing.dev/lapwing/internal/access"
	"lapwing.dev/lapwing/internal/access/accesstest"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/health"
	"lapwing.dev/lapwing/internal/heartbeats"
	"lapwing.dev/lapwing/internal/ingest"
	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/web/api"
	"lapwing.dev/lapwing/internal/web/live"
	"lapwing.dev/lapwing/internal/web/problem"
	"lapwing.dev/lapwing/internal/web/uitest"
	"lapwing.dev/lapwing/middleware/block"
	"lapwing.dev/lapwing/middleware/observe"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// house is the API over a few invented checks.
type house struct {
	*api.API
	checks  *fakeChecks
	config  *fakeConfig
	health  *health.Registry
	hub     *live.Hub
	streams *live.Streams
	access  *access.Manager
	alerts  *uitest.Alerts
	beats   *fakeBeats
	scope   access.Scope // of the caller

	observed int // exchanges that came in
}

func newHouse(t *testing.T) *house {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	h := &house{
		checks: newFakeChecks(), config: &fakeConfig{}, health: &health.Registry{}, hub: live.NewHub(16), scope: access.Admin,
		access: access.New(access.Deps{Store: accesstest.NewMemory(), Log: log}),
	}
	h.streams = live.NewStreams(live.StreamsDeps{Hub: h.hub, Log: log})
	rush := uitest.Rush(noon)
	h.alerts, h.beats = uitest.RushAlerts(noon), &fakeBeats{}
	h.API = api.New(api.Deps{
		Log: log, Checks: h.checks, Catalog: fakeCatalog{}, Config: h.config, Health: h.health,
		Tokens: h.access, Events: h.streams, About: api.About{Version: "1.2.3", Started: time.Now().Add(-time.Hour)},
		Traffic: rush.Requests, Limits: rush.Limits, Blocks: rush.Blocks, Upstreams: rush.Upstreams,
		Endpoints: uitest.RushEndpoints(noon), Alerts: h.alerts, Heartbeats: h.beats,
		Ingest: ingest.New(ingest.Deps{
			Sink:   observe.SinkFunc(func(*observe.Exchange) { h.observed++ }),
			Blocks: func() ([]block.Entry, []block.Target) { return rush.Blocks.List(), nil },
		}),
	})
	return h
}

// do sends a request; body "" is none. It returns the request as the mux left it.
func (h *house) do(t *testing.T, method, target, body string) (*http.Request, *httptest.ResponseRecorder) {
	t.Helper()
	ctx := problem.WithRequestID(t.Context(), "7d444840-9dc0-41d1-b245-5ffdce74fad2")
	if h.scope != "" {
		ctx = access.With(ctx, access.Identity{Name: "tester", Kind: access.KindToken, Scopes: []access.Scope{h.scope}})
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(ctx, method, target, reader)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		if strings.HasSuffix(target, "/exchanges") {
			r.Header.Set("Content-Type", "application/x-ndjson")
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return r, w
}

// get returns the body of a success.
func (h *house) get(t *testing.T, target string) string {
	t.Helper()
	_, w := h.do(t, "GET", target, "")
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", target, w.Code, w.Body)
	}
	return w.Body.String()
}

// fakeChecks is an invented past and present.
type fakeChecks struct {
	views   []checks.View
	results map[string][]checks.Result // newest first
	broken  error                      // of everything that reads the history
}

func newFakeChecks() *fakeChecks {
	f := &fakeChecks{results: map[string][]checks.Result{}}
	for i, name := range []string{"orders-health", "orders-list", "login", "reports", "search"} {
		v := checks.View{
			ID: name, Name: strings.ToUpper(name), API: "orders", Method: "GET", Target: "http://127.0.0.1:8000/" + name,
			Schedule: "every 30s", Interval: 30 * time.Second, Timeout: 10 * time.Second, Labels: map[string]string{"team": "shop"},
			State: checks.Status(i), Since: noon, Next: noon.Add(time.Minute), Asserts: []string{"status == 200"},
		}
		if i == 3 {
			v.API, v.Labels, v.Reason, v.BecauseOf, v.Failures = "reports", map[string]string{"team": "bi", "tier": "2"}, "status = 503", "login", 4
			v.CertExpires, v.DependsOn, v.Steps, v.Operation = noon, []string{"login"}, []string{"a", "b"}, "GET /reports/{id}"
			v.Recent, v.PausedBy, v.Missed = []time.Duration{time.Millisecond, 0}, "admin", 2
		}
		for n := range 5 {
			f.results[name] = append(f.results[name], result(name, noon.Add(-time.Duration(n)*time.Minute), n%2 == 1))
		}
		v.Last = &f.results[name][0]
		f.views = append(f.views, v)
	}
	return f
}

func result(check string, at time.Time, down bool) checks.Result {
	good := checks.Attempt{
		Status: checks.Up, Code: 200, Size: 12,
		Phases: probe.Phases{Connect: 250 * time.Microsecond, TTFB: 12_345_678 * time.Nanosecond, Transfer: time.Millisecond},
	}
	bad := checks.Attempt{Status: checks.Down, Class: probe.ClassTimeout, Reason: "no answer within 10s"}
	r := checks.Result{Check: check, Run: checks.RunID(at.UnixMilli()), Status: checks.Up, State: checks.Up}
	if down {
		r.Status, r.State, r.Attempts = checks.Down, checks.Down, []checks.Attempt{bad}
		return r
	}
	good.Offset = 11 * time.Second
	r.Attempts = []checks.Attempt{bad, good} // flaky
	return r
}

func (f *fakeChecks) List() []checks.View { return slices.Clone(f.views) }

func (f *fakeChecks) View(id string) (checks.View, error) {
	for _, v := range f.views {
		if v.ID == id {
			return v, nil
		}
	}
	return checks.View{}, fault.NotFound("there is no check %q", id)
}

func (f *fakeChecks) Results(_ context.Context, id string, from, to time.Time, limit int) ([]checks.Result, error) {
	var list []checks.Result
	for _, r := range f.results[id] {
		if at := r.At(); !at.Before(from) && at.Before(to) && len(list) < limit {
			list = append(list, r)
		}
	}
	return list, f.broken
}

func (f *fakeChecks) Run(_ context.Context, id string, run checks.RunID) (*checks.Result, *checks.Evidence, error) {
	for i, r := range f.results[id] {
		if r.Run != run {
			continue
		}
		if i > 0 {
			return &r, nil, nil
		}
		message := checks.Message{Line: "GET http://127.0.0.1:8000/", Headers: []checks.Header{{Name: "Accept", Value: "*/*"}}, Body: "{}", Size: 2}
		step := checks.StepEvidence{
			Name: "login", Curl: "curl http://127.0.0.1:8000/", Request: message, Response: &message, Phases: r.Last().Phases,
			RemoteAddr: "127.0.0.1:8000", Redirects: []string{"http://127.0.0.1:8000/x"}, Captured: map[string]string{"token": "[redacted]"},
			TLS:        &probe.TLS{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Expires: noon, Leaf: noon, DNSNames: []string{"x"}, ALPN: "h2"},
			Assertions: []checks.Outcome{{Assertion: "status == 200", Detail: "status = 503", Degrades: true}},
			Class:      probe.ClassAssertion, Error: "an assertion did not hold",
		}
		bare := checks.StepEvidence{Curl: "curl x", Request: checks.Message{Line: "GET x", Size: -1}, Skipped: true}
		return &r, &checks.Evidence{Check: id, Run: run, Attempts: []checks.AttemptEvidence{{Steps: []checks.StepEvidence{step, bare}}}}, nil
	}
	return nil, nil, fault.NotFound("check %q has no run %s", id, run)
}

func (f *fakeChecks) EvidenceRuns(_ context.Context, id string) ([]checks.RunID, error) {
	return []checks.RunID{f.results[id][0].Run}, f.broken
}

func (f *fakeChecks) Rollups(_ context.Context, ids []string, step checks.Step, from, to time.Time) (map[string][]checks.Rollup, error) {
	var list []checks.Rollup
	for at := step.Start(from); at.Before(to) && len(list) < 3; at = at.Add(step.Length()) {
		list = append(list, checks.Rollup{Start: at, Up: 2, Flaky: 1, LatencySum: 30 * time.Millisecond, LatencyMin: 10 * time.Millisecond, LatencyMax: 20 * time.Millisecond})
	}
	list = append(list, checks.Rollup{Start: to, Down: 1})
	return map[string][]checks.Rollup{ids[0]: list}, f.broken
}

func (f *fakeChecks) Uptime(_ context.Context, ids []string) (map[string]checks.Uptime, error) {
	return map[string]checks.Uptime{ids[0]: {Day: checks.Share{Good: 3, Total: 4}, Year: checks.Share{Good: 1, Total: 1}}}, f.broken
}

func (f *fakeChecks) Transitions(_ context.Context, id string, limit int) ([]checks.Transition, error) {
	list := []checks.Transition{
		{Check: "login", At: noon, From: checks.Up, To: checks.Down, Reason: "status = 503", Run: 1_700_000_000_000},
		{Check: "reports", At: noon.Add(-time.Hour), From: checks.Up, To: checks.Paused, By: "admin"},
	}
	list = slices.DeleteFunc(list, func(t checks.Transition) bool { return id != "" && t.Check != id })
	return list[:min(limit, len(list))], f.broken
}

func (f *fakeChecks) TraceID(id string, run checks.RunID) string {
	return fmt.Sprintf("%032x", int64(run)+int64(len(id)))
}

func (f *fakeChecks) RunNow(ctx context.Context, id string) (*checks.Result, error) {
	if _, err := f.View(id); err != nil {
		return nil, err
	}
	if _, bounded := ctx.Deadline(); !bounded {
		return nil, fmt.Errorf("the run is not bounded")
	}
	return &f.results[id][0], f.broken
}

func (f *fakeChecks) Pause(_ context.Context, id, by string) error {
	return f.change(id, func(v *checks.View) { v.State, v.PausedBy = checks.Paused, by })
}

func (f *fakeChecks) Resume(_ context.Context, id, _ string) error {
	return f.change(id, func(v *checks.View) { v.State, v.PausedBy = checks.Unknown, "" })
}

func (f *fakeChecks) change(id string, do func(*checks.View)) error {
	i := slices.IndexFunc(f.views, func(v checks.View) bool { return v.ID == id })
	if i < 0 {
		return fault.NotFound("there is no check %q", id)
	}
	do(&f.views[i])
	return nil
}

type fakeCatalog struct{}

func (fakeCatalog) APIs() []api.WatchedAPI {
	return []api.WatchedAPI{
		{Name: "orders", URL: "http://127.0.0.1:8000", Document: "/openapi.json", Title: "Orders", Version: "1.4.0", Operations: 2, Loaded: noon},
		{Name: "reports", URL: "http://127.0.0.1:9000", Labels: map[string]string{"team": "bi"}, Error: "connection refused"},
	}
}

func (fakeCatalog) Operations(name string) ([]api.Operation, error) {
	if name != "reports" {
		return nil, fault.NotFound("there is no API %q", name)
	}
	return []api.Operation{
		{Method: "GET", Path: "/reports/{id}", ID: "getReport", Summary: "Read a report", Tags: []string{"x"}, Safe: true},
		{Method: "DELETE", Path: "/reports/{id}", Deprecated: true},
	}, nil
}

type fakeConfig struct {
	reload api.Reload
	refuse error
}

func (c *fakeConfig) Effective() []api.Setting {
	return []api.Setting{
		{Path: "listen", Value: "127.0.0.1:7480", Default: true},
		{Path: "checks[0].request.auth.bearer", Value: "${TOKEN}", File: "lapwing.yaml", Line: 12},
	}
}

func (c *fakeConfig) ReloadStatus() api.Reload { return c.reload }

func (c *fakeConfig) Reload(context.Context) error {
	c.reload = api.Reload{At: noon, OK: c.refuse == nil}
	return c.refuse
}

func ids(list []checks.View) []string {
	var names []string
	for _, v := range list {
		names = append(names, v.ID)
	}
	slices.SortFunc(names, cmp.Compare[string])
	return names
}

// fakeBeats are one job that is known, and what was told.
type fakeBeats struct{ told []string }

func (*fakeBeats) List() []heartbeats.View {
	return []heartbeats.View{
		{Name: "backup", API: "orders", State: heartbeats.Failed, Since: noon, Every: time.Hour, Grace: time.Minute, Last: noon, Due: noon.Add(time.Hour), Message: "disk full", By: "ci", Count: 3},
		{Name: "import", State: heartbeats.Waiting, Since: noon, Every: time.Hour, Grace: time.Minute, Due: noon.Add(time.Hour)},
	}
}

func (f *fakeBeats) Beat(_ context.Context, name string, ok bool, message, by string) error {
	if name != "backup" {
		return fault.NotFound("there is no heartbeat %q", name)
	}
	f.told = append(f.told, fmt.Sprintf("%s %v %q by %s", name, ok, message, by))
	return nil
}
