package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/alerting"
	"lapwing.dev/lapwing/internal/checks"
)

// The alerts of checks.
const (
	checkDown       = "CheckDown"
	checkDegraded   = "CheckDegraded"
	checkFlaky      = "CheckFlaky"
	certificateEnds = "CertificateExpiring"
)

// How many runs of a check within an hour may pass only after a retry until that
// is an alert: one of them is no news.
const (
	flakyRuns = 3
	flakyOver = time.Hour
)

const noReason = "no reason was given"

// How soon a certificate's end is an alert.
const (
	certificateWarning  = 14 * 24 * time.Hour
	certificateCritical = 3 * 24 * time.Hour
)

// story is one time that a check was not well.
type story struct {
	check, alert string
	since        int64 // Unix milliseconds
}

// notes are the annotations of an alert's first failing run.
type notes map[string]string

// ofChecks are the alerts of all checks, those that are flaky apart.
func (t *teller) ofChecks(ctx context.Context) (failing, flaky []alerting.Alert) {
	telling, seen := map[string]bool{}, map[story]bool{}
	add := func(v *checks.View, name, severity string, since time.Time, summary string) {
		if v.Severity != "" && name != certificateEnds {
			severity = v.Severity
		}
		s := story{v.ID, name, since.UnixMilli()}
		seen[s], telling[v.ID] = true, true
		list := &failing
		if name == checkFlaky {
			list = &flaky
		}
		*list = append(*list, t.alert(ctx, v, s, severity, summary))
	}
	known := map[string]bool{}
	for _, v := range t.checks.List() {
		known[v.ID] = true
		switch {
		case v.State == checks.Paused || v.BecauseOf != "": // what it depends on has the alert
		case v.State == checks.Down:
			add(&v, checkDown, "critical", v.Since, v.Name+" is down: "+cmp.Or(v.Reason, noReason))
		case v.State == checks.Degraded:
			add(&v, checkDegraded, "warning", v.Since, v.Name+" is degraded: "+cmp.Or(v.Reason, noReason))
		default:
			if n := t.flaky(v.ID, time.Now()); n >= flakyRuns {
				add(&v, checkFlaky, "info", t.began(v.ID, checkFlaky, time.Now()), fmt.Sprintf("%s passed only after a retry, %d times in the last hour", v.Name, n))
			}
		}
		if left := time.Until(v.CertExpires); !v.CertExpires.IsZero() && left < certificateWarning && v.State != checks.Paused {
			severity := "warning"
			if left < certificateCritical {
				severity = "critical"
			}
			add(&v, certificateEnds, severity, v.CertExpires.Add(-certificateWarning), certificateSummary(&v, left))
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.telling = telling
	for s := range t.told {
		if !seen[s] {
			delete(t.told, s)
		}
	}
	maps.DeleteFunc(t.retried, func(check string, _ []time.Time) bool { return !known[check] })
	return failing, flaky
}

// noteFlaky remembers when a run passed only after a retry; of many the last ones.
func (t *teller) noteFlaky(r *checks.Result) {
	const most = 100
	t.mu.Lock()
	defer t.mu.Unlock()
	list := append(t.retried[r.Check], r.At())
	t.retried[r.Check] = list[max(0, len(list)-most):]
}

// flaky is how many runs of a check passed only after a retry within the hour.
func (t *teller) flaky(check string, now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := slices.DeleteFunc(t.retried[check], func(at time.Time) bool { return now.Sub(at) > flakyOver })
	if len(list) == 0 {
		delete(t.retried, check)
		return 0
	}
	t.retried[check] = list
	return len(list)
}

// began is when a story that is told already began; else now.
func (t *teller) began(check, alert string, now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.told {
		if s.check == check && s.alert == alert {
			return time.UnixMilli(s.since)
		}
	}
	return now
}

func certificateSummary(v *checks.View, left time.Duration) string {
	if left <= 0 {
		return "the certificate of " + v.Name + " has expired"
	}
	return fmt.Sprintf("the certificate of %s expires in %.1f days", v.Name, left.Hours()/24)
}

// alert is one alert of a check.
func (t *teller) alert(ctx context.Context, v *checks.View, s story, severity, summary string) alerting.Alert {
	own := ownLabels(v.Labels)
	maps.Copy(own, map[string]string{
		alerting.LabelName: s.alert, alerting.LabelSeverity: severity, alerting.LabelCheck: v.Name, alerting.LabelAPI: v.API,
		alerting.LabelSource: fromChecks, alerting.LabelNotify: strings.Join(v.AlertTo, ","),
	})
	annotations := map[string]string{
		alerting.NoteSummary: summary, alerting.NotePage: t.page("/checks/" + url.PathEscape(v.ID)),
		alerting.NoteDescription: fmt.Sprintf("%s %s has been %s since %s; it runs %s.", v.Method, v.Target, v.State, v.Since.UTC().Format(time.RFC3339), v.Schedule),
	}
	if v.Operation != "" {
		annotations[alerting.NoteOperation] = v.Operation
	}
	maps.Copy(annotations, t.firstFailure(ctx, v, s))
	return alerting.Alert{Labels: labels(own), Annotations: annotations, Starts: time.UnixMilli(s.since).UTC()}
}

// firstFailure is the first failing run of a story, read once and kept, so that
// every message about it says the same.
func (t *teller) firstFailure(ctx context.Context, v *checks.View, s story) notes {
	t.mu.Lock()
	known, ok := t.told[s]
	t.mu.Unlock()
	if ok || v.Last == nil {
		return known
	}
	n := notes{}
	run := v.Last.Run
	if at := checks.RunID(v.Since.UnixMilli()); s.alert != certificateEnds && s.alert != checkFlaky && at > 0 {
		run = at // a state begins with the run that decided it
	}
	_, evidence, err := t.checks.Detail(ctx, v.ID, run)
	if err != nil {
		if run = v.Last.Run; ctx.Err() == nil {
			_, evidence, err = t.checks.Detail(ctx, v.ID, run)
		}
	}
	if err == nil {
		n[alerting.NotePage] = t.page("/checks/" + url.PathEscape(v.ID) + "/runs/" + run.String())
		n[alerting.NoteTrace] = t.checks.TraceID(v.ID, run)
		describeEvidence(n, evidence)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told[s] = n
	return n
}

// describeEvidence puts the failing step's request and answer in few lines. All
// of it was redacted when it was kept.
func describeEvidence(n notes, e *checks.Evidence) {
	if e == nil || len(e.Attempts) == 0 {
		return
	}
	steps := e.Attempts[len(e.Attempts)-1].Steps
	for i := range steps {
		step := &steps[i]
		if step.Error == "" && step.Class == "" && i < len(steps)-1 {
			continue
		}
		var b strings.Builder
		fmt.Fprintln(&b, step.Request.Line)
		if step.Response != nil {
			fmt.Fprintln(&b, step.Response.Line)
			body := strings.ToValidUTF8(step.Response.Body[:min(len(step.Response.Body), 500)], "\uFFFD")
			if body != "" {
				fmt.Fprintln(&b, body)
			}
		}
		for _, o := range step.Assertions {
			if !o.Holds {
				fmt.Fprintf(&b, "✕ %s (%s)\n", o.Assertion, o.Detail)
			}
		}
		n[alerting.NoteEvidence], n[alerting.NoteCurl] = strings.TrimSpace(b.String()), step.Curl
		return
	}
}
