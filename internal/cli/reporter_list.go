package cli

import (
	"fmt"
	"io"
	"strings"

	"lapwing.dev/lapwing/internal/checks"
)

// listReporter is for people: a line a check, and the story of each that is not up.
type listReporter struct {
	w                          io.Writer
	color                      bool
	up, degraded, down, flaked int
	err                        error
}

func (r *listReporter) report(o checks.Once) {
	res := &o.Result
	switch res.Status {
	case checks.Up:
		r.up++
	case checks.Degraded:
		r.degraded++
	default:
		r.down++
	}
	line := fmt.Sprintf("%s %s  %s", colored(res.Status, glyph(res.Status), r.color), o.View.Name, milliseconds(res.Latency()))
	if code := res.Last().Code; code != 0 {
		line += fmt.Sprintf("  %d", code)
	}
	if res.Flaky() {
		r.flaked++
		line += fmt.Sprintf("  flaky: passed at attempt %d", len(res.Attempts))
	}
	r.print("%s\n", line)
	for i := range res.Attempts {
		if reason := res.Attempts[i].Reason; reason != "" {
			prefix := ""
			if len(res.Attempts) > 1 {
				prefix = fmt.Sprintf("attempt %d: ", i+1)
			}
			r.print("    %s%s\n", prefix, reason)
		}
	}
	if res.Status == checks.Up || o.Evidence == nil {
		return
	}
	last := o.Evidence.Attempts[len(o.Evidence.Attempts)-1]
	for i := range last.Steps {
		r.reportStep(&last.Steps[i], res)
	}
}

// reportStep prints what a failing step has to say beyond the run's reason: the
// other assertions that do not hold, and how to ask again by hand.
func (r *listReporter) reportStep(step *checks.StepEvidence, res *checks.Result) {
	for _, a := range step.Assertions {
		told := a.Detail != "" && strings.Contains(res.Last().Reason, a.Detail)
		if !a.Holds && !told {
			r.print("    %s; expected %s\n", a.Detail, a.Assertion)
		}
	}
	if res.Status == checks.Down && step.Class != "" && step.Curl != "" {
		r.print("    %s\n", step.Curl)
	}
}

func (r *listReporter) end(notRun []checks.View) error {
	for _, v := range notRun {
		why := "not run"
		if v.State == checks.Paused {
			why = "paused"
		}
		r.print("%s %s  %s\n", "–", v.Name, why)
	}
	r.print("%d up, %d degraded, %d down", r.up, r.degraded, r.down)
	if r.flaked > 0 {
		r.print(", %d flaky", r.flaked)
	}
	if len(notRun) > 0 {
		r.print(", %d not run", len(notRun))
	}
	r.print("\n")
	return r.err
}

func (r *listReporter) print(format string, args ...any) {
	if _, err := fmt.Fprintf(r.w, format, args...); err != nil && r.err == nil {
		r.err = err
	}
}
