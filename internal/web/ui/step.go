package ui

import (
	"fmt"
	"strings"

	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/probe"
)

// stepView is one request with its answer.
type stepView struct {
	Anchor     string // "step-1-2": the second step of the first attempt
	Name       string
	Single     bool // the only step: its name says nothing
	State      string
	Open       bool // shown in full; what passed is closed when another step did not
	Latency    string
	Skipped    bool
	Measured   bool // some assertion has values to show
	Curl       string
	Request    messageView
	Response   *messageView
	RemoteAddr string
	Redirects  []string
	TLS        []field
	Assertions []checks.Outcome
	Captured   []field
	Error      string
}

type messageView struct {
	checks.Message
	SizeText string
	Shown    string // "first 4.0 KiB of 1.2 MiB" when cut
}

func stepName(s *checks.StepEvidence, i int) string {
	if s.Name != "" {
		return s.Name
	}
	return fmt.Sprintf("Step %d", i+1)
}

// makeSteps is the steps of an attempt, whose number counts from 1. An error
// that is the reason of the attempt is not said again.
func makeSteps(steps []checks.StepEvidence, attempt int, reason string) []stepView {
	var list []stepView
	calm := true
	for i := range steps {
		v := makeStep(&steps[i], i)
		v.Anchor, v.Single = stepAnchor(attempt, i), len(steps) == 1
		if v.Error == reason {
			v.Error = ""
		}
		calm = calm && v.State == "up"
		list = append(list, v)
	}
	for i := range list {
		list[i].Open = calm || list[i].State == "down" || list[i].State == "degraded"
	}
	return list
}

func stepAnchor(attempt, step int) string { return fmt.Sprintf("step-%d-%d", attempt, step+1) }

// stepState is the verdict of one step: a failing assertion that degrades is
// also its error, so assertions are asked first. A skipped step has none.
func stepState(s *checks.StepEvidence) checks.Status {
	if s.Skipped {
		return checks.Unknown
	}
	state := checks.Up
	for i := range s.Assertions {
		switch o := &s.Assertions[i]; {
		case o.Holds:
		case o.Degrades:
			state = checks.Degraded
		default:
			return checks.Down
		}
	}
	if state == checks.Up && s.Error != "" {
		return checks.Down
	}
	return state
}

func makeStep(s *checks.StepEvidence, at int) stepView {
	v := stepView{
		Name: stepName(s, at), State: stepState(s).String(), Latency: latency(s.Phases.Total()), Skipped: s.Skipped, Curl: s.Curl, Request: makeMessage(&s.Request),
		RemoteAddr: s.RemoteAddr, Redirects: s.Redirects, Assertions: s.Assertions, Error: s.Error,
	}
	for _, o := range s.Assertions {
		v.Measured = v.Measured || o.Detail != ""
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
