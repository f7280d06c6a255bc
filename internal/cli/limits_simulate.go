package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/config"
	"lapwing.dev/lapwing/internal/limits"
	"lapwing.dev/lapwing/internal/units"
	"lapwing.dev/lapwing/middleware/observe"
)

// limitsSimulate is one call of `lapwing limits simulate`.
type limitsSimulate struct {
	limitFlags
	from, api string
	rates     []string
	top       int
	output    string
}

func newLimitsSimulate(s streams) *cobra.Command {
	m := limitsSimulate{}
	cmd := &cobra.Command{
		Use: "simulate [FILE…]", Short: "Say what limits would have done to recorded requests",
		Long: `Say what the limits of a configuration would have done to recorded requests: how many
would have been let in, delayed and rejected, for which clients, and how long the longest
would have waited. Nothing waits and nothing in force is touched.

The requests are those of the configuration's access log (access_log.path) and the files
that it was rotated to, or of FILE: lines of Lapwing's JSON access log, gzip or not, - for
standard input. Try a rate that is not in force yet with --rate:

  lapwing limits simulate --from 24h --rate per-client=100/minute`,
		RunE: func(cmd *cobra.Command, files []string) error { return m.run(cmd, s, files) },
	}
	m.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&m.from, "from", "", "leave out requests that are older than this, such as 24h")
	flags.StringVar(&m.api, "api", "", "requests of this API only")
	flags.StringArrayVar(&m.rates, "rate", nil, "another rate for a limit, NAME=RATE; several with the flag repeated")
	flags.IntVar(&m.top, "top", 10, "clients to show, those that were held back most")
	flags.StringVarP(&m.output, "output", "o", "table", "table or json")
	return cmd
}

func (m *limitsSimulate) run(cmd *cobra.Command, s streams, files []string) (err error) {
	if err := checkOutput(m.output); err != nil {
		return err
	}
	loaded, err := m.load(cmd)
	if err != nil {
		return err
	}
	sim := limits.Simulation{Config: limitsOf(&loaded.File), Top: m.top}
	if m.from != "" {
		d, err := units.ParseDuration(m.from)
		if err != nil {
			return usageError("--from: %w", err)
		}
		sim.From = time.Now().Add(-d.Std())
	}
	for _, rate := range m.rates {
		if err := sim.Config.Override(rate); err != nil {
			return usageError("--rate: %w", err)
		}
	}
	if sim.Names, err = m.chosen(&loaded.File); err != nil {
		return err
	}
	if m.api != "" {
		sim.Keep = func(e *observe.Exchange) bool { return e.API == m.api }
	}
	if len(files) == 0 {
		if files, err = logFiles(loaded); err != nil {
			return err
		}
	}
	for _, name := range files {
		if name == "-" {
			sim.Logs = append(sim.Logs, s.in)
			continue
		}
		file, err := os.Open(name) // #nosec G304 -- the operator's own file
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		defer file.Close()
		sim.Logs = append(sim.Logs, file)
	}
	report, err := limits.Simulate(cmd.Context(), sim)
	if err != nil {
		return fmt.Errorf("replay %s: %w", strings.Join(files, ", "), err)
	}
	if m.output == "json" {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	return printReport(s.out, report, sim.Names)
}

// chosen are the limits to simulate: the ones that are named, or those of the
// routes, if these agree.
func (m *limitsSimulate) chosen(f *config.File) ([]string, error) {
	if len(m.names) > 0 {
		return m.names, nil
	}
	var names []string
	found := false
	for i := range f.Gateway.Routes {
		r := &f.Gateway.Routes[i]
		switch {
		case m.api != "" && r.API != m.api:
		case !found:
			names, found = r.Limits, true
		case !slices.Equal(names, r.Limits):
			return nil, usageError("routes have different limits; choose with --limits, or the requests of one API with --api")
		}
	}
	if !found {
		names = limitNames(f)
	}
	if len(names) == 0 {
		return nil, usageError("the route has no limits; choose some with --limits")
	}
	return names, nil
}

// logFiles are the access log of a configuration and what it was rotated to,
// oldest first.
func logFiles(loaded *config.Loaded) ([]string, error) {
	path := loaded.File.AccessLog.Path
	if path == "" {
		return nil, usageError("the configuration has no access_log.path; name the files to replay, or add it")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(loaded.Dir, path)
	}
	extension := filepath.Ext(path)
	var files []string
	for _, ending := range []string{extension, extension + ".gz"} {
		// Rotated files have a time in their names, whose order is that of time.
		rotated, err := filepath.Glob(escapeGlob(strings.TrimSuffix(path, extension)) + "-[0-9]*Z" + escapeGlob(ending))
		if err != nil {
			return nil, fmt.Errorf("look for rotated logs: %w", err)
		}
		files = append(files, rotated...)
	}
	slices.Sort(files)
	if _, err := os.Stat(path); err == nil {
		files = append(files, path)
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no access log at %s yet", path)
	}
	return files, nil
}

func escapeGlob(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(text)
}

func printReport(out io.Writer, r *limits.Report, names []string) error {
	if r.Requests == 0 {
		_, err := fmt.Fprintf(out, "No requests to replay (%s left out).\n", plural(int(r.Skipped), "line"))
		return err
	}
	const layout = "2006-01-02 15:04:05"
	fmt.Fprintf(out, "%s from %s to %s under %s:\n", plural(int(r.Requests), "request"), r.From.Local().Format(layout), r.To.Local().Format(layout), strings.Join(names, ", "))
	part := func(n int64) string { return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(r.Requests)) }
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "  let in at once\t%d\t%s\n", r.Allowed, part(r.Allowed))
	longest := ""
	if r.Delayed > 0 {
		longest = "\tthe longest by " + shortWait(r.LongestWait)
	}
	fmt.Fprintf(w, "  delayed\t%d\t%s%s\n", r.Delayed, part(r.Delayed), longest)
	fmt.Fprintf(w, "  rejected\t%d\t%s\n", r.Rejected, part(r.Rejected))
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s; held back most:\n", plural(r.ClientCount, "client"))
	w = tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CLIENT\tTIER\tLET IN\tDELAYED\tREJECTED\tLONGEST WAIT")
	for _, c := range r.Clients {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\n", c.Client, orNone(c.Tier), c.Allowed, c.Delayed, c.Rejected, shortWait(c.LongestWait))
	}
	fmt.Fprintln(w, "\nLIMIT\tDELAYED\tREJECTED\tIN SHADOW\tBY ITS TEST\tEXEMPT")
	for _, l := range r.Limits {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", l.Name, l.Delayed, l.Rejected, l.Shadowed, l.TestRefuse, l.Exempt)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i, note := range r.Notes {
		if i == 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "Note: %s.\n", note)
	}
	return nil
}

func orNone(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// shortWait is a wait for people.
func shortWait(d units.Duration) string {
	if d == 0 {
		return "-"
	}
	return units.Duration(d.Std().Round(time.Millisecond)).String()
}
