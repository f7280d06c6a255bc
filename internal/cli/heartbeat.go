package cli

import (
	"net/http"
	"net/url"
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

// heartbeatRow is a job as it is printed, and as the API has it.
type heartbeatRow struct {
	Name    string    `json:"name"`
	State   string    `json:"state"`
	Last    time.Time `json:"last,omitzero"`
	Due     time.Time `json:"due"`
	Message string    `json:"message,omitempty"`
}

func newHeartbeatList(s streams, f *serverFlags) *cobra.Command {
	return listing[heartbeatRow]{
		use: "list", short: "List jobs, and when they ran last", path: fixed("/heartbeats"), member: "heartbeats", none: "No heartbeats are configured.",
		heading: "NAME\tSTATE\tLAST\tDUE\tMESSAGE",
		cells: func(r *heartbeatRow) []any {
			last := "never"
			if !r.Last.IsZero() {
				last = day(r.Last)
			}
			return []any{r.Name, r.State, last, day(r.Due), r.Message}
		},
	}.command(s, f)
}
