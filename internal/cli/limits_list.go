package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/app"
)

// limitsList is one call of `lapwing limits list`.
type limitsList struct {
	file, server, token string
	output              string
}

func newLimitsList(s streams) *cobra.Command {
	l := limitsList{}
	cmd := &cobra.Command{
		Use: "list", Short: "List limits, with what they have done since the server's start", Args: cobra.NoArgs,
		Long: `List limits, with what they have done since the server's start. Without a server the
limits of the configuration file are listed.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(l.output); err != nil {
				return err
			}
			if err := fromEnv(cmd, "config", "server", "token"); err != nil {
				return err
			}
			return l.run(cmd, s)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&l.file, "config", "c", defaultFile, "configuration file, where no server answers (LAPWING_CONFIG)")
	flags.StringVar(&l.server, "server", "http://127.0.0.1:7480", "address of the server (LAPWING_SERVER)")
	flags.StringVar(&l.token, "token", "", "API token with the scope read, where the server asks for one (LAPWING_TOKEN)")
	flags.StringVarP(&l.output, "output", "o", "table", "table or json")
	return cmd
}

// limitRow is a limit as it is printed.
type limitRow struct {
	Name   string `json:"name"`
	Key    string `json:"key"`
	Rule   string `json:"rule"`
	Excess string `json:"excess"`

	Counts *limitCounts `json:"counts,omitempty"` // nil without a server
}

// limitCounts is what a limit has done.
type limitCounts struct {
	Allowed  uint64 `json:"allowed"`
	Delayed  uint64 `json:"delayed"`
	Rejected uint64 `json:"rejected"`
	Shadowed uint64 `json:"shadowed"`
	Waiting  int64  `json:"waiting"`
}

func (l *limitsList) run(cmd *cobra.Command, s streams) error {
	rows, err := l.fromServer(cmd.Context())
	if errors.Is(err, errNoServer) && !cmd.Flags().Changed("server") {
		fmt.Fprintf(s.err, "No Lapwing answers at %s; these are the limits of %s.\n", l.server, l.file)
		rows, err = l.fromFile()
	}
	if err != nil {
		return err
	}
	if l.output == "json" {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(rows)
	}
	return printLimits(s, rows)
}

func (l *limitsList) fromFile() ([]limitRow, error) {
	loaded, err := app.LoadConfig(l.file)
	if err != nil {
		return nil, err
	}
	c := limitsOf(&loaded.File)
	rows := []limitRow{}
	for _, d := range c.Describe() {
		rows = append(rows, limitRow{Name: d.Name, Key: d.Key, Rule: d.Rule, Excess: d.Excess})
	}
	return rows, nil
}

var errNoServer = errors.New("no server answers")

// fromServer asks a running server.
func (l *limitsList) fromServer(ctx context.Context) ([]limitRow, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	server := l.server
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(server, "/")+"/api/v1/limits", nil)
	if err != nil {
		return nil, usageError("--server: %w", err)
	}
	if l.token != "" {
		request.Header.Set("Authorization", "Bearer "+l.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, unreachable("%w at %s: %w", errNoServer, server, err)
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, unreachable("%s asks for a token; make one with `lapwing token create NAME --scope read`, and give it with --token or LAPWING_TOKEN", server)
	default:
		return nil, unreachable("%s answered %s", server, response.Status)
	}
	return decodeLimits(io.LimitReader(response.Body, 4<<20))
}

// decodeLimits reads the answer of GET /limits.
func decodeLimits(body io.Reader) ([]limitRow, error) {
	var answer struct {
		Limits []struct {
			limitRow
			limitCounts
		} `json:"limits"`
	}
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return nil, unreachable("the server's answer is not a list of limits: %w", err)
	}
	rows := []limitRow{}
	for _, l := range answer.Limits {
		row := l.limitRow
		row.Counts = &l.limitCounts
		rows = append(rows, row)
	}
	return rows, nil
}

func printLimits(s streams, rows []limitRow) error {
	if len(rows) == 0 {
		fmt.Fprintln(s.err, "No limits. Add some under limits: in the configuration, for instance {name: per-client, rate: 500/minute}")
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	live := rows[0].Counts != nil
	fmt.Fprint(w, "NAME\tCOUNTED BY\tALLOWED\tEXCESS")
	if live {
		fmt.Fprint(w, "\tLET IN\tDELAYED\tREJECTED\tIN SHADOW\tWAITING NOW")
	}
	fmt.Fprintln(w)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s", r.Name, r.Key, r.Rule, r.Excess)
		if c := r.Counts; c != nil {
			fmt.Fprintf(w, "\t%d\t%d\t%d\t%d\t%d", c.Allowed, c.Delayed, c.Rejected, c.Shadowed, c.Waiting)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
