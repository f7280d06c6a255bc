package ui

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/probe"
)

type runPage struct {
	View     checks.View
	ID       string
	Run      checks.RunID
	At       moment
	State    string
	Verdict  string
	Reason   string
	Failing  string // anchor of the step that failed; "" when it is not known
	Latency  string
	Flaky    bool
	TraceID  string
	Attempts []attemptView
	Evidence bool
	Nearest  checks.RunID // a run of which evidence is kept; 0 when there is none
	Prev     checks.RunID
	Next     checks.RunID
}

// attemptView is one try.
type attemptView struct {
	Number   int
	Of       int
	Offset   string
	State    string
	Code     int
	Latency  string
	Size     string
	Where    string // at which point it failed, in words
	Reason   string
	Failing  string // anchor of the step that failed; "" when it is not known
	Whole    string // length of the waterfall
	Rows     []waterRow
	Steps    []stepView
	Decisive bool
}

// waterRow is one line of the waterfall.
type waterRow struct {
	Name  string
	Step  string // anchor, when it is a step with all of its phases on one bar
	State string // of the step
	Parts []segment
	Text  string
}

func (u *UI) run(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	run, err := checks.ParseRunID(r.PathValue("run"))
	if err != nil {
		return fault.NotFound("there is no run %q of check %q", cut(r.PathValue("run"), 40), id)
	}
	view, err := u.Checks.View(id)
	if err != nil {
		return err
	}
	result, evidence, err := u.Checks.Run(r.Context(), id, run)
	if err != nil {
		return err
	}
	page := &runPage{
		View: view, ID: id, Run: run, At: moment{run.Time()}, State: result.Status.String(),
		Flaky: result.Flaky(), TraceID: u.Checks.TraceID(id, run), Evidence: evidence != nil,
	}
	page.Verdict = map[checks.Status]string{checks.Up: "passed", checks.Degraded: "degraded", checks.Down: "failed"}[result.Status]
	if evidence != nil && evidence.TraceID != "" {
		page.TraceID = evidence.TraceID
	}
	if len(result.Attempts) > 0 {
		page.Reason, page.Latency = result.Last().Reason, latency(result.Latency())
	}
	page.Attempts = attemptViews(result, evidence)
	if n := len(page.Attempts); n > 0 {
		page.Failing = page.Attempts[n-1].Failing
	}
	if err := u.neighbours(r.Context(), page, view.Interval); err != nil {
		return err
	}
	title := fmt.Sprintf("%s, run of %s UTC", view.Name, page.At.Full())
	return u.show(w, r, "run", shell{Title: title, Nav: "checks", Page: page})
}

// neighbours finds the runs before and after this one, and where evidence is
// kept if it is not here.
func (u *UI) neighbours(ctx context.Context, page *runPage, interval time.Duration) error {
	at := page.Run.Time()
	before, err := u.Checks.Results(ctx, page.ID, time.Time{}, at, 1)
	if err != nil {
		return fmt.Errorf("read the run before: %w", err)
	}
	if len(before) > 0 {
		page.Prev = before[0].Run
	}
	// Results come newest first, so the next one is the last of a short look
	// ahead; a longer look only when the check did not run for a while.
	now := u.now().Add(time.Minute)
	after := at.Add(time.Millisecond)
	for _, look := range []time.Duration{max(4*interval, 5*time.Minute), 24 * time.Hour, 30 * 24 * time.Hour} {
		results, err := u.Checks.Results(ctx, page.ID, after, earlier(at.Add(look), now), 0)
		if err != nil {
			return fmt.Errorf("read the run after: %w", err)
		}
		if len(results) > 0 {
			page.Next = results[len(results)-1].Run
			break
		}
		if at.Add(look).After(now) {
			break
		}
	}
	if page.Evidence {
		return nil
	}
	kept, err := u.Checks.EvidenceRuns(ctx, page.ID)
	if err != nil {
		return fmt.Errorf("read which runs have evidence: %w", err)
	}
	for _, run := range kept {
		if page.Nearest == 0 || distance(run, page.Run) < distance(page.Nearest, page.Run) {
			page.Nearest = run
		}
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func distance(a, b checks.RunID) int64 { return max(int64(a-b), int64(b-a)) }

func attemptViews(result *checks.Result, evidence *checks.Evidence) []attemptView {
	list := make([]attemptView, len(result.Attempts))
	for i := range result.Attempts {
		a := &result.Attempts[i]
		v := &list[i]
		*v = attemptView{
			Number: i + 1, Of: len(result.Attempts), State: a.Status.String(), Code: a.Code,
			Latency: latency(a.Phases.Total()), Size: size(a.Size), Where: whereFailed[a.Class], Reason: a.Reason,
			Decisive: i == len(result.Attempts)-1,
		}
		if len(result.Attempts) > 1 && a.Offset > 0 {
			v.Offset = latency(a.Offset)
		}
		var steps []checks.StepEvidence
		if evidence != nil && i < len(evidence.Attempts) {
			steps = evidence.Attempts[i].Steps
		}
		v.Steps = makeSteps(steps, v.Number, a.Reason)
		v.Rows = waterfall(a, steps, v.Steps)
		v.Whole = latency(a.Phases.Total())
		if len(steps) > 1 {
			v.Failing = failingStep(v.Steps, v.State)
		}
	}
	return list
}

// waterfall has one line for each phase, or for each step when there are several.
func waterfall(a *checks.Attempt, steps []checks.StepEvidence, views []stepView) []waterRow {
	whole := a.Phases.Total()
	if whole <= 0 {
		return nil
	}
	var rows []waterRow
	at := time.Duration(0)
	if len(steps) > 1 {
		for i := range steps {
			part := checks.Attempt{Phases: steps[i].Phases}
			text := latency(part.Phases.Total())
			if steps[i].Skipped {
				text = "skipped"
			}
			rows = append(rows, waterRow{Name: views[i].Name, Step: views[i].Anchor, State: views[i].State, Parts: phaseSegments(&part, at, whole), Text: text})
			at += part.Phases.Total()
		}
		return rows
	}
	for _, p := range phaseList {
		d := p.Of(a.Phases)
		row := waterRow{Name: p.Name, Text: latency(d)}
		if d > 0 {
			row.Parts = []segment{{Class: p.Class, X: percentage(float64(at) / float64(whole)), W: percentage(float64(d) / float64(whole)), Text: p.Name}}
			row.Text += " · " + share100(d, whole)
		}
		rows = append(rows, row)
		at += d
	}
	return rows
}

// failingStep is the anchor of the first step that has the verdict of its attempt.
func failingStep(steps []stepView, state string) string {
	for i := range steps {
		if state != "up" && steps[i].State == state {
			return steps[i].Anchor
		}
	}
	return ""
}

// whereFailed says at which point an attempt failed or degraded.
var whereFailed = map[probe.Class]string{
	probe.ClassDNS:       "the name did not resolve",
	probe.ClassConnect:   "no connection",
	probe.ClassTLS:       "TLS failed",
	probe.ClassTimeout:   "out of time",
	probe.ClassProtocol:  "not the HTTP that was expected",
	probe.ClassRedirect:  "a redirect failed",
	probe.ClassBody:      "the body could not be read",
	probe.ClassAuth:      "no token for the request",
	probe.ClassRequest:   "the request could not be made",
	probe.ClassAssertion: "an assertion failed",
	probe.ClassContract:  "not as the contract has it",
	probe.ClassCapture:   "nothing to capture",
	probe.ClassInternal:  "a defect of Lapwing",
}

func share100(part, whole time.Duration) string {
	return fmt.Sprintf("%.0f%s%%", 100*float64(part)/float64(whole), nbsp)
}
