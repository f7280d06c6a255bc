package checks

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"

	"lapwing.dev/lapwing/internal/checks/assert"
	"lapwing.dev/lapwing/internal/fault"
	"lapwing.dev/lapwing/internal/probe"
)

// cleanupTime is what `always` steps have when the attempt's time is used up.
const cleanupTime = 5 * time.Second

// finished is one run as the recorder takes it: the result, and what it would
// keep as evidence if the recorder asks.
type finished struct {
	plan     *plan
	result   Result
	attempts [][]stepRun
	facts    facts
	manual   bool
	err      error // the run was given up: nothing of it counts
	unstored error // the store refused the result; it waits in memory
}

// stepRun is one step as it went, unredacted and in memory only.
type stepRun struct {
	step     *stepPlan
	response *probe.Response
	answer   *assert.Answer // what the outcomes were judged on; nil without an answer
	outcomes []Outcome
	judged   []*assertion // that the outcomes belong to
	captured map[string]any
	class    probe.Class
	reason   string
	skipped  bool
}

// facts are what /metrics and the page say about the last answer beyond the result.
type facts struct {
	certExpires time.Time
	tlsVersion  string
	protocol    string
	redirects   int
	remoteAddr  string
}

// runner runs plans. It is safe for concurrent use.
type runner struct {
	tracer    tracer
	contracts Contracts
}

// run runs a plan once, with its retries. It takes as long as the plan's
// timeouts and delays allow; when ctx ends first, the result does not count.
func (r *runner) run(ctx context.Context, p *plan, id RunID) (f finished) {
	f = finished{plan: p, result: Result{Check: p.id, Run: id}}
	started := time.Now()
	for n := 0; ; n++ {
		attempt, steps := r.attempt(ctx, p, id, n)
		attempt.Offset = time.Since(started) - attempt.Phases.Total()
		if attempt.Offset < time.Millisecond {
			attempt.Offset = 0
		}
		f.result.Attempts = append(f.result.Attempts, attempt)
		f.attempts = append(f.attempts, steps)
		if ctx.Err() != nil {
			f.err = ctx.Err()
			return f
		}
		if attempt.Status != Down || n >= p.config.Retries.Max || !retryOn(p.config.Retries.On, attempt.Class) {
			break
		}
		if !sleep(ctx, p.config.Retries.delay(n)) {
			f.err = ctx.Err()
			return f
		}
	}
	f.result.Status = f.result.Last().Status
	f.facts = factsOf(f.attempts[len(f.attempts)-1])
	return f
}

func retryOn(on string, class probe.Class) bool {
	return on != onNetwork || class.Network()
}

// pauses is how long all delays take together, with the defaults filled in.
func (r Retries) pauses() time.Duration {
	if r.Delay == 0 {
		r.Delay = DefaultRetryDelay
	}
	var sum time.Duration
	for n := range r.Max {
		sum += r.delay(n)
	}
	return sum
}

// delay is the pause after attempt n (from 0). maxRetry and maxRetryDelay keep
// it from overflowing.
func (r Retries) delay(n int) time.Duration {
	d := r.Delay.Std()
	switch r.Backoff {
	case backoffLinear:
		return d * time.Duration(n+1)
	case backoffExponential:
		return d << n
	default:
		return d
	}
}

// sleep waits, and reports whether it waited to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// attempt runs the steps in order. After a failed one only `always` steps run.
func (r *runner) attempt(ctx context.Context, p *plan, id RunID, n int) (a Attempt, steps []stepRun) {
	attemptCtx, cancel := context.WithTimeout(ctx, p.config.Timeout.Std())
	defer cancel()
	a.Status = Up
	vars := map[string]any(nil)
	var jar http.CookieJar
	if len(p.steps) > 1 {
		jar, _ = cookiejar.New(nil) // it never fails without options
		vars = map[string]any{}
	}
	var secrets []string // that this attempt has come to know
	steps = make([]stepRun, 0, len(p.steps))
	for i := range p.steps {
		step := &p.steps[i]
		if a.Status == Down && !step.always {
			steps = append(steps, stepRun{step: step, skipped: true})
			continue
		}
		in := stepInput{vars: vars, secrets: secrets, jar: jar, attempt: n + 1, traceparent: r.tracer.traceparent(p.id, id, n, i)}
		var sr stepRun
		var status Status
		if a.Status == Down && attemptCtx.Err() != nil {
			cleanupCtx, cancelCleanup := context.WithTimeout(ctx, cleanupTime)
			sr, status = r.step(cleanupCtx, p, step, in)
			cancelCleanup()
		} else {
			sr, status = r.step(attemptCtx, p, step, in)
		}
		maps.Copy(vars, sr.captured)
		secrets = append(secrets, p.secretsOf(&sr)...)
		a.fold(&sr, status)
		steps = append(steps, sr)
	}
	return a, steps
}

// fold adds one step to the attempt; the first failure, or else the first
// degradation, gives the reason.
func (a *Attempt) fold(sr *stepRun, status Status) {
	if sr.response != nil {
		a.Phases = a.Phases.Add(sr.response.Phases)
		a.Size += sr.response.Size
		if a.Status != Down && sr.response.Status != 0 {
			a.Code = sr.response.Status
		}
	}
	if status <= a.Status {
		return
	}
	a.Status = status
	a.Class = sr.class
	a.Reason = sr.reason
	if sr.step.name != "" {
		a.Reason = "step " + sr.step.name + ": " + sr.reason
	}
}

type stepInput struct {
	vars        map[string]any
	secrets     []string // of earlier steps
	jar         http.CookieJar
	attempt     int
	traceparent string
}

// step sends one request and judges its answer.
func (r *runner) step(ctx context.Context, p *plan, step *stepPlan, in stepInput) (sr stepRun, status Status) {
	sr.step = step
	defer func() {
		// One bad check must never stop another, whatever an answer did to us.
		if v := recover(); v != nil {
			sr.class, sr.reason, status = probe.ClassInternal, fmt.Sprintf("a defect in Lapwing: %v", v), Down
		}
	}()
	response, err := step.request.Do(ctx, probe.Input{
		Vars: texts(in.vars), Jar: in.jar, Traceparent: in.traceparent, Body: step.body,
	})
	sr.response = response
	if err != nil {
		sr.class, sr.reason = probe.ClassOf(err), err.Error()
		sr.reason = p.redactor.With(in.secrets...).With(p.secretsOf(&sr)...).Text(sr.reason)
		return sr, Down
	}
	answer := assert.NewAnswer(response, in.vars, in.attempt)
	sr.answer = answer
	status = r.judge(ctx, p, &sr, answer)
	if status != Down {
		status = max(status, capturing(&sr, answer))
	}
	if len(response.Body) > probe.EvidenceSize {
		response.Body = append([]byte(nil), response.Body[:probe.EvidenceSize]...)
	}
	if status != Up {
		sr.reason = p.redactor.With(in.secrets...).With(p.secretsOf(&sr)...).Text(sr.reason)
	}
	return sr, status
}

// judge holds the answer to the step's assertions. All are evaluated, so that
// the page shows each; the first that fails gives the reason.
func (r *runner) judge(ctx context.Context, p *plan, sr *stepRun, answer *assert.Answer) Status {
	status := Up
	sr.outcomes = make([]Outcome, 0, len(sr.step.asserts))
	sr.judged = make([]*assertion, 0, len(sr.step.asserts))
	for i := range sr.step.asserts {
		a := &sr.step.asserts[i]
		if a.isDefaultCert() && sr.response.TLS == nil {
			continue
		}
		o, class := r.check(ctx, p, a, answer, sr.response)
		sr.outcomes = append(sr.outcomes, o)
		sr.judged = append(sr.judged, a)
		if o.Holds {
			continue
		}
		verdict := Down
		if o.Degrades {
			verdict = Degraded
		}
		if verdict > status {
			status, sr.class, sr.reason = verdict, class, reasonFor(a, o.Detail)
		}
	}
	return status
}

// check holds an answer to one assertion. Class says what kind of failure it is.
func (r *runner) check(ctx context.Context, p *plan, a *assertion, answer *assert.Answer, response *probe.Response) (o Outcome, class probe.Class) {
	o = Outcome{Assertion: a.text, Degrades: a.degrades}
	switch {
	case a.contract:
		err := r.validateContract(ctx, p, response)
		if err == nil {
			o.Holds = true
			return o, probe.ClassNone
		}
		o.Detail = err.Error()
		// A document that cannot be had says nothing against the API.
		kind := fault.KindOf(err)
		o.Degrades = o.Degrades || kind == fault.KindUnavailable || kind == fault.KindNotFound
		return o, probe.ClassContract
	case a.schema != nil:
		o.Holds, o.Detail = a.schema.Check(answer)
		return o, probe.ClassContract
	default:
		o.Holds, o.Detail = a.program.Check(answer)
		return o, probe.ClassAssertion
	}
}

func reasonFor(a *assertion, detail string) string {
	switch {
	case a.program == nil:
		return detail
	case detail == "":
		return "expected " + a.text
	default:
		return detail + "; expected " + a.text
	}
}

// capturing takes the step's captures out of its answer.
func capturing(sr *stepRun, answer *assert.Answer) Status {
	if len(sr.step.captures) == 0 {
		return Up
	}
	sr.captured = make(map[string]any, len(sr.step.captures))
	for _, c := range sr.step.captures {
		value, err := c.program.Value(answer)
		if err == nil && value == nil {
			err = fmt.Errorf("%s is not in the answer", c.program)
		}
		if err != nil {
			sr.class, sr.reason = probe.ClassCapture, fmt.Sprintf("capture %s: %s", c.name, err)
			return Down
		}
		sr.captured[c.name] = value
	}
	return Up
}

// validateContract holds an answer to its OpenAPI operation.
func (r *runner) validateContract(ctx context.Context, p *plan, response *probe.Response) error {
	if r.contracts == nil {
		return fault.Unavailable("no OpenAPI document is known for API %q", p.config.API)
	}
	u, err := url.Parse(response.Sent.URL)
	if err != nil {
		return fmt.Errorf("the request's URL is not one: %w", err)
	}
	return r.contracts.ValidateResponse(ctx, p.config.API, response.Sent.Method, u, response.Status, response.Headers, response.Body)
}

func factsOf(steps []stepRun) facts {
	var f facts
	for i := range steps {
		response := steps[i].response
		if response == nil {
			continue
		}
		f.redirects += len(response.Redirects)
		f.protocol, f.remoteAddr = response.Protocol, response.RemoteAddr
		if t := response.TLS; t != nil {
			f.tlsVersion = t.Version
			if f.certExpires.IsZero() || t.Expires.Before(f.certExpires) {
				f.certExpires = t.Expires
			}
		}
	}
	return f
}
