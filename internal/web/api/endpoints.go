package api

import (
	"net/http"
	"time"

	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/slo"
)

type endpointDTO struct {
	API       string   `json:"api"`
	Operation string   `json:"operation"`
	State     string   `json:"state"`
	OverMS    float64  `json:"over_ms"`
	Requests  uint64   `json:"requests"`
	Errors    uint64   `json:"errors"`
	ErrorRate float64  `json:"error_rate"`
	Rate      float64  `json:"rate"`
	Aborted   uint64   `json:"aborted"`
	Refused   uint64   `json:"refused"`
	P50MS     float64  `json:"p50_ms"`
	P95MS     float64  `json:"p95_ms"`
	P99MS     float64  `json:"p99_ms"`
	Warning   float64  `json:"warning"`
	Critical  float64  `json:"critical"`
	LastSeen  stamp    `json:"last_seen,omitzero"`
	Alerts    []string `json:"alerts,omitempty"` // names of the conditions that fire
}

func showEndpoint(e *slo.Endpoint) endpointDTO {
	d := endpointDTO{
		API: e.API, Operation: e.Operation, State: e.State, OverMS: millis(e.Over), Requests: e.Requests, Errors: e.Errors, ErrorRate: e.Share, Rate: e.Rate,
		Aborted: e.Aborted, Refused: e.Refused, P50MS: millis(e.P50), P95MS: millis(e.P95), P99MS: millis(e.P99),
		Warning: e.Warning, Critical: e.Critical, LastSeen: stamp(e.LastSeen),
	}
	for i := range e.Firing {
		if e.Firing[i].State == slo.Firing {
			d.Alerts = append(d.Alerts, e.Firing[i].Alert)
		}
	}
	return d
}

type endpointList struct {
	Endpoints []endpointDTO `json:"endpoints"`
}

// listEndpoints answers GET /endpoints: how each operation did over the window
// of its error rate.
func (a *API) listEndpoints(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Endpoints == nil {
		return absent("endpoints")
	}
	q := readQuery(r, "api")
	if q.err != nil {
		return q.err
	}
	list := endpointList{Endpoints: []endpointDTO{}}
	for _, e := range a.deps.Endpoints.Endpoints(q.text("api")) {
		list.Endpoints = append(list.Endpoints, showEndpoint(&e))
	}
	return answer(w, http.StatusOK, list)
}

type endpointPoint struct {
	At       stamp     `json:"at"`
	Requests uint64    `json:"requests"`
	Errors   uint64    `json:"errors"`
	Status   [6]uint64 `json:"status"`
	P50MS    float64   `json:"p50_ms"`
	P95MS    float64   `json:"p95_ms"`
	P99MS    float64   `json:"p99_ms"`
}

type endpointSeries struct {
	Points []endpointPoint `json:"points"`
}

// getEndpointSeries answers GET /endpoints/series?api=…&operation=….
func (a *API) getEndpointSeries(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Endpoints == nil {
		return absent("endpoints")
	}
	q := readQuery(r, "api", "operation", "from", "to", "limit")
	now := time.Now()
	from, to := q.span(now.Add(-time.Hour), now)
	limit := q.limit()
	if q.err != nil {
		return q.err
	}
	if q.text("api") == "" {
		return fault.Invalid("api is missing: the name of an API of the configuration")
	}
	points, err := a.deps.Endpoints.Series(q.text("api"), q.text("operation"), from, to, limit)
	if err != nil {
		return err
	}
	list := endpointSeries{Points: []endpointPoint{}}
	for _, p := range points {
		list.Points = append(list.Points, endpointPoint{stamp(p.At), p.Requests, p.Errors, p.Status, millis(p.P50), millis(p.P95), millis(p.P99)})
	}
	return answer(w, http.StatusOK, list)
}

type budgetDTO struct {
	API       string    `json:"api"`
	Objective string    `json:"objective"`
	Operation string    `json:"operation,omitempty"`
	LatencyMS float64   `json:"latency_ms,omitempty"` // absent: it is about availability
	Target    float64   `json:"target"`
	OverMS    float64   `json:"over_ms"`
	Requests  uint64    `json:"requests"`
	Bad       uint64    `json:"bad"`
	Achieved  float64   `json:"achieved"`
	Left      float64   `json:"left"`
	Since     stamp     `json:"since,omitzero"`
	Burns     []burnDTO `json:"burns"`
}

type burnDTO struct {
	Severity  string  `json:"severity"`
	LongMS    float64 `json:"long_ms"`
	ShortMS   float64 `json:"short_ms"`
	LongRate  float64 `json:"long_rate"`
	ShortRate float64 `json:"short_rate"`
	Threshold float64 `json:"threshold"`
	Ready     bool    `json:"ready"`
	Firing    bool    `json:"firing"`
}

type budgetList struct {
	Objectives []budgetDTO `json:"objectives"`
}

// listObjectives answers GET /objectives: each promise with what is left of its budget.
func (a *API) listObjectives(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Endpoints == nil {
		return absent("endpoints")
	}
	if err := readQuery(r).err; err != nil {
		return err
	}
	list := budgetList{Objectives: []budgetDTO{}}
	for _, b := range a.deps.Endpoints.Budgets() {
		d := budgetDTO{
			b.API, b.Objective, b.Operation, millis(b.Latency), b.Target, millis(b.Over), b.Requests, b.Bad, b.Achieved, b.Left, stamp(b.Since), []burnDTO{},
		}
		for _, burn := range b.Burns {
			d.Burns = append(d.Burns, burnDTO{burn.Severity, millis(burn.Long), millis(burn.Short), burn.LongRate, burn.ShortRate, burn.Threshold, burn.Ready, burn.Firing})
		}
		list.Objectives = append(list.Objectives, d)
	}
	return answer(w, http.StatusOK, list)
}

type topErrorDTO struct {
	API         string     `json:"api"`
	Operation   string     `json:"operation"`
	Status      int        `json:"status"`
	Class       string     `json:"class,omitempty"`
	Fingerprint string     `json:"fingerprint"`
	Message     string     `json:"message,omitempty"`
	Count       uint64     `json:"count"`
	First       stamp      `json:"first_seen"`
	Last        stamp      `json:"last_seen"`
	Example     exampleDTO `json:"example"`
}

type exampleDTO struct {
	At         stamp   `json:"at,omitzero"`
	Method     string  `json:"method"`
	Path       string  `json:"path"`
	Status     int     `json:"status"`
	DurationMS float64 `json:"duration_ms"`
	RequestID  string  `json:"request_id,omitempty"`
	TraceID    string  `json:"trace_id,omitempty"`
	Upstream   string  `json:"upstream,omitempty"`
	Source     string  `json:"source"`
}

type topErrorList struct {
	Errors []topErrorDTO `json:"errors"`
}

// listErrors answers GET /errors: kinds of failures, most frequent first.
func (a *API) listErrors(w http.ResponseWriter, r *http.Request) error {
	if a.deps.Endpoints == nil {
		return absent("endpoints")
	}
	q := readQuery(r, "api", "operation", "since", "limit")
	since, limit := q.time("since", time.Now().Add(-24*time.Hour)), q.limit()
	if q.err != nil {
		return q.err
	}
	list := topErrorList{Errors: []topErrorDTO{}}
	for _, e := range a.deps.Endpoints.TopErrors(q.text("api"), q.text("operation"), since, limit) {
		x := &e.Example
		list.Errors = append(list.Errors, topErrorDTO{
			e.API, e.Operation, e.Status, e.Class, e.Fingerprint, e.Message, e.Count, stamp(e.First), stamp(e.Last),
			exampleDTO{stamp(x.At), x.Method, x.Path, x.Status, millis(x.Duration), x.RequestID, x.TraceID, x.Upstream, x.Source},
		})
	}
	return answer(w, http.StatusOK, list)
}
