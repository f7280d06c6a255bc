package cli

import (
	"fmt"
	"io"
	"time"

	"lapwing.dev/lapwing/internal/checks"
)

// reporter writes the outcome of `lapwing check run` in one format.
type reporter interface {
	report(o checks.Once)
	// end finishes the report; notRun are paused checks, and those that an
	// interruption left over.
	end(notRun []checks.View) error
}

// reporterKinds are the formats, by the name that --reporter takes.
var reporterKinds = map[string]func(w io.Writer, color bool) reporter{
	"list": func(w io.Writer, color bool) reporter { return &listReporter{w: w, color: color} },
	"json": func(w io.Writer, _ bool) reporter {
		return &jsonReporter{w: w, doc: jsonReport{Version: 1, Checks: []jsonCheck{}}}
	},
	"junit":  func(w io.Writer, _ bool) reporter { return &junitReporter{w: w, suite: junitSuite{Name: "lapwing"}} },
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
