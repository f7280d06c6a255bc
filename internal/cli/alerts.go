package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
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
	var output string
	var states []string
	cmd := &cobra.Command{
		Use: "list", Short: "List alerts, most urgent first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			server, err := f.open(cmd)
			if err != nil {
				return err
			}
			var answer struct {
				Alerts []alertRow `json:"alerts"`
			}
			path := "/alerts"
			if len(states) > 0 {
				path += "?" + url.Values{"state": states}.Encode()
			}
			if err := server.ask(cmd.Context(), http.MethodGet, path, nil, &answer); err != nil {
				return err
			}
			return printAlerts(s, answer.Alerts, output)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&output, "output", "o", "table", "table or json")
	flags.StringSliceVar(&states, "state", nil, "only these: firing, acknowledged, suppressed, pending")
	return cmd
}

func printAlerts(s streams, rows []alertRow, output string) error {
	if output == "json" {
		return printJSON(s, rows)
	}
	if len(rows) == 0 {
		fmt.Fprintln(s.err, "Nothing is wrong.")
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tSEVERITY\tSINCE\tALERT\tWHAT")
	for i := range rows {
		r := &rows[i]
		state := r.State
		if r.Ack != nil {
			state += " by " + r.Ack.By
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, oneLine(state), oneLine(r.Labels["severity"]), day(r.Starts), oneLine(r.Labels["alertname"]), oneLine(r.Annotations["summary"]))
	}
	return w.Flush()
}

// oneLine makes a foreign text fit for a cell and a terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

// printJSON writes rows as JSON, [] when there are none.
func printJSON[T any](s streams, rows []T) error {
	if rows == nil {
		rows = []T{}
	}
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(rows)
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
