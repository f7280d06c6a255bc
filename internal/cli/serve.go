package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"lapwing.dev/lapwing/internal/app"
)

// defaultFile is the configuration that commands look for.
const defaultFile = "lapwing.yaml"

func newServe(s streams, g *globals) *cobra.Command {
	var file, listen, gateway, data string
	cmd := &cobra.Command{
		Use: "serve", Aliases: []string{"up"}, Short: "Run the checks and the gateway of a configuration, with the web interface", Args: cobra.NoArgs,
		Long: `Run the checks and the gateway of a configuration, with the web interface.

The file is read again when it changes, on SIGHUP, and by POST /api/v1/config/reload.
A file with mistakes changes nothing: what runs goes on, and the mistakes are shown
in the log, on the settings page and in lapwing_config_last_reload_successful.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromEnv(cmd, "config", "listen", "gateway", "data"); err != nil {
				return err
			}
			log := g.logger(s.err)
			a, err := app.New(cmd.Context(), app.Options{
				Log: log, ConfigFile: file, Listen: listen, Gateway: gateway, Data: data, Stdout: s.out,
				OnReady: func(_ context.Context, a *app.App) { announce(s.err, a) },
			})
			if err != nil {
				return err
			}
			stop := reloadOnHangup(cmd.Context(), a)
			defer stop()
			return a.Run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&file, "config", "c", defaultFile, "configuration file (LAPWING_CONFIG)")
	flags.StringVar(&listen, "listen", "", "address of the web interface, instead of the file's (LAPWING_LISTEN)")
	flags.StringVar(&gateway, "gateway", "", "address of the gateway, instead of the file's (LAPWING_GATEWAY)")
	flags.StringVar(&data, "data", "", "folder of the stores, instead of the file's (LAPWING_DATA)")
	return cmd
}

func announce(w io.Writer, a *app.App) {
	fmt.Fprintf(w, "Lapwing %s  ● ready in %s, %s\n  UI      %s\n",
		app.Version().Version, a.StartTook(), plural(a.CheckCount(), "check"), a.URL())
	if url := a.GatewayURL(); url != "" {
		fmt.Fprintf(w, "  Gateway %s\n", url)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// reloadOnHangup reads the configuration again on each SIGHUP, until stop is called.
func reloadOnHangup(ctx context.Context, a *app.App) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-hangups:
				_ = a.Reload(ctx) //nolint:errcheck // the app logs and shows it
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		cancel()
		<-done
	}
}
