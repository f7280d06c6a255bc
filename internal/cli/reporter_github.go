package cli

import (
	"fmt"
	"io"
	"strings"

	"lapwing.dev/lapwing/internal/checks"
)

// githubReporter writes workflow commands, which become annotations of a run.
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions
type githubReporter struct {
	w   io.Writer
	err error
}

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

func (r *githubReporter) end([]checks.View) error { return r.err }

// escapeData and escapeProperty keep hostile answers from forging commands.
func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(escapeData(s))
}
