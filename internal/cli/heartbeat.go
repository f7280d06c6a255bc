package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newHeartbeat(s streams) *cobra.Command {
	f := &serverFlags{}
	cmd := &cobra.Command{
		Use: "heartbeat", Short: "Tell that a job has run", Args: cobra.NoArgs,
		Long: `Tell that a job has run, at its end:

  lapwing heartbeat send nightly-backup
  lapwing heartbeat send nightly-backup --fail
  lapwing heartbeat list

Where there is no lapwing, curl does it, too:
  curl -fsS -X POST http://127.0.0.1:7480/api/v1/heartbeats/nightly-backup`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.register(cmd, "ingest to send, or read to list")
	cmd.AddCommand(newHeartbeatSend(f), newHeartbeatList(s, f))
	return cmd
}

func newHeartbeatSend(f *serverFlags) *cobra.Command {
	var failed bool
	var message string
	cmd := &cobra.Command{
		Use: "send NAME", Short: "Tell that a job has run", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			server, err := f.open(cmd)
			if err != nil {
				return err
			}
			path := "/heartbeats/" + url.PathEscape(args[0])
			if failed {
				path += "?status=fail"
			}
			var said any
			if message != "" {
				said = message
			}
			return server.ask(cmd.Context(), http.MethodPost, path, said, nil)
		},
	}
	cmd.Flags().BoolVar(&failed, "fail", false, "the job failed: that is an alert at once")
	cmd.Flags().StringVar(&message, "message", "", "what the job has to say")
	return cmd
}

func newHeartbeatList(s streams, f *serverFlags) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "list", Short: "List jobs, and when they ran last", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			server, err := f.open(cmd)
			if err != nil {
				return err
			}
			type row struct {
				Name    string    `json:"name"`
				State   string    `json:"state"`
				Last    time.Time `json:"last,omitzero"`
				Due     time.Time `json:"due"`
				Message string    `json:"message,omitempty"`
			}
			var answer struct {
				Heartbeats []row `json:"heartbeats"`
			}
			if err := server.ask(cmd.Context(), http.MethodGet, "/heartbeats", nil, &answer); err != nil {
				return err
			}
			if output == "json" {
				return printJSON(s, answer.Heartbeats)
			}
			w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tSTATE\tLAST\tDUE\tMESSAGE")
			for _, r := range answer.Heartbeats {
				last := "never"
				if !r.Last.IsZero() {
					last = day(r.Last)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Name, r.State, last, day(r.Due), oneLine(r.Message))
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}
