package checks

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"lapwing.dev/lapwing/internal/probe"
	"lapwing.dev/lapwing/internal/secret"
)

// evidence makes what is kept of a run; everything in it is redacted.
func (f *finished) evidence(traceID string) *Evidence {
	e := &Evidence{Check: f.plan.id, Run: f.result.Run, TraceID: traceID}
	for _, steps := range f.attempts {
		var captured []map[string]any
		attempt := AttemptEvidence{}
		for i := range steps {
			captured = append(captured, secretCaptures(&steps[i]))
			attempt.Steps = append(attempt.Steps, steps[i].evidence(f.plan.redactorWith(captured...)))
		}
		e.Attempts = append(e.Attempts, attempt)
	}
	return e
}

func (sr *stepRun) evidence(redactor *secret.Redactor) StepEvidence {
	s := StepEvidence{Name: sr.step.name, Skipped: sr.skipped, Class: sr.class, Error: redactor.Text(sr.reason)}
	if sr.skipped || sr.response == nil {
		return s
	}
	r := sr.response
	redactor = redactor.With(r.Sent.Secrets...)
	s.Error = redactor.Text(sr.reason)
	s.Curl = probe.Curl(&r.Sent, redactor)
	s.Request = Message{
		Line:    r.Sent.Method + " " + redactURL(r.Sent.URL, redactor),
		Headers: headerLines(r.Sent.Headers, redactor),
		Body:    bodyText(r.Sent.Body, redactor),
		Size:    r.Sent.Size, Truncated: r.Sent.Size > int64(len(r.Sent.Body)),
	}
	s.Phases, s.RemoteAddr, s.TLS = r.Phases, r.RemoteAddr, r.TLS
	for _, u := range r.Redirects {
		s.Redirects = append(s.Redirects, redactURL(u, redactor))
	}
	if r.Status != 0 {
		body := r.Body[:min(len(r.Body), probe.EvidenceSize)]
		s.Response = &Message{
			Line:    fmt.Sprintf("%s %d %s", r.Protocol, r.Status, http.StatusText(r.Status)),
			Headers: headerLines(r.Headers, redactor),
			Body:    bodyText(body, redactor),
			Size:    r.Size, Truncated: r.Size > int64(len(body)),
		}
	}
	for i, o := range sr.outcomes {
		if program := sr.judged[i].program; o.Holds && program != nil {
			o.Detail = program.Values(sr.answer)
		}
		o.Detail = redactor.Text(o.Detail)
		s.Assertions = append(s.Assertions, o)
	}
	for _, c := range sr.step.captures {
		value, ok := sr.captured[c.name]
		if !ok {
			continue
		}
		if s.Captured == nil {
			s.Captured = map[string]string{}
		}
		s.Captured[c.name] = secret.Redacted
		if c.public {
			s.Captured[c.name] = text(value)
		}
	}
	return s
}

// secretCaptures are the captured values that must not be shown.
func secretCaptures(sr *stepRun) map[string]any {
	if len(sr.captured) == 0 {
		return nil
	}
	values := map[string]any{}
	for _, c := range sr.step.captures {
		if value, ok := sr.captured[c.name]; ok && !c.public {
			values[c.name] = value
		}
	}
	return values
}

// redactorWith knows captured values besides the configured secrets. Whether a
// capture is public is looked up in the plan.
func (p *plan) redactorWith(captured ...map[string]any) *secret.Redactor {
	var values []string
	for _, vars := range captured {
		for name, value := range vars {
			if !p.publicCapture(name) {
				values = append(values, text(value))
			}
		}
	}
	if len(values) == 0 {
		return p.redactor
	}
	return p.redactor.With(values...)
}

func (p *plan) publicCapture(name string) bool {
	for i := range p.steps {
		for _, c := range p.steps[i].captures {
			if c.name == name {
				return c.public
			}
		}
	}
	return false
}

// pathOf is the path of a URL, for finding its operation.
func pathOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.EscapedPath()
}

func headerLines(h http.Header, redactor *secret.Redactor) []Header {
	lines := make([]Header, 0, len(h))
	for name, values := range h {
		for _, v := range values {
			lines = append(lines, Header{Name: name, Value: redactor.Header(name, v)})
		}
	}
	slices.SortStableFunc(lines, func(a, b Header) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
	return lines
}

// bodyText shows a body as text, or says that it is not one.
func bodyText(body []byte, redactor *secret.Redactor) string {
	if len(body) == 0 {
		return ""
	}
	// A cut through a multi-byte character is not a binary body.
	for cut := 0; cut < utf8.UTFMax && !utf8.Valid(body) && len(body) > 0; cut++ {
		body = body[:len(body)-1]
	}
	if !utf8.Valid(body) || len(body) == 0 {
		return "(binary)"
	}
	return redactor.Text(string(body))
}

// redactURL hides user information and secret parameters.
func redactURL(raw string, redactor *secret.Redactor) string {
	if u, err := url.Parse(raw); err == nil && u.User != nil {
		u.User = url.User(secret.Redacted)
		raw = u.String()
	}
	return redactor.Text(raw)
}

// texts turns captured values into what ${name} is replaced by.
func texts(vars map[string]any) map[string]string {
	if len(vars) == 0 {
		return nil
	}
	out := make(map[string]string, len(vars))
	for name, value := range vars {
		out[name] = text(value)
	}
	return out
}

func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}
