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

// evidence makes what is kept of a run; everything in it is redacted. A secret
// that one step brought to light is hidden in all of them.
func (f *finished) evidence(traceID string) *Evidence {
	var secrets []string
	for _, steps := range f.attempts {
		for i := range steps {
			secrets = append(secrets, f.plan.secretsOf(&steps[i])...)
		}
	}
	redactor := f.plan.redactor.With(secrets...)
	e := &Evidence{Check: f.plan.id, Run: f.result.Run, TraceID: traceID}
	for _, steps := range f.attempts {
		attempt := AttemptEvidence{}
		for i := range steps {
			attempt.Steps = append(attempt.Steps, f.plan.stepEvidence(&steps[i], redactor))
		}
		e.Attempts = append(e.Attempts, attempt)
	}
	return e
}

func (p *plan) stepEvidence(sr *stepRun, redactor *secret.Redactor) StepEvidence {
	s := StepEvidence{Name: redactor.Text(sr.step.name), Skipped: sr.skipped, Class: sr.class, Error: redactor.Text(sr.reason)}
	if sr.skipped || sr.response == nil {
		return s
	}
	r := sr.response
	s.Curl = probe.Curl(&r.Sent, redactor)
	s.Request = message(r.Sent.Method+" "+redactURL(r.Sent.URL, redactor), r.Sent.Headers, r.Sent.Body, r.Sent.Size, redactor)
	s.Phases, s.RemoteAddr, s.TLS = r.Phases, r.RemoteAddr, r.TLS
	for _, u := range r.Redirects {
		s.Redirects = append(s.Redirects, redactURL(u, redactor))
	}
	if r.Status != 0 {
		line := fmt.Sprintf("%s %d %s", r.Protocol, r.Status, http.StatusText(r.Status))
		answer := message(line, r.Headers, r.Body[:min(len(r.Body), probe.EvidenceSize)], r.Size, redactor)
		s.Response = &answer
	}
	for i, o := range sr.outcomes {
		if program := sr.judged[i].program; o.Holds && program != nil {
			o.Detail = program.Values(sr.answer)
		}
		o.Assertion, o.Detail = redactor.Text(o.Assertion), redactor.Text(o.Detail)
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
		if p.publicCapture(c.name) {
			s.Captured[c.name] = redactor.Text(text(value))
		}
	}
	return s
}

// secretsOf are the values that a step brought to light and that must not be
// shown: what it captured, what authenticated its request, and cookies.
func (p *plan) secretsOf(sr *stepRun) []string {
	var values []string
	for name, value := range sr.captured {
		if !p.publicCapture(name) {
			values = appendTexts(values, value)
		}
	}
	if sr.response != nil {
		values = append(values, sr.response.Sent.Secrets...)
	}
	return values
}

// publicCapture reports whether every step that captures the name does so
// publicly: one that keeps it secret is enough to hide it.
func (p *plan) publicCapture(name string) bool {
	found := false
	for i := range p.steps {
		for _, c := range p.steps[i].captures {
			if c.name == name && !c.public {
				return false
			}
			found = found || c.name == name
		}
	}
	return found
}

// maxTexts bounds what one captured value can make us look for.
const maxTexts = 100

// appendTexts appends a captured value as it is sent, and the texts in it when
// it is a list or an object.
func appendTexts(texts []string, value any) []string {
	if len(texts) >= maxTexts {
		return texts
	}
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			texts = appendTexts(texts, item)
		}
	case map[string]any:
		for _, item := range v {
			texts = appendTexts(texts, item)
		}
	case bool, nil:
		return texts
	}
	return append(texts, text(value))
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

// message is one half of an exchange, of whose body the beginning was kept.
func message(line string, headers http.Header, body []byte, size int64, redactor *secret.Redactor) Message {
	truncated := size > int64(len(body))
	return Message{
		Line: line, Headers: headerLines(headers, redactor), Body: bodyText(body, truncated, redactor),
		Size: size, Truncated: truncated,
	}
}

// bodyText shows a body as text, or says that it is not one.
func bodyText(body []byte, truncated bool, redactor *secret.Redactor) string {
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
	if truncated {
		return redactor.Cut(string(body))
	}
	return redactor.Text(string(body))
}

// redactURL hides user information and secret parameters.
func redactURL(raw string, redactor *secret.Redactor) string { return redactor.Text(raw) }

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
