package ui

import (
	"context"
	"fmt"
	"net/http"
	"strings"
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
	Class    string
	Reason   string
	Whole    string // length of the waterfall
	Rows     []waterRow
	Steps    []stepView
	Decisive bool
}

// waterRow is one line of the waterfall.
type waterRow struct {
	Name  string
	Step  bool // a step, with all of its phases on one bar
	Parts []segment
	Text  string
}

// stepView is one request with its answer.
type stepView struct {
	Name       string
	Single     bool // the only step: its name says nothing
	Skipped    bool
	Curl       string
	Request    messageView
	Response   *messageView
	RemoteAddr string
	Redirects  []string
	TLS        []field
	Assertions []checks.Outcome
	Captured   []field
	Error      string
	Class      string
	Holds      int
}

type messageView struct {
	checks.Message
	SizeText string
	Shown    string // "first 4.0 KiB of 1.2 MiB" when cut
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
	if err := u.neighbours(r.Context(), page, view.Interval); err != nil {
		return err
	}
	title := fmt.Sprintf("%s, run of %s", view.Name, page.At.Full())
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
			Latency: latency(a.Phases.Total()), Size: size(a.Size), Class: string(a.Class), Reason: a.Reason,
			Decisive: i == len(result.Attempts)-1,
		}
		if a.Offset > 0 {
			v.Offset = latency(a.Offset)
		}
		var steps []checks.StepEvidence
		if evidence != nil && i < len(evidence.Attempts) {
			steps = evidence.Attempts[i].Steps
		}
		v.Rows = waterfall(a, steps)
		v.Whole = latency(a.Phases.Total())
		for s := range steps {
			v.Steps = append(v.Steps, makeStep(&steps[s], len(steps) == 1))
		}
	}
	return list
}

// waterfall has one line for each phase, or for each step when there are several.
func waterfall(a *checks.Attempt, steps []checks.StepEvidence) []waterRow {
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
			rows = append(rows, waterRow{Name: stepName(&steps[i], i), Step: true, Parts: phaseSegments(&part, at, whole), Text: text})
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

func share100(part, whole time.Duration) string {
	return fmt.Sprintf("%.0f%s%%", 100*float64(part)/float64(whole), nbsp)
}

func stepName(s *checks.StepEvidence, i int) string {
	if s.Name != "" {
		return s.Name
	}
	return fmt.Sprintf("Step %d", i+1)
}

func makeStep(s *checks.StepEvidence, single bool) stepView {
	v := stepView{
		Name: s.Name, Single: single, Skipped: s.Skipped, Curl: s.Curl, Request: makeMessage(&s.Request),
		RemoteAddr: s.RemoteAddr, Redirects: s.Redirects, Assertions: s.Assertions, Error: s.Error, Class: string(s.Class),
	}
	for _, o := range s.Assertions {
		if o.Holds {
			v.Holds++
		}
	}
	if s.Response != nil {
		m := makeMessage(s.Response)
		v.Response = &m
	}
	for _, name := range sortedKeys(s.Captured) {
		v.Captured = append(v.Captured, field{Name: name, Value: s.Captured[name], Code: true})
	}
	v.TLS = tlsFields(s.TLS)
	return v
}

func makeMessage(m *checks.Message) messageView {
	v := messageView{Message: *m}
	if m.Size >= 0 {
		v.SizeText = size(m.Size)
	}
	if m.Truncated {
		v.Shown = fmt.Sprintf("first %s of %s", size(int64(len(m.Body))), v.SizeText)
	}
	return v
}

func tlsFields(t *probe.TLS) []field {
	if t == nil {
		return nil
	}
	list := []field{{Name: "Version", Value: t.Version + ", " + t.Cipher}, {Name: "Subject", Value: t.Subject}, {Name: "Issuer", Value: t.Issuer}}
	if len(t.DNSNames) > 0 {
		list = append(list, field{Name: "Names", Value: strings.Join(t.DNSNames[:min(len(t.DNSNames), 20)], ", ")})
	}
	if !t.Leaf.IsZero() {
		list = append(list, field{Name: "Expires", Value: t.Leaf.UTC().Format("2006-01-02 15:04 UTC")})
	}
	if !t.Expires.IsZero() && !t.Expires.Equal(t.Leaf) {
		list = append(list, field{Name: "Chain expires", Value: t.Expires.UTC().Format("2006-01-02 15:04 UTC")})
	}
	if t.ALPN != "" {
		list = append(list, field{Name: "ALPN", Value: t.ALPN})
	}
	return list
}
