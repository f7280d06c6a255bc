package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newNotify(s streams) *cobra.Command {
	f := &serverFlags{}
	cmd := &cobra.Command{
		Use: "notify", Short: "Try the channels by which people are told", Args: cobra.NoArgs,
		Long: `Try the channels by which people are told:

  lapwing notify test team                             send an example to a receiver
  lapwing notify list                                  receivers, with their channels
  lapwing notify who severity=critical api=orders      who would get an alert with these labels`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.register(cmd, "write to test, or read")
	cmd.AddCommand(newNotifyTest(s, f), newNotifyList(s, f), newNotifyWho(s, f))
	return cmd
}

func newNotifyTest(s streams, f *serverFlags) *cobra.Command {
	return &cobra.Command{
		Use: "test RECEIVER", Short: "Send an example to a receiver, and say what it answered", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			server, err := f.open(cmd)
			if err != nil {
				return err
			}
			if err := server.ask(cmd.Context(), http.MethodPost, "/receivers/"+url.PathEscape(args[0])+"/test", nil, nil); err != nil {
				return err
			}
			fmt.Fprintf(s.err, "%s took it.\n", args[0])
			return nil
		},
	}
}

// receiverRow is a receiver as it is printed, and as the API has it.
type receiverRow struct {
	Name         string   `json:"name"`
	Integrations []string `json:"integrations"`
}

func newNotifyList(s streams, f *serverFlags) *cobra.Command {
	return listing[receiverRow]{
		use: "list", short: "List receivers, with their channels", path: fixed("/receivers"), member: "receivers", none: "There are no receivers.",
		heading: "RECEIVER\tCHANNELS",
		cells: func(r *receiverRow) []any {
			if len(r.Integrations) == 0 {
				return []any{r.Name, "none: alerts are shown on pages only"}
			}
			return []any{r.Name, strings.Join(r.Integrations, ", ")}
		},
	}.command(s, f)
}

func newNotifyWho(s streams, f *serverFlags) *cobra.Command {
	return &cobra.Command{
		Use: "who LABEL=VALUE…", Short: "Say who would get an alert with these labels", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				if name, _, ok := strings.Cut(arg, "="); !ok || name == "" {
					return usageError("%q is not a label; write name=value, such as severity=critical", arg)
				}
			}
			server, err := f.open(cmd)
			if err != nil {
				return err
			}
			var answer struct {
				Recipients []struct {
					Receiver string `json:"receiver"`
					Route    string `json:"route"`
				} `json:"recipients"`
			}
			if err := server.ask(cmd.Context(), http.MethodGet, "/receivers/of?"+url.Values{"label": args}.Encode(), nil, &answer); err != nil {
				return err
			}
			w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "RECEIVER\tBY THE ROUTE")
			for _, r := range answer.Recipients {
				fmt.Fprintf(w, "%s\t%s\n", oneLine(r.Receiver), oneLine(r.Route))
			}
			return w.Flush()
		},
	}
}
