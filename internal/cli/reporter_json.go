package cli

import (
	"encoding/json"
	"io"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// jsonReporter writes one document with every run and its evidence.
type jsonReporter struct {
	w   io.Writer
	doc jsonReport
}

// jsonReport is version 1 of the report; fields are only ever added.
type jsonReport struct {
	Version int         `json:"version"`
	Down    int         `json:"down"`
	Checks  []jsonCheck `json:"checks"`
	NotRun  []string    `json:"not_run,omitempty"` // paused, or left over by an interruption
}

type jsonCheck struct {
	ID        string           `json:"id"`
	Name      string           `json:"name"`
	API       string           `json:"api,omitempty"`
	Status    checks.Status    `json:"status"`
	Flaky     bool             `json:"flaky"`
	LatencyMS float64          `json:"latency_ms"`
	Code      int              `json:"code"`
	Reason    string           `json:"reason,omitempty"`
	Attempts  []jsonAttempt    `json:"attempts"`
	Evidence  *checks.Evidence `json:"evidence,omitempty"`
}

type jsonAttempt struct {
	Status    checks.Status `json:"status"`
	Code      int           `json:"code"`
	Reason    string        `json:"reason,omitempty"`
	LatencyMS float64       `json:"latency_ms"`
	Phases    probe.Phases  `json:"phases"`
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (r *jsonReporter) report(o checks.Once) {
	res := &o.Result
	c := jsonCheck{
		ID: o.View.ID, Name: o.View.Name, API: o.View.API, Status: res.Status, Flaky: res.Flaky(),
		LatencyMS: ms(res.Latency()), Code: res.Last().Code, Reason: res.Last().Reason,
	}
	for i := range res.Attempts {
		a := &res.Attempts[i]
		c.Attempts = append(c.Attempts, jsonAttempt{a.Status, a.Code, a.Reason, ms(a.Phases.Total()), a.Phases})
	}
	if res.Status != checks.Up || res.Flaky() {
		c.Evidence = o.Evidence
	}
	if res.Status == checks.Down {
		r.doc.Down++
	}
	r.doc.Checks = append(r.doc.Checks, c)
}

func (r *jsonReporter) end(notRun []checks.View) error {
	for _, v := range notRun {
		r.doc.NotRun = append(r.doc.NotRun, v.Name)
	}
	encoder := json.NewEncoder(r.w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false) // "latency < 300ms" is for people too
	return encoder.Encode(r.doc)
}
