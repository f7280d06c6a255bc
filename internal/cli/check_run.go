package cli

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/app"
	"lapwing.dev/lapwing/internal/checks"
	"lapwing.dev/lapwing/internal/fault"
)

// checkRun is one call of `lapwing check run`.
type checkRun struct {
	file      string
	reporters []string
	labels    []string
	api       string
	parallel  int
	noColor   bool
}

func newCheckRun(s streams, g *globals) *cobra.Command {
	run := checkRun{}
	cmd := &cobra.Command{
		Use: "run [NAME…]", Short: "Run checks once, now: a gate for CI",
		Long: `Run the checks of a configuration once, now, without a server and without storing
anything. Exit status 1 when a check is down; degraded and flaky checks pass, and are
shown. Checks that the file pauses are left out unless they are named. A reporter writes to standard output, or to a file with NAME=FILE:

  lapwing check run --reporter list,junit=report.xml
  lapwing check run --label team=shop --reporter github`,
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := fromEnv(cmd, "config"); err != nil {
				return err
			}
			return run.run(cmd, s, g, names)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&run.file, "config", "c", defaultFile, "configuration file (LAPWING_CONFIG)")
	flags.StringSliceVarP(&run.reporters, "reporter", "r", []string{"list"}, "list, json, junit, github; NAME=FILE writes to a file")
	flags.StringSliceVarP(&run.labels, "label", "l", nil, "only checks with this label, KEY=VALUE or KEY")
	flags.StringVar(&run.api, "api", "", "only checks of this API")
	flags.IntVar(&run.parallel, "parallel", 8, "how many checks run at a time")
	flags.BoolVar(&run.noColor, "no-color", false, "no colours (NO_COLOR)")
	return cmd
}

func (run *checkRun) run(cmd *cobra.Command, s streams, g *globals, names []string) (err error) {
	reporters, closeAll, err := run.openReporters(s.out)
	if err != nil {
		return err
	}
	defer func() { err = closeAll(err) }()
	loaded, err := app.LoadConfig(run.file)
	if err != nil {
		return err
	}
	manager, done, err := app.OfflineChecks(cmd.Context(), g.quietly(s.err), loaded)
	if err != nil {
		return err
	}
	defer done()
	chosen, err := run.choose(manager.List(), names)
	if err != nil {
		return err
	}
	var ids []string
	left := map[string]checks.View{} // not run (yet)
	for _, v := range chosen {
		left[v.ID] = v
		if v.State != checks.Paused || len(names) > 0 {
			ids = append(ids, v.ID)
		}
	}
	down := 0
	inOrder := &ordered{ids: ids, ended: map[string]checks.Once{}, emit: func(o checks.Once) {
		if o.Result.Status == checks.Down {
			down++
		}
		delete(left, o.View.ID)
		for _, r := range reporters {
			r.report(o)
		}
	}}
	var interrupted error
	if len(ids) > 0 {
		interrupted = manager.RunOnce(cmd.Context(), ids, run.parallel, inOrder.add)
	}
	inOrder.flush()
	// Reports are finished after an interruption too: half a file helps nobody.
	notRun := slices.SortedFunc(maps.Values(left), func(a, b checks.View) int { return strings.Compare(a.Name, b.Name) })
	for _, r := range reporters {
		if err := r.end(notRun); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	if interrupted != nil {
		return fmt.Errorf("interrupted before every check had run: %w", interrupted)
	}
	if down > 0 {
		return &exitError{status: ExitFailed, err: errChecksFailed, silent: true}
	}
	return nil
}

// ordered passes runs on in the order of the file, each as soon as those before
// it have ended, so that the logs of two runs can be compared.
type ordered struct {
	ids   []string
	ended map[string]checks.Once
	emit  func(checks.Once)
}

func (q *ordered) add(o checks.Once) {
	q.ended[o.View.ID] = o
	for len(q.ids) > 0 {
		next, ok := q.ended[q.ids[0]]
		if !ok {
			return
		}
		q.emit(next)
		q.ids = q.ids[1:]
	}
}

// flush passes on what ended behind a run that never did.
func (q *ordered) flush() {
	for _, id := range q.ids {
		if o, ok := q.ended[id]; ok {
			q.emit(o)
		}
	}
}

// choose returns the checks that names and flags select; a name that selects
// nothing is an error, so that a typo cannot pass a gate.
func (run *checkRun) choose(views []checks.View, names []string) ([]checks.View, error) {
	var chosen []checks.View
	found := map[string]bool{}
	for _, v := range views {
		named := len(names) == 0
		for _, name := range names {
			if name == v.Name || name == v.ID {
				named, found[name] = true, true
			}
		}
		if named && (run.api == "" || v.API == run.api) && hasLabels(v.Labels, run.labels) {
			chosen = append(chosen, v)
		}
	}
	for _, name := range names {
		if !found[name] {
			hint := fault.DidYouMean(name, namesOf(views))
			if hint == "" {
				hint = "there are: " + nameList(views)
			}
			return nil, usageError("there is no check %q; %s", name, hint)
		}
	}
	if len(chosen) == 0 {
		return nil, usageError("no check matches; there are: %s", nameList(views))
	}
	return chosen, nil
}

func namesOf(views []checks.View) []string {
	names := make([]string, 0, len(views))
	for _, v := range views {
		names = append(names, v.Name)
	}
	return names
}

func nameList(views []checks.View) string {
	names := namesOf(views)
	if len(names) > 20 {
		names = append(names[:20], fmt.Sprintf("… %d more", len(views)-20))
	}
	return strings.Join(names, ", ")
}

// hasLabels reports whether the labels have all of want: KEY=VALUE, or KEY with
// any value.
func hasLabels(labels map[string]string, want []string) bool {
	return !slices.ContainsFunc(want, func(pair string) bool {
		key, value, valued := strings.Cut(pair, "=")
		have, ok := labels[key]
		return !ok || valued && have != value
	})
}

// openReporters makes the reporters and the files that they write to.
func (run *checkRun) openReporters(stdout io.Writer) (list []reporter, closeAll func(error) error, err error) {
	var files []*os.File
	closeAll = func(err error) error {
		for _, f := range files {
			if closeErr := f.Close(); err == nil {
				err = closeErr
			}
		}
		return err
	}
	for _, text := range run.reporters {
		name, path, toFile := strings.Cut(text, "=")
		makeReporter, known := reporterKinds[name]
		if !known {
			return nil, nil, closeAll(usageError("unknown reporter %q; there are list, json, junit, github", name))
		}
		w := stdout
		if toFile {
			f, err := os.Create(path)
			if err != nil {
				return nil, nil, closeAll(fmt.Errorf("reporter %s: %w", name, err))
			}
			files = append(files, f)
			w = f
		}
		list = append(list, makeReporter(w, !run.noColor && !toFile && isTerminal(w)))
	}
	return list, closeAll, nil
}

// isTerminal reports whether colours and progress make sense on w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
