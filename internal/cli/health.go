package cli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newHealth(s streams) *cobra.Command {
	var server string
	cmd := &cobra.Command{
		Use: "health", Short: "Ask whether a running Lapwing answers", Args: cobra.NoArgs,
		Long: `Ask whether a running Lapwing answers: exit status 0 when it does, 4 when nobody
does. Made for container health checks. What is wrong inside (a full disk, a refused
configuration) is on the settings page, in /api/v1/health and in lapwing_health_notice.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnv(cmd, "server"); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second)
			defer cancel()
			if !strings.Contains(server, "://") {
				server = "http://" + server
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(server, "/")+"/healthz", nil)
			if err != nil {
				return usageError("--server: %w", err)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return unreachable("no Lapwing answers at %s: %w", server, err)
			}
			defer response.Body.Close() //nolint:errcheck // reading is over
			body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
			if err != nil {
				return unreachable("the answer of %s broke off: %w", server, err)
			}
			fmt.Fprintln(s.out, strings.TrimSpace(string(body)))
			if response.StatusCode != http.StatusOK {
				return unreachable("%s answered %s", server, response.Status)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&server, "server", "http://127.0.0.1:7480", "address of the server (LAPWING_SERVER)")
	return cmd
}
