package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/units"
)

func newSilence(s streams) *cobra.Command {
	f := &serverFlags{}
	cmd := &cobra.Command{
		Use: "silence", Short: "Keep alerts from being told for a while", Args: cobra.NoArgs,
		Long: `Keep alerts from being told for a while:

  lapwing silence add api=orders 'operation=~GET /reports/.*' --for 2h --comment "reports are rebuilt"
  lapwing silence list
  lapwing silence rm 7c1d3e52-9b1a-4c63-8f5e-2f0a6c1f4d11

A matcher is a label, one of = != =~ !~, and a value; all of them must hold. amtool works
as well: amtool --alertmanager.url=http://127.0.0.1:7480/alertmanager silence …`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.register(cmd, "write, or read to list")
	cmd.AddCommand(newSilenceAdd(s, f), newSilenceList(s, f), newSilenceRemove(s, f))
	return cmd
}

// matcherRow is one matcher of a silence.
type matcherRow struct {
	Name  string `json:"name"`
	Op    string `json:"op"`
	Value string `json:"value"`
}

// readMatcher reads name=value, name!=value, name=~value or name!~value.
func readMatcher(text string) (matcherRow, error) {
	at := strings.IndexAny(text, "=!")
	if at < 1 {
		return matcherRow{}, usageError("%q is not a matcher; write label=value, label!=value, label=~regex or label!~regex", text)
	}
	for _, op := range []string{"=~", "!~", "!=", "="} {
		if value, found := strings.CutPrefix(text[at:], op); found {
			return matcherRow{strings.TrimSpace(text[:at]), op, strings.Trim(value, `"`)}, nil
		}
	}
	return matcherRow{}, usageError("%q is not a matcher; write label=value, label!=value, label=~regex or label!~regex", text)
}

func newSilenceAdd(s streams, f *serverFlags) *cobra.Command {
	var last, comment string
	cmd := &cobra.Command{
		Use: "add MATCHER…", Short: "Silence the alerts whose labels match", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if d, err := units.ParseDuration(last); err != nil || d <= 0 {
				return usageError("--for: write how long, such as 2h")
			}
			matchers := make([]matcherRow, len(args))
			for i, text := range args {
				var err error
				if matchers[i], err = readMatcher(text); err != nil {
					return err
				}
			}
			server, err := f.open(cmd)
			if err != nil {
				return err
			}
			var answer struct {
				ID string `json:"id"`
			}
			body := map[string]any{"matchers": matchers, "for": last, "comment": comment}
			if err := server.ask(cmd.Context(), http.MethodPost, "/silences", body, &answer); err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.out, answer.ID)
			return err
		},
	}
	cmd.Flags().StringVar(&last, "for", "", "how long, such as 2h; needed")
	cmd.Flags().StringVar(&comment, "comment", "", "why, for those who look at the list later")
	return cmd
}

// silenceRow is a silence as it is printed, and as the API has it.
type silenceRow struct {
	ID       string       `json:"id"`
	State    string       `json:"state"`
	Matchers []matcherRow `json:"matchers"`
	Starts   time.Time    `json:"starts"`
	Ends     time.Time    `json:"ends"`
	By       string       `json:"by"`
	Comment  string       `json:"comment"`
	Alerts   int          `json:"alerts"`
}

func newSilenceList(s streams, f *serverFlags) *cobra.Command {
	return listing[silenceRow]{
		use: "list", short: "List silences that have not expired", path: fixed("/silences"), member: "silences", none: "Nothing is silenced.",
		heading: "ID\tSTATE\tUNTIL\tBY\tALERTS\tMATCHERS\tCOMMENT",
		cells: func(r *silenceRow) []any {
			matchers := make([]string, len(r.Matchers))
			for i, m := range r.Matchers {
				matchers[i] = m.Name + m.Op + m.Value
			}
			return []any{r.ID, r.State, day(r.Ends), r.By, r.Alerts, strings.Join(matchers, " "), r.Comment}
		},
	}.command(s, f)
}

func newSilenceRemove(s streams, f *serverFlags) *cobra.Command {
	return &cobra.Command{
		Use: "rm ID", Short: "End a silence", Aliases: []string{"remove", "expire"}, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			server, err := f.open(cmd)
			if err != nil {
				return err
			}
			if err := server.ask(cmd.Context(), http.MethodDelete, "/silences/"+url.PathEscape(args[0]), nil, nil); err != nil {
				return err
			}
			fmt.Fprintf(s.err, "The silence %s has ended.\n", args[0])
			return nil
		},
	}
}
