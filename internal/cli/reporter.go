package cli

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// reporter writes the outcome of `lapwing check run` in one format.
type reporter interface {
	begin(total int)
	report(o checks.Once)
	end() error
}

// reporterKinds are the formats, by the name that --reporter takes.
var reporterKinds = map[string]func(w io.Writer, color bool) reporter{
	"list":   func(w io.Writer, color bool) reporter { return &listReporter{w: w, color: color} },
	"json":   func(w io.Writer, _ bool) reporter { return &jsonReporter{w: w} },
	"junit":  func(w io.Writer, _ bool) reporter { return &junitReporter{w: w} },
	"github": func(w io.Writer, _ bool) reporter { return &githubReporter{w: w} },
}

// glyph is the status as a sign that does not need colour.
func glyph(s checks.Status) string {
	switch s {
	case checks.Up:
		return "✓"
	case checks.Degraded:
		return "▲"
	default:
		return "✕"
	}
}

func colored(s checks.Status, text string, color bool) string {
	if !color {
		return text
	}
	code := map[checks.Status]string{checks.Up: "36", checks.Degraded: "33", checks.Down: "31"}[s]
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// milliseconds prints a latency for people.
func milliseconds(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < 10*time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	default:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
}

// listReporter is for people: a line a check, and the story of each that is not up.
type listReporter struct {
	w                          io.Writer
	color                      bool
	up, degraded, down, flaked int
	err                        error
}

func (r *listReporter) begin(int) {}

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
	if res.Status == checks.Down && o.Evidence != nil {
		last := o.Evidence.Attempts[len(o.Evidence.Attempts)-1]
		for _, step := range last.Steps {
			if step.Class != "" && step.Curl != "" {
				r.print("    %s\n", step.Curl)
			}
		}
	}
}

func (r *listReporter) end() error {
	r.print("%d up, %d degraded, %d down", r.up, r.degraded, r.down)
	if r.flaked > 0 {
		r.print(", %d flaky", r.flaked)
	}
	r.print("\n")
	return r.err
}

func (r *listReporter) print(format string, args ...any) {
	if _, err := fmt.Fprintf(r.w, format, args...); err != nil && r.err == nil {
		r.err = err
	}
}

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
	Status     checks.Status `json:"status"`
	Code       int           `json:"code"`
	Reason     string        `json:"reason,omitempty"`
	DNSMS      float64       `json:"dns_ms"`
	ConnectMS  float64       `json:"connect_ms"`
	TLSMS      float64       `json:"tls_ms"`
	TTFBMS     float64       `json:"ttfb_ms"`
	TransferMS float64       `json:"transfer_ms"`
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (r *jsonReporter) begin(total int) {
	r.doc = jsonReport{Version: 1, Checks: make([]jsonCheck, 0, total)}
}

func (r *jsonReporter) report(o checks.Once) {
	res := &o.Result
	c := jsonCheck{
		ID: o.View.ID, Name: o.View.Name, API: o.View.API, Status: res.Status, Flaky: res.Flaky(),
		LatencyMS: ms(res.Latency()), Code: res.Last().Code, Reason: res.Last().Reason,
	}
	for i := range res.Attempts {
		a := &res.Attempts[i]
		p := a.Phases
		c.Attempts = append(c.Attempts, jsonAttempt{a.Status, a.Code, a.Reason, ms(p.DNS), ms(p.Connect), ms(p.TLS), ms(p.TTFB), ms(p.Transfer)})
	}
	if res.Status != checks.Up || res.Flaky() {
		c.Evidence = o.Evidence
	}
	if res.Status == checks.Down {
		r.doc.Down++
	}
	r.doc.Checks = append(r.doc.Checks, c)
}

func (r *jsonReporter) end() error {
	encoder := json.NewEncoder(r.w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r.doc)
}

// junitReporter writes what CI systems read: one test case a check.
type junitReporter struct {
	w     io.Writer
	suite junitSuite
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
	total    time.Duration
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func (r *junitReporter) begin(int) { r.suite = junitSuite{Name: "lapwing"} }

func (r *junitReporter) report(o checks.Once) {
	res := &o.Result
	api := o.View.API
	if api == "" {
		api = "checks"
	}
	c := junitCase{Name: o.View.Name, Class: "lapwing." + api, Time: fmt.Sprintf("%.3f", res.Latency().Seconds())}
	r.suite.Tests++
	r.suite.total += res.Latency()
	switch {
	case res.Status == checks.Down:
		r.suite.Failures++
		c.Failure = &junitFailure{Message: xmlText(res.Last().Reason), Text: xmlText(story(o))}
	case res.Status == checks.Degraded:
		c.Output = xmlText("degraded: " + res.Last().Reason)
	case res.Flaky():
		c.Output = fmt.Sprintf("flaky: passed at attempt %d", len(res.Attempts))
	}
	r.suite.Cases = append(r.suite.Cases, c)
}

// story is the failing requests, as text.
func story(o checks.Once) string {
	var b strings.Builder
	for _, attempt := range o.Evidence.Attempts {
		for _, step := range attempt.Steps {
			if step.Class == "" {
				continue
			}
			fmt.Fprintf(&b, "%s\n%s\n", step.Error, step.Curl)
			if step.Response != nil {
				fmt.Fprintf(&b, "%s\n%s\n", step.Response.Line, step.Response.Body)
			}
		}
	}
	return b.String()
}

// xmlText drops what XML 1.0 cannot carry.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

func (r *junitReporter) end() error {
	r.suite.Time = fmt.Sprintf("%.3f", r.suite.total.Seconds())
	if _, err := io.WriteString(r.w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(r.w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(r.suite); err != nil {
		return err
	}
	_, err := io.WriteString(r.w, "\n")
	return err
}

// githubReporter writes workflow commands, which become annotations of a run.
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions
type githubReporter struct {
	w   io.Writer
	err error
}

func (r *githubReporter) begin(int) {}

func (r *githubReporter) report(o checks.Once) {
	command := ""
	switch {
	case o.Result.Status == checks.Down:
		command = "error"
	case o.Result.Status == checks.Degraded:
		command = "warning"
	case o.Result.Flaky():
		command = "notice"
	default:
		return
	}
	message := o.Result.Last().Reason
	if message == "" {
		message = fmt.Sprintf("flaky: passed at attempt %d", len(o.Result.Attempts))
	}
	_, err := fmt.Fprintf(r.w, "::%s title=%s::%s\n", command, escapeProperty(o.View.Name), escapeData(message))
	if r.err == nil {
		r.err = err
	}
}

func (r *githubReporter) end() error { return r.err }

// escapeData and escapeProperty keep hostile answers from forging commands.
func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(escapeData(s))
}
