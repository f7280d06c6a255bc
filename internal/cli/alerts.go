package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/units"
)

func newAlerts(s streams) *cobra.Command {
	f := &serverFlags{}
	cmd := &cobra.Command{
		Use: "alerts", Short: "List what is wrong, and say that you have it", Args: cobra.NoArgs,
		Long: `List what is wrong, and say that you have it:

  lapwing alerts list
  lapwing alerts ack 4f1a0c7be2d95a31 --note "on it"    not repeated, not escalated
  lapwing alerts unack 4f1a0c7be2d95a31`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.register(cmd, "write, or read to list")
	cmd.AddCommand(newAlertsList(s, f), newAlertsAck(s, f), newAlertsUnack(s, f))
	return cmd
}

// alertRow is an alert as it is printed, and as the API has it.
type alertRow struct {
	ID          string            `json:"id"`
	State       string            `json:"state"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	Starts      time.Time         `json:"starts"`
	Ends        time.Time         `json:"ends,omitzero"`
	Receivers   []string          `json:"receivers"`
	Ack         *struct {
		By   string `json:"by"`
		Note string `json:"note,omitempty"`
	} `json:"ack,omitempty"`
}

func newAlertsList(s streams, f *serverFlags) *cobra.Command {
	var states []string
	cmd := listing[alertRow]{
		use: "list", short: "List alerts, most urgent first", member: "alerts", none: "Nothing is wrong.",
		path: func() string {
			if len(states) == 0 {
				return "/alerts"
			}
			return "/alerts?" + url.Values{"state": states}.Encode()
		},
		heading: "ID\tSTATE\tSEVERITY\tSINCE\tALERT\tWHAT",
		cells: func(r *alertRow) []any {
			state := r.State
			if r.Ack != nil {
				state += " by " + r.Ack.By
			}
			return []any{r.ID, state, r.Labels["severity"], day(r.Starts), r.Labels["alertname"], r.Annotations["summary"]}
		},
	}.command(s, f)
	cmd.Flags().StringSliceVar(&states, "state", nil, "only these: firing, acknowledged, suppressed, pending")
	return cmd
}

func newAlertsAck(s streams, f *serverFlags) *cobra.Command {
	var note, last string
	cmd := &cobra.Command{
		Use: "ack ID", Short: "Say that you have an alert", Aliases: []string{"acknowledge"}, Args: cobra.ExactArgs(1),
		Long: `Say that you have an alert: it is not repeated and not escalated until it is resolved, or
for as long as --for says. That it is resolved is still told.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := units.ParseDuration(last); last != "" && err != nil {
				return usageError("--for: %w", err)
			}
			server, err := f.open(cmd)
			if err != nil {
				return err
			}
			var row alertRow
			body := map[string]string{"note": note, "for": last}
			if err := server.ask(cmd.Context(), http.MethodPost, "/alerts/"+url.PathEscape(args[0])+"/acknowledge", body, &row); err != nil {
				return err
			}
			fmt.Fprintf(s.err, "You have it: %s.\n", oneLine(row.Annotations["summary"]))
			return nil
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "what is being done, for those who look at the alert")
	cmd.Flags().StringVar(&last, "for", "", "how long, such as 2h; until the alert is resolved without it")
	return cmd
}

func newAlertsUnack(s streams, f *serverFlags) *cobra.Command {
	return &cobra.Command{
		Use: "unack ID", Short: "Say that you do not have it any more", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			server, err := f.open(cmd)
			if err != nil {
				return err
			}
			if err := server.ask(cmd.Context(), http.MethodDelete, "/alerts/"+url.PathEscape(args[0])+"/acknowledge", nil, nil); err != nil {
				return err
			}
			fmt.Fprintln(s.err, "Nobody has it now.")
			return nil
		},
	}
}
