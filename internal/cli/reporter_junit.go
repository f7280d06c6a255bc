package cli

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

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
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
	total    time.Duration
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Skipped *junitSkipped `xml:"skipped,omitempty"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitSkipped struct{}

// junitClass groups the test cases by API.
func junitClass(v checks.View) string {
	if v.API == "" {
		return "lapwing.checks"
	}
	return "lapwing." + v.API
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func (r *junitReporter) report(o checks.Once) {
	res := &o.Result
	c := junitCase{Name: o.View.Name, Class: junitClass(o.View), Time: fmt.Sprintf("%.3f", res.Latency().Seconds())}
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

func (r *junitReporter) end(notRun []checks.View) error {
	for _, v := range notRun {
		r.suite.Tests++
		r.suite.Skipped++
		r.suite.Cases = append(r.suite.Cases, junitCase{Name: v.Name, Class: junitClass(v), Time: "0.000", Skipped: &junitSkipped{}})
	}
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
