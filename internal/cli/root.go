package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/fault"
)

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// globals are the flags that every command has.
type globals struct {
	verbose bool
	quiet   bool
	logJSON bool
}

// logger writes to standard error, as people or machines want to read it.
func (g *globals) logger(w io.Writer) *slog.Logger {
	level := slog.LevelInfo
	switch {
	case g.verbose:
		level = slog.LevelDebug
	case g.quiet:
		level = slog.LevelWarn
	}
	options := &slog.HandlerOptions{Level: level}
	if g.logJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// quietly is the logger of commands that talk to a person themselves: it keeps
// to warnings unless more is asked for.
func (g *globals) quietly(w io.Writer) *slog.Logger {
	quiet := *g
	quiet.quiet = !g.verbose
	return quiet.logger(w)
}

// Main runs one command and returns the exit status. SIGINT and SIGTERM end it
// in order; a second one ends it at once.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal has its default effect again

	root := newRoot(streams{stdin, stdout, stderr})
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	var exit *exitError
	if !errors.As(err, &exit) || !exit.silent {
		fmt.Fprintln(stderr, "lapwing:", err)
	}
	return statusOf(err)
}

func newRoot(s streams) *cobra.Command {
	g := &globals{}
	root := &cobra.Command{
		Use:   "lapwing",
		Short: "Lapwing watches HTTP APIs",
		Long: `Lapwing watches HTTP APIs: scheduled checks that validate answers, their history,
and a web page that says what is wrong. One binary, one YAML file.

  lapwing demo                        look around, with invented data
  lapwing watch http://localhost:8000 start watching an API, and write lapwing.yaml
  lapwing serve -c lapwing.yaml       run it`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%w; see `%s --help`", err, cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.BoolVarP(&g.verbose, "verbose", "v", false, "log more")
	flags.BoolVarP(&g.quiet, "quiet", "q", false, "log warnings and errors only")
	flags.BoolVar(&g.logJSON, "log-json", false, "log as JSON, one object a line")
	root.AddCommand(
		newDemo(s, g), newWatch(s, g), newServe(s, g),
		newCheck(s, g), newConfig(s, g), newLimits(s), newBlock(s, g), newLogs(s),
		newAlerts(s), newSilence(s), newNotify(s), newHeartbeat(s),
		newAdmin(s, g), newToken(s, g),
		newHealth(s), newVersion(s),
	)
	wrapArgErrors(root)
	return root
}

// wrapArgErrors makes every complaint about arguments a usage error.
func wrapArgErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			if err == nil {
				return nil
			}
			if len(args) == 0 {
				return usageError("%s; see `%s --help`", strings.TrimSpace(err.Error()), c.CommandPath())
			}
			text, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
			if hint := fault.DidYouMean(args[0], commandNames(c)); hint != "" {
				return usageError("%s; %s", text, hint)
			}
			return usageError("%s; see `%s --help`", text, c.CommandPath())
		}
	}
	for _, sub := range cmd.Commands() {
		wrapArgErrors(sub)
	}
}

func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	return names
}

// fromEnv gives a flag the value of LAPWING_<NAME> unless the command line sets it.
func fromEnv(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		flag := cmd.Flags().Lookup(name)
		value, ok := os.LookupEnv("LAPWING_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")))
		if flag == nil || flag.Changed || !ok {
			continue
		}
		if err := flag.Value.Set(value); err != nil {
			return usageError("LAPWING_%s: %w", strings.ToUpper(name), err)
		}
		flag.Changed = true
	}
	return nil
}
